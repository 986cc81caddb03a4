"""Cross-origin requests, for a server that allows every origin, as the official suites ask it to
("cors": {"origin": "*"}). Browsers enforce the Fetch standard; a server that gets this wrong is
unreachable from web pages.
"""

from __future__ import annotations

from conformance.case import INTEROP, MUST, case
from conformance.context import Context
from conformance.expectations import expect_status, fail_unless
from conformance.wire import Reply

FETCH = "Fetch standard, CORS protocol"
ORIGIN = "http://a.example"
FOREIGN = (("Origin", ORIGIN),)
PREFLIGHT = (
    *FOREIGN,
    ("Access-Control-Request-Method", "POST"),
    ("Access-Control-Request-Headers", "content-type,x-token"),
)


def allowed(reply: Reply, what: str) -> None:
    """Expect that a page of the foreign origin may read an answer."""
    seen = reply.header("access-control-allow-origin")
    fail_unless(
        seen in ("*", ORIGIN), f"Access-Control-Allow-Origin: {seen} on {what}", f"* or {ORIGIN}"
    )


@case("EIO-CORS-001", FETCH, INTEROP)
async def handshake(ctx: Context) -> None:
    """A handshake by polling with Origin: http://a.example

    200 with Access-Control-Allow-Origin: * (or the origin).
    """
    reply = await ctx.request("GET", "EIO=4&transport=polling", FOREIGN)
    expect_status(reply, 200, "the handshake")
    allowed(reply, "the handshake")


@case("EIO-CORS-002", FETCH, INTEROP)
async def post_and_poll(ctx: Context) -> None:
    """POST and GET of a session with Origin: http://a.example

    Access-Control-Allow-Origin on both answers.
    """
    session = await ctx.polling()
    allowed(await session.post(b"4hello", FOREIGN), "the POST")
    allowed(await ctx.request("GET", session.query, FOREIGN), "the GET")


@case("EIO-CORS-003", FETCH, INTEROP)
async def errors_are_readable(ctx: Context) -> None:
    """GET with an unknown sid and Origin: http://a.example

    Access-Control-Allow-Origin on the error too: the client must learn why.
    """
    reply = await ctx.request("GET", "EIO=4&transport=polling&sid=unknown", FOREIGN)
    allowed(reply, "the error")


@case("EIO-CORS-004", FETCH, INTEROP)
async def preflight(ctx: Context) -> None:
    """OPTIONS with Access-Control-Request-Method: POST

    200 or 204 with Access-Control-Allow-Origin.
    """
    reply = await ctx.request("OPTIONS", "EIO=4&transport=polling", PREFLIGHT)
    fail_unless(reply.status in (200, 204), str(reply), "200 or 204")
    allowed(reply, "the preflight")


@case("EIO-CORS-005", FETCH, INTEROP)
async def preflight_of_a_session(ctx: Context) -> None:
    """OPTIONS for an open session

    200 or 204, and the session goes on.
    """
    session = await ctx.polling()
    reply = await ctx.request("OPTIONS", session.query, PREFLIGHT)
    fail_unless(reply.status in (200, 204), str(reply), "200 or 204")
    await ctx.works(session)


@case("EIO-CORS-006", FETCH, INTEROP)
async def allowed_headers(ctx: Context) -> None:
    """OPTIONS with Access-Control-Request-Headers: content-type,x-token

    Access-Control-Allow-Headers names both: clients may set extraHeaders.
    """
    reply = await ctx.request("OPTIONS", "EIO=4&transport=polling", PREFLIGHT)
    seen = (reply.header("access-control-allow-headers") or "").lower()
    names = {name.strip() for name in seen.split(",")}
    fail_unless(
        {"content-type", "x-token"} <= names or names == {"*"},
        f"Access-Control-Allow-Headers: {seen or 'none'}",
        "content-type,x-token",
    )


@case("EIO-CORS-007", FETCH, MUST)
async def credentials(ctx: Context) -> None:
    """A handshake by polling with Origin: http://a.example

    Not both Access-Control-Allow-Origin: * and Access-Control-Allow-Credentials: true.
    """
    reply = await ctx.request("GET", "EIO=4&transport=polling", FOREIGN)
    fail_unless(
        reply.header("access-control-allow-origin") != "*"
        or reply.header("access-control-allow-credentials") != "true",
        "* together with credentials",
        "one of the two",
    )


@case("EIO-CORS-008", FETCH, INTEROP)
async def websocket(ctx: Context) -> None:
    """A WebSocket with Origin: http://a.example

    101 and the open packet.
    """
    opened = await ctx.open_websocket("EIO=4&transport=websocket", FOREIGN)
    fail_unless(not isinstance(opened, Reply), str(opened), "101")


@case("EIO-CORS-009", "a preflight is a question", MUST)
async def preflight_opens_nothing(ctx: Context) -> None:
    """OPTIONS ?EIO=4&transport=polling

    No open packet in the answer.
    """
    reply = await ctx.request("OPTIONS", "EIO=4&transport=polling", PREFLIGHT)
    fail_unless(not reply.text.startswith("0{"), str(reply), "an empty answer")

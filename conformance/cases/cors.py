"""Requests from pages of other origins. The official suites want a server that allows every origin
("cors": {"origin": "*"}).

Browsers enforce the Fetch standard; pages of other origins cannot use a server that does not follow
it. A server that allows certain origins only is tested with --origin.
"""

from __future__ import annotations

from conformance.case import INTEROP, MUST, case
from conformance.connection import Headers, Reply
from conformance.context import Context
from conformance.expectations import expect_status, fail_unless
from conformance.offer import Feature

FETCH = "Fetch standard, CORS protocol"


def foreign(ctx: Context) -> Headers:
    """Return the headers of a request from a page of another origin that the server allows."""
    ctx.require(Feature.CORS)
    return (("Origin", ctx.settings.origin),)


def preflight_headers(ctx: Context) -> Headers:
    """Return the headers of a preflight: a browser asks whether a page may send."""
    return (
        ("Origin", ctx.settings.origin),
        ("Access-Control-Request-Method", "POST"),
        ("Access-Control-Request-Headers", "content-type,x-token"),
    )


def allowed(ctx: Context, reply: Reply, what: str) -> None:
    """Expect that a page of the other origin may read an answer; `what` names it in the failure."""
    seen = reply.header("access-control-allow-origin")
    origin = ctx.settings.origin
    fail_unless(
        seen in ("*", origin), f"Access-Control-Allow-Origin: {seen} on {what}", f"* or {origin}"
    )


@case("EIO-CORS-001", FETCH, INTEROP)
async def handshake(ctx: Context) -> None:
    """A handshake by polling with Origin: http://a.example (or what --origin names)

    200 with Access-Control-Allow-Origin: * (or the origin).
    """
    reply = await ctx.request("GET", "EIO=4&transport=polling", foreign(ctx))
    expect_status(reply, 200, "the handshake")
    allowed(ctx, reply, "the handshake")


@case("EIO-CORS-002", FETCH, INTEROP)
async def post_and_poll(ctx: Context) -> None:
    """POST and GET of a session with Origin: http://a.example (or what --origin names)

    Access-Control-Allow-Origin on both answers.
    """
    session = await ctx.polling()
    allowed(ctx, await session.post(b"4hello", foreign(ctx)), "the POST")
    allowed(ctx, await ctx.request("GET", session.query, foreign(ctx)), "the GET")


@case("EIO-CORS-003", FETCH, INTEROP)
async def errors_are_readable(ctx: Context) -> None:
    """GET with an unknown sid and Origin: http://a.example

    Access-Control-Allow-Origin on the error too: the client must learn why.
    """
    reply = await ctx.request("GET", "EIO=4&transport=polling&sid=unknown", foreign(ctx))
    allowed(ctx, reply, "the error")


@case("EIO-CORS-004", FETCH, INTEROP)
async def preflight(ctx: Context) -> None:
    """OPTIONS with Access-Control-Request-Method: POST

    200 or 204 with Access-Control-Allow-Origin.
    """
    ctx.require(Feature.CORS)
    reply = await ctx.request("OPTIONS", "EIO=4&transport=polling", preflight_headers(ctx))
    fail_unless(reply.status in (200, 204), str(reply), "200 or 204")
    allowed(ctx, reply, "the preflight")


@case("EIO-CORS-005", FETCH, INTEROP)
async def preflight_of_a_session(ctx: Context) -> None:
    """OPTIONS for an open session

    200 or 204, and the session goes on.
    """
    ctx.require(Feature.CORS)
    session = await ctx.polling()
    reply = await ctx.request("OPTIONS", session.query, preflight_headers(ctx))
    fail_unless(reply.status in (200, 204), str(reply), "200 or 204")
    await ctx.works(session)


@case("EIO-CORS-006", FETCH, INTEROP)
async def allowed_headers(ctx: Context) -> None:
    """OPTIONS with Access-Control-Request-Headers: content-type,x-token

    Access-Control-Allow-Headers names both: clients may set extraHeaders.
    """
    ctx.require(Feature.CORS)
    reply = await ctx.request("OPTIONS", "EIO=4&transport=polling", preflight_headers(ctx))
    seen = (reply.header("access-control-allow-headers") or "").lower()
    names = {name.strip() for name in seen.split(",")}
    fail_unless(
        {"content-type", "x-token"} <= names or names == {"*"},
        f"Access-Control-Allow-Headers: {seen or 'none'}",
        "content-type,x-token",
    )


@case("EIO-CORS-007", FETCH, MUST)
async def credentials(ctx: Context) -> None:
    """A handshake by polling with Origin: http://a.example (or what --origin names)

    Not both Access-Control-Allow-Origin: * and Access-Control-Allow-Credentials: true.
    """
    reply = await ctx.request("GET", "EIO=4&transport=polling", foreign(ctx))
    fail_unless(
        reply.header("access-control-allow-origin") != "*"
        or reply.header("access-control-allow-credentials") != "true",
        "* together with credentials",
        "one of the two",
    )


@case("EIO-CORS-008", FETCH, INTEROP)
async def websocket(ctx: Context) -> None:
    """A WebSocket with Origin: http://a.example (or what --origin names)

    101 and the open packet.
    """
    opened = await ctx.open_websocket("EIO=4&transport=websocket", foreign(ctx))
    fail_unless(not isinstance(opened, Reply), str(opened), "101")


@case("EIO-CORS-009", "a preflight is a question", MUST)
async def preflight_opens_nothing(ctx: Context) -> None:
    """OPTIONS ?EIO=4&transport=polling

    No open packet in the answer.
    """
    reply = await ctx.request("OPTIONS", "EIO=4&transport=polling", preflight_headers(ctx))
    fail_unless(not reply.text.startswith("0{"), str(reply), "an empty answer")

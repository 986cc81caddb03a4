"""Opening a session, and what must not open one (Engine.IO v4, "Handshake")."""

from __future__ import annotations

import contextlib
import json

from conformance.case import INTEROP, MUST, ROBUSTNESS, SHOULD, case
from conformance.connection import Reply
from conformance.context import Context
from conformance.errors import Broken, CaseFailed, Ended
from conformance.expectations import expect, expect_status, fail_unless
from conformance.offer import Feature
from conformance.packets import is_object, read_handshake

HANDSHAKE = 'Engine.IO v4, "Handshake"'
QUERY = 'Engine.IO v4, "Query parameters"'
WEBSOCKET = 'Engine.IO v4, "WebSocket"'
CODES = "error codes of the official server"

KEYS = {"sid", "upgrades", "pingInterval", "pingTimeout", "maxPayload"}


def is_count(value: object) -> bool:
    """Whether a JSON value is a whole number above 0."""
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def check_handshake(handshake: dict[str, object], upgrades: list[str]) -> None:
    """Expect the five keys with sensible values."""
    missing = KEYS - handshake.keys()
    fail_unless(not missing, f"a handshake without {sorted(missing)}", "its five keys")
    expect(handshake["upgrades"], upgrades, "upgrades")
    for key in ("pingInterval", "pingTimeout", "maxPayload"):
        fail_unless(
            is_count(handshake[key]), f"{key}: {handshake[key]!r}", "a whole number above 0"
        )


async def refused(ctx: Context, method: str, query: str) -> Reply:
    """Expect that a request opens no session but gets 400."""
    reply = await ctx.request(method, query)
    expect_status(reply, 400, f"{method} {query or 'without a query'}")
    return reply


async def websocket_refused(ctx: Context, query: str) -> None:
    """Expect that a WebSocket is refused, or opened and closed at once without a handshake."""
    # Whatever the bytes are, no client takes this for a session.
    with contextlib.suppress(Broken):
        await ctx.no_websocket(query)


async def error_body(ctx: Context, method: str, query: str, code: int) -> None:
    """Expect the official server's answer to a bad request."""
    reply = await ctx.request(method, query)
    expected = f'{{"code":{code},"message":…}}'
    fail_unless(reply.status >= 400, str(reply), expected)
    try:
        body = json.loads(reply.text)
    except ValueError:
        raise CaseFailed(str(reply), expected) from None
    if not is_object(body) or body.get("code") != code or not isinstance(body.get("message"), str):
        raise CaseFailed(str(reply), expected)


@case("EIO-OPEN-001", HANDSHAKE, MUST, twin="SIO-ENGINE-001", suite=True)
async def polling_opens(ctx: Context) -> None:
    """GET ?EIO=4&transport=polling

    200 and one open packet with sid, upgrades ["websocket"] (or [] if the server is meant to have
    none: --without upgrade), pingInterval, pingTimeout and maxPayload.
    """
    session = await ctx.polling()
    upgrades = [] if Feature.UPGRADE in ctx.offer.lacks else ["websocket"]
    check_handshake(session.handshake, upgrades)


@case("EIO-OPEN-002", HANDSHAKE, MUST, twin="SIO-ENGINE-002", suite=True)
async def websocket_opens(ctx: Context) -> None:
    """A WebSocket to ?EIO=4&transport=websocket

    101, and one text frame with an open packet whose upgrades are [].
    """
    session = await ctx.websocket()
    check_handshake(session.handshake, [])


@case("EIO-OPEN-003", HANDSHAKE, INTEROP, suite=True)
async def no_other_keys(ctx: Context) -> None:
    """A handshake by polling and one by WebSocket.

    The payload has the document's five keys and no others, as the official suite asserts.
    """
    for session in (await ctx.polling(), await ctx.websocket()):
        expect(sorted(session.handshake), sorted(KEYS), "the keys of the handshake")


@case("EIO-OPEN-004", HANDSHAKE, MUST)
async def every_session_has_its_id(ctx: Context) -> None:
    """Four handshakes by polling, four by WebSocket.

    Eight different session ids.
    """
    sids = {(await ctx.polling()).sid for _ in range(4)}
    sids |= {(await ctx.websocket()).sid for _ in range(4)}
    expect(len(sids), 8, "the number of different ids")


@case("EIO-OPEN-005", "a session id is all that protects a session", ROBUSTNESS)
async def ids_are_long(ctx: Context) -> None:
    """Sixteen handshakes by polling.

    Ids of 16 characters or more that share no prefix of 8 characters: they cannot be guessed from
    one another.
    """
    sids = [(await ctx.polling()).sid for _ in range(16)]
    shortest = min(map(len, sids))
    fail_unless(shortest >= 16, f"a session id of {shortest} characters", "16 or more")
    expect(len({sid[:8] for sid in sids}), 16, "the number of different beginnings")


@case("EIO-OPEN-006", HANDSHAKE, MUST)
async def ids_fit_a_query(ctx: Context) -> None:
    """A handshake by polling.

    The sid can stand in a query as it is: letters, digits, - . _ ~ and what RFC 3986 allows there.
    """
    sid = (await ctx.polling()).sid
    allowed = set("-._~!$'()*,;:@/?")
    fail_unless(
        all((c.isascii() and c.isalnum()) or c in allowed for c in sid),
        f"the sid {sid!r}",
        "characters that need no escape in a query",
    )


@case("EIO-OPEN-007", 'Engine.IO v4, "Headers"', SHOULD)
async def handshake_is_text(ctx: Context) -> None:
    """GET ?EIO=4&transport=polling

    Content-Type: text/plain; charset=UTF-8, as in the document's sample session.
    """
    reply = await ctx.request("GET", "EIO=4&transport=polling")
    seen = (reply.header("content-type") or "").lower().replace(" ", "")
    expect(seen, "text/plain;charset=utf-8", "Content-Type")


@case("EIO-OPEN-008", "official server since 4.7: cache-control", INTEROP)
async def handshake_is_not_stored(ctx: Context) -> None:
    """GET ?EIO=4&transport=polling

    Cache-Control: no-store (or no-cache): a session must not come out of a cache.
    """
    reply = await ctx.request("GET", "EIO=4&transport=polling")
    seen = (reply.header("cache-control") or "").lower()
    fail_unless(
        "no-store" in seen or "no-cache" in seen, f"Cache-Control: {seen or 'none'}", "no-store"
    )


@case("EIO-OPEN-009", QUERY, MUST, twin="SIO-ENGINE-003", suite=True)
async def polling_without_version(ctx: Context) -> None:
    """GET with EIO missing, then with EIO=abc.

    400 both times.
    """
    await refused(ctx, "GET", "transport=polling")
    await refused(ctx, "GET", "EIO=abc&transport=polling")


@case("EIO-OPEN-010", QUERY, MUST)
async def other_versions(ctx: Context) -> None:
    """GET with EIO=3, EIO=5, EIO=40 and EIO= (empty).

    400 each time: the target speaks version 4 only.
    """
    for version in ("3", "5", "40", ""):
        await refused(ctx, "GET", f"EIO={version}&transport=polling")


@case("EIO-OPEN-011", QUERY, MUST, twin="SIO-ENGINE-004", suite=True)
async def polling_without_transport(ctx: Context) -> None:
    """GET with transport missing, then with transport=abc.

    400 both times.
    """
    await refused(ctx, "GET", "EIO=4")
    await refused(ctx, "GET", "EIO=4&transport=abc")


@case("EIO-OPEN-012", QUERY, MUST)
async def near_transports(ctx: Context) -> None:
    """GET with transport=POLLING, transport= (empty) and transport=webtransport.

    400 each time.
    """
    for transport in ("POLLING", "", "webtransport"):
        await refused(ctx, "GET", f"EIO=4&transport={transport}")


@case(
    "EIO-OPEN-013",
    'Engine.IO v4, test suite: "fails with an invalid request method"',
    INTEROP,
    twin="SIO-ENGINE-005",
    suite=True,
)
async def handshake_by_another_method(ctx: Context) -> None:
    """A handshake by POST, then one by PUT.

    400 both times.
    """
    for method in ("POST", "PUT"):
        reply = await ctx.request(method, "EIO=4&transport=polling", body=b"")
        expect_status(reply, 400, f"a handshake by {method}")


@case("EIO-OPEN-014", HANDSHAKE, INTEROP)
async def handshake_by_rare_methods(ctx: Context) -> None:
    """A handshake by DELETE, then one by PATCH.

    An error status, and no session.
    """
    for method in ("DELETE", "PATCH"):
        reply = await ctx.request(method, "EIO=4&transport=polling")
        fail_unless(reply.status >= 400, f"{reply} for {method}", "an error status")


@case("EIO-OPEN-015", CODES, INTEROP)
async def code_of_a_bad_version(ctx: Context) -> None:
    """GET ?EIO=5&transport=polling

    An error with the body {"code":5,"message":…}.
    """
    ctx.require(Feature.POLLING)
    await error_body(ctx, "GET", "EIO=5&transport=polling", 5)


@case("EIO-OPEN-016", CODES, INTEROP)
async def code_of_a_bad_transport(ctx: Context) -> None:
    """GET ?EIO=4&transport=abc

    An error with the body {"code":0,"message":…}.
    """
    await error_body(ctx, "GET", "EIO=4&transport=abc", 0)


@case("EIO-OPEN-017", CODES, INTEROP)
async def code_of_an_unknown_session(ctx: Context) -> None:
    """GET ?EIO=4&transport=polling&sid=unknown

    An error with the body {"code":1,"message":…}: the official client's users look for this one.
    """
    ctx.require(Feature.POLLING)
    await error_body(ctx, "GET", "EIO=4&transport=polling&sid=unknown", 1)


@case("EIO-OPEN-018", CODES, INTEROP)
async def code_of_a_bad_method(ctx: Context) -> None:
    """DELETE ?EIO=4&transport=polling

    An error with the body {"code":2,"message":…}.
    """
    await error_body(ctx, "DELETE", "EIO=4&transport=polling", 2)


@case("EIO-OPEN-019", 'Engine.IO v4, "Sending data", "Receiving data"', MUST)
async def unknown_session(ctx: Context) -> None:
    """GET and POST with sid=unknown.

    400 both times.
    """
    await refused(ctx, "GET", "EIO=4&transport=polling&sid=unknown")
    reply = await ctx.request("POST", "EIO=4&transport=polling&sid=unknown", body=b"4x")
    expect_status(reply, 400, "the POST")


@case("EIO-OPEN-020", QUERY, MUST)
async def other_parameters(ctx: Context) -> None:
    """GET ?t=N8hyd6w&b64=1&EIO=4&token=a%20b&transport=polling

    A session: order and further parameters make no difference.
    """
    ctx.require(Feature.POLLING)
    reply = await ctx.request("GET", "t=N8hyd6w&b64=1&EIO=4&token=a%20b&transport=polling")
    expect_status(reply, 200, "the handshake")
    read_handshake(reply.text)


@case("EIO-OPEN-021", "RFC 3986, section 2.1", INTEROP)
async def escaped_parameters(ctx: Context) -> None:
    """GET ?EIO=%34&transport=pollin%67

    A session: escapes mean the characters that they stand for.
    """
    ctx.require(Feature.POLLING)
    reply = await ctx.request("GET", "EIO=%34&transport=pollin%67")
    expect_status(reply, 200, "the handshake")
    read_handshake(reply.text)


@case("EIO-OPEN-022", WEBSOCKET, MUST, twin="SIO-ENGINE-006", suite=True)
async def websocket_without_version(ctx: Context) -> None:
    """A WebSocket with EIO missing, then with EIO=abc.

    Both are refused, or closed.
    """
    await websocket_refused(ctx, "transport=websocket")
    await websocket_refused(ctx, "EIO=abc&transport=websocket")


@case("EIO-OPEN-023", WEBSOCKET, MUST, twin="SIO-ENGINE-007", suite=True)
async def websocket_without_transport(ctx: Context) -> None:
    """A WebSocket with transport missing, then with transport=abc.

    Both are refused, or closed.
    """
    await websocket_refused(ctx, "EIO=4")
    await websocket_refused(ctx, "EIO=4&transport=abc")


@case("EIO-OPEN-024", WEBSOCKET, MUST)
async def websocket_of_an_unknown_session(ctx: Context) -> None:
    """A WebSocket with sid=unknown.

    It is refused, or closed.
    """
    await websocket_refused(ctx, "EIO=4&transport=websocket&sid=unknown")


@case("EIO-OPEN-025", QUERY, INTEROP)
async def websocket_named_polling(ctx: Context) -> None:
    """A WebSocket to ?EIO=4&transport=polling

    It is refused, or closed.
    """
    await websocket_refused(ctx, "EIO=4&transport=polling")


@case("EIO-OPEN-026", QUERY, MUST)
async def websocket_without_upgrade(ctx: Context) -> None:
    """GET ?EIO=4&transport=websocket without the headers of a WebSocket.

    400.
    """
    await refused(ctx, "GET", "EIO=4&transport=websocket")


@case("EIO-OPEN-027", HANDSHAKE, MUST)
async def path_is_compared(ctx: Context) -> None:
    """GET /no-such-path-0/?EIO=4&transport=polling

    No session: whatever answers, it is no open packet.
    """
    connection = await ctx.connection()
    connection.request("GET", "/no-such-path-0/?EIO=4&transport=polling")
    reply = await connection.reply()
    fail_unless(not reply.text.startswith("0{"), str(reply), "anything but an open packet")


@case("EIO-OPEN-028", "official server: HEAD is no handshake", INTEROP)
async def handshake_by_head(ctx: Context) -> None:
    """HEAD ?EIO=4&transport=polling

    An error status.
    """
    reply = await ctx.request("HEAD", "EIO=4&transport=polling")
    fail_unless(reply.status >= 400, str(reply.status), "an error status")


@case("EIO-OPEN-029", "names out of a request are data", ROBUSTNESS)
async def names_of_the_language(ctx: Context) -> None:
    """GET with transport=__proto__, transport=constructor, sid=__proto__ and sid=__class__.

    400 each time, and the server still works.
    """
    for name in ("__proto__", "constructor"):
        await refused(ctx, "GET", f"EIO=4&transport={name}")
    for name in ("__proto__", "__class__"):
        await refused(ctx, "GET", f"EIO=4&transport=polling&sid={name}")
    await ctx.is_alive()


@case("EIO-OPEN-030", HANDSHAKE, ROBUSTNESS)
async def id_of_the_clients_choice(ctx: Context) -> None:
    """GET with a sid that was never given out, twice.

    400 both times: the first request must not create the session.
    """
    for _ in range(2):
        await refused(ctx, "GET", "EIO=4&transport=polling&sid=0123456789abcdefghij")


@case("EIO-OPEN-031", "RFC 6455, section 4.2.2", MUST)
async def refusal_is_well_formed(ctx: Context) -> None:
    """A WebSocket with EIO=abc.

    Either an HTTP answer with an error status, or 101 followed by a close frame; nothing that is
    neither.
    """
    opened = await ctx.open_websocket("EIO=abc&transport=websocket")
    if not isinstance(opened, Reply):
        try:
            await opened.receive()
        except Ended as ended:
            fail_unless(ended.code != 1006, ended.got, "a close frame")

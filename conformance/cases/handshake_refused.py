"""Requests that must not open a session, and how they are refused (Engine.IO v4, "Handshake")."""

from __future__ import annotations

import contextlib
import json

from conformance.case import INTEROP, MUST, ROBUSTNESS, case
from conformance.connection import Reply
from conformance.context import Context
from conformance.errors import Broken, CaseFailed, Ended
from conformance.expectations import expect_status, fail_unless
from conformance.offer import Feature
from conformance.packets import is_object

HANDSHAKE = 'Engine.IO v4, "Handshake"'
QUERY = 'Engine.IO v4, "Query parameters"'
WEBSOCKET = 'Engine.IO v4, "WebSocket"'
CODES = "error codes of the official server"


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

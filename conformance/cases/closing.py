"""The end of a session, asked for by the client (Engine.IO v4, "Protocol": the close packet)."""

from __future__ import annotations

import contextlib

from conformance.case import INTEROP, MUST, ROBUSTNESS, SHOULD, Needs, Phase, case
from conformance.connection import within
from conformance.context import Context
from conformance.errors import NO_CLOSE_FRAME, Ended
from conformance.expectations import expect_status, fail_unless
from conformance.packets import decode_payload, show
from conformance.sessions import WebSocketSession

CLOSE = 'Engine.IO v4, "Protocol": the close packet'
SUITE = 'Engine.IO v4, test suite: "forcefully closes the session"'


@case("EIO-CLOSE-001", SUITE, INTEROP, twin="SIO-ENGINE-015", suite=True)
async def close_while_polling(ctx: Context) -> None:
    """GET, and while it waits POST `1`

    The GET is answered with 200 `6`; then a GET gets 400.
    """
    session = await ctx.polling()
    waiting = await session.park()
    await session.deliver("3")
    expect_status(await session.post(b"1"), 200, "the POST")
    reply = await waiting.reply()
    fail_unless(
        reply.status == 200 and [p for p in decode_payload(reply.text) if p != "2"] == ["6"],
        str(reply),
        "200 6",
    )
    await session.expect_closed()


@case(
    "EIO-CLOSE-002",
    SUITE,
    MUST,
    twin="SIO-ENGINE-016",
    suite=True,
    phase=Phase.TIMED,
    needs=Needs(intervals=1, timeouts=1),
)
async def close_on_a_websocket(ctx: Context) -> None:
    """The frame `1`, and from then on nothing, not even a pong

    The WebSocket is closed, at the latest by the ping timeout.
    """
    session = await ctx.lasting_websocket()
    session.send("1")
    # A server that pings on must not keep the case for ever.
    await within(ctx.give_up, silent_until_closed(ctx, session), "the WebSocket to be closed")


async def silent_until_closed(ctx: Context, session: WebSocketSession) -> None:
    """Answer nothing until the server closes the WebSocket."""
    with contextlib.suppress(Ended):
        while True:
            packet = await session.socket.receive(ctx.give_up, "the WebSocket to be closed")
            fail_unless(packet in ("1", "2"), show(packet), "the WebSocket to be closed")


@case("EIO-CLOSE-003", CLOSE, SHOULD)
async def close_at_once(ctx: Context) -> None:
    """The frame `1`; the client still answers pings

    The WebSocket is closed: the packet asks for it, and the ping timeout is for those who vanish.
    """
    session = await ctx.websocket()
    session.send("1")
    await session.expect_closed()


@case("EIO-CLOSE-004", CLOSE, MUST)
async def close_without_a_poll(ctx: Context) -> None:
    """POST `1` while no GET waits

    200 ok; then a GET gets 400.
    """
    session = await ctx.polling()
    expect_status(await session.post(b"1"), 200, "the POST")
    await session.expect_closed()


@case("EIO-CLOSE-005", CLOSE, MUST)
async def closed_for_every_request(ctx: Context) -> None:
    """POST `1`; then a GET, a POST and a WebSocket with the same sid

    400 for the requests; the WebSocket is refused or closed.
    """
    session = await ctx.polling()
    await session.post(b"1")
    await session.expect_closed()
    expect_status(await session.post(b"4x"), 400, "the POST")
    await ctx.no_websocket(f"EIO=4&transport=websocket&sid={session.sid}", "2probe")


@case("EIO-CLOSE-006", CLOSE, MUST)
async def end_by_close_frame(ctx: Context) -> None:
    """A WebSocket that the client closes with a close frame

    A close frame in return, and the session is over: a GET with its sid gets 400.
    """
    session = await ctx.websocket()
    session.socket.close()
    ended = await session.expect_closed()
    fail_unless(ended.code != NO_CLOSE_FRAME, ended.got, "a close frame")
    query = f"EIO=4&transport=polling&sid={session.sid}"
    expect_status(await ctx.request("GET", query), 400, "the GET")


@case("EIO-CLOSE-007", CLOSE, MUST)
async def others_go_on(ctx: Context) -> None:
    """Two sessions of each transport; one of each is closed with `1`

    The other two go on.
    """
    polling, other_polling = await ctx.polling(), await ctx.polling()
    websocket, other_websocket = await ctx.websocket(), await ctx.websocket()
    await polling.post(b"1")
    websocket.send("1")
    await ctx.works(other_polling)
    await ctx.works(other_websocket)


@case("EIO-CLOSE-008", CLOSE, ROBUSTNESS)
async def packets_behind_a_close(ctx: Context) -> None:
    """POST `1` and `4late` in one payload

    The session is closed, and the server still works.
    """
    session = await ctx.polling()
    await session.post(b"1\x1e4late")
    await session.expect_closed()
    await ctx.is_alive()


@case("EIO-CLOSE-009", CLOSE, ROBUSTNESS)
async def connection_that_breaks(ctx: Context) -> None:
    """Ten WebSockets that the client resets

    The server still works.
    """
    for _ in range(10):
        (await ctx.websocket()).socket.connection.abort()
    await ctx.is_alive()

"""Pings, pongs, and what follows from their absence (Engine.IO v4, "Heartbeat").

In these cases no ping is answered unless the case says so. The limits are those of a client: it
gives up after pingInterval + pingTimeout without a ping. So a ping may come as late as that, plus
the tool's own `--wait` for slow networks; it may not come early.
"""

from __future__ import annotations

import asyncio
import contextlib

from conformance.case import MUST, ROBUSTNESS, SHOULD, Needs, Phase, case
from conformance.context import Context
from conformance.errors import CaseFailed, Ended, NoAnswer
from conformance.expectations import expect, fail_unless
from conformance.packets import decode_payload
from conformance.sessions import PollingSession

HEARTBEAT = 'Engine.IO v4, "Heartbeat"'

# A ping or an end may come after this part of its time: the open packet took time to arrive.
EARLY = 0.85


def now() -> float:
    """Return the time of the event loop's clock, in seconds."""
    return asyncio.get_running_loop().time()


@case(
    "EIO-BEAT-001",
    HEARTBEAT,
    MUST,
    twin="SIO-ENGINE-011",
    suite=True,
    phase=Phase.TIMED,
    needs=Needs(intervals=3),
)
async def pings_by_polling(ctx: Context) -> None:
    """Three times: a GET, and the pong by POST

    The GET is answered with `2`, alone and without payload; the POST with ok.
    """
    session = await ctx.lasting_polling()
    for _ in range(3):
        reply = await (await session.park()).reply(ctx.give_up, "the waiting GET to be answered")
        expect(reply.text, "2", "the body of the poll")
        reply = await session.post(b"3")
        fail_unless(reply.status == 200 and reply.text == "ok", str(reply), "200 ok")


@case(
    "EIO-BEAT-002",
    HEARTBEAT,
    MUST,
    twin="SIO-ENGINE-012",
    suite=True,
    phase=Phase.TIMED,
    needs=Needs(intervals=3),
)
async def pings_by_websocket(ctx: Context) -> None:
    """Three times: wait, and answer `3`

    `2` each time, without payload.
    """
    session = await ctx.lasting_websocket()
    for _ in range(3):
        expect(await session.socket.receive(ctx.give_up, "a ping"), "2", "the packet")
        session.send("3")


@case(
    "EIO-BEAT-003",
    HEARTBEAT,
    SHOULD,
    twin="SIO-ENGINE-013",
    suite=True,
    phase=Phase.TIMED,
    needs=Needs(intervals=1, timeouts=1),
)
async def polling_without_pongs(ctx: Context) -> None:
    """A session that polls and sends no pong

    After pingInterval + pingTimeout the session is closed: a GET gets 400.
    """
    session = await ctx.lasting_polling()
    await until_closed(ctx, session, now() + 2 * ctx.give_up)


async def until_closed(ctx: Context, session: PollingSession, end: float) -> None:
    """Poll until a GET gets 400, without answering pings."""
    while now() < end:
        try:
            reply = await (await session.park()).reply(
                ctx.give_up, "the waiting GET to be answered"
            )
        except (NoAnswer, Ended):
            break
        if reply.status == 400:
            return
        fail_unless(
            reply.status == 200 and set(decode_payload(reply.text)) <= {"1", "2", "6"},
            str(reply),
            "a ping, and then 400",
        )
    raise CaseFailed("a session that is still open", "it to be closed without pongs")


@case(
    "EIO-BEAT-004",
    HEARTBEAT,
    SHOULD,
    twin="SIO-ENGINE-014",
    suite=True,
    phase=Phase.TIMED,
    needs=Needs(intervals=1, timeouts=1),
)
async def websocket_without_pongs(ctx: Context) -> None:
    """A WebSocket that sends no pong

    `2`, and after pingTimeout the server closes the WebSocket.
    """
    session = await ctx.lasting_websocket()
    expect(await session.socket.receive(ctx.give_up, "a ping"), "2", "the first packet")
    try:
        packet = await session.socket.receive(ctx.timings.ping_timeout + ctx.wait)
    except Ended:
        return
    except NoAnswer:
        raise CaseFailed(
            "a WebSocket that is still open", "it to be closed without pongs"
        ) from None
    expect(packet, "1", "the packet after a ping without a pong")


@case("EIO-BEAT-005", HEARTBEAT, MUST, phase=Phase.TIMED, needs=Needs(intervals=1))
async def first_ping_is_not_early(ctx: Context) -> None:
    """A WebSocket that waits

    The first `2` comes about a pingInterval after the handshake, not before.
    """
    session = await ctx.websocket()
    start = now()
    expect(await session.socket.receive(ctx.give_up, "a ping"), "2", "the packet")
    passed = now() - start
    fail_unless(
        passed >= ctx.timings.ping_interval * EARLY,
        f"the first ping after {passed:.3f} s",
        f"it after {ctx.timings.ping_interval:g} s (pingInterval)",
    )


@case("EIO-BEAT-006", HEARTBEAT, MUST, phase=Phase.TIMED, needs=Needs(intervals=2))
async def pings_keep_their_interval(ctx: Context) -> None:
    """A pong at once after the first `2`

    The next `2` comes about a pingInterval later, not before.
    """
    session = await ctx.websocket()
    expect(await session.socket.receive(ctx.give_up, "a ping"), "2", "the packet")
    session.send("3")
    start = now()
    expect(await session.socket.receive(ctx.give_up, "a ping"), "2", "the packet")
    passed = now() - start
    fail_unless(
        passed >= ctx.timings.ping_interval * EARLY,
        f"the second ping {passed:.3f} s after the first",
        f"about {ctx.timings.ping_interval:g} s (pingInterval)",
    )


@case("EIO-BEAT-007", HEARTBEAT, MUST, phase=Phase.TIMED, needs=Needs(intervals=1, timeouts=1))
async def end_is_not_early(ctx: Context) -> None:
    """A WebSocket that sends no pong

    It stays open for pingTimeout after the `2`: a slow client has that long.
    """
    session = await ctx.websocket()
    expect(await session.socket.receive(ctx.give_up, "a ping"), "2", "the packet")
    start = now()
    with contextlib.suppress(Ended, NoAnswer):
        await session.socket.receive(ctx.timings.ping_timeout + ctx.wait)
    passed = now() - start
    fail_unless(
        passed >= ctx.timings.ping_timeout * EARLY,
        f"an end {passed:.3f} s after the ping",
        f"{ctx.timings.ping_timeout:g} s (pingTimeout)",
    )


@case("EIO-BEAT-008", HEARTBEAT, MUST, phase=Phase.TIMED, needs=Needs(intervals=5, timeouts=1))
async def late_pongs_count(ctx: Context) -> None:
    """Five pings, each answered after half a pingTimeout

    The session goes on.
    """
    session = await ctx.websocket()
    for _ in range(5):
        expect(await session.socket.receive(ctx.give_up, "a ping"), "2", "the packet")
        await asyncio.sleep(ctx.timings.ping_timeout / 2)
        session.send("3")
    session.send("4hello")
    await session.expect("4hello")


@case("EIO-BEAT-009", HEARTBEAT, MUST, phase=Phase.TIMED, needs=Needs(intervals=1))
async def messages_between_ping_and_pong(ctx: Context) -> None:
    """After `2`, first `4hello` and then `3`

    `4hello` comes back, and the session goes on.
    """
    session = await ctx.websocket()
    expect(await session.socket.receive(ctx.give_up, "a ping"), "2", "the packet")
    session.send("4hello", "3")
    expect(await session.socket.receive(expected="4hello"), "4hello", "the echo")
    await ctx.works(session)


@case("EIO-BEAT-010", HEARTBEAT, MUST, phase=Phase.TIMED, needs=Needs(intervals=1))
async def ping_waits_for_the_poll(ctx: Context) -> None:
    """No GET until pingInterval has passed; then one

    `2` at once: a ping that found no GET is kept for the next.
    """
    session = await ctx.polling()
    await asyncio.sleep(ctx.timings.ping_interval + min(0.5, ctx.timings.ping_timeout / 4))
    reply = await session.get()
    expect(reply.text, "2", "the body of the poll")


@case("EIO-BEAT-011", HEARTBEAT, SHOULD, phase=Phase.TIMED, needs=Needs(intervals=1, timeouts=1))
async def waiting_poll_at_the_end(ctx: Context) -> None:
    """A session that answers no ping and always has a GET waiting

    The GET that waits when the session ends is answered, and does not hang.
    """
    session = await ctx.polling()
    end = now() + 2 * ctx.give_up
    while now() < end:
        reply = await (await session.park()).reply(ctx.give_up, "the waiting GET to be answered")
        if reply.status == 400 or "1" in decode_payload(reply.text):
            return
    raise CaseFailed("a session that is still open", "it to be closed without pongs")


@case("EIO-BEAT-012", HEARTBEAT, MUST, phase=Phase.TIMED, needs=Needs(intervals=2))
async def unasked_pongs(ctx: Context) -> None:
    """Ten pongs before the first ping, and then silence

    One `2` at its time, and only one: a pong that nobody asked for starts nothing.
    """
    session = await ctx.websocket()
    session.send(*["3"] * 10)
    pings = 0
    end = now() + ctx.timings.ping_interval + ctx.timings.ping_timeout / 2
    while (left := end - now()) > 0:
        try:
            expect(await session.socket.receive(left, "a ping or nothing"), "2", "the packet")
        except NoAnswer:
            break
        pings += 1
    expect(pings, 1, "the number of pings")


@case(
    "EIO-BEAT-013", HEARTBEAT, ROBUSTNESS, phase=Phase.TIMED, needs=Needs(intervals=3, timeouts=2)
)
async def pongs_do_not_replace_pings(ctx: Context) -> None:
    """A pong five times a pingInterval, unasked, for two pingIntervals and a pingTimeout

    `2` comes all the same: a client that sends pongs must not put off the check for ever.
    """
    session = await ctx.websocket()
    end = now() + 2 * ctx.timings.ping_interval + ctx.timings.ping_timeout
    while now() < end:
        session.send("3")
        try:
            expect(
                await session.socket.receive(ctx.timings.ping_interval / 5, "a ping"),
                "2",
                "the packet",
            )
        except NoAnswer:
            continue
        return
    raise CaseFailed("no ping while the client sent pongs", "one a pingInterval")


@case(
    "EIO-BEAT-014", HEARTBEAT, ROBUSTNESS, phase=Phase.TIMED, needs=Needs(intervals=2, timeouts=3)
)
async def messages_do_not_replace_pongs(ctx: Context) -> None:
    """Messages without a break, but no pong

    The session is closed, at the latest one pingTimeout after the usual time.
    """
    session = await ctx.websocket()
    end = now() + ctx.timings.ping_interval + 3 * ctx.timings.ping_timeout + ctx.wait
    try:
        while now() < end:
            session.send("4still here")
            await session.socket.receive(ctx.wait)
            await asyncio.sleep(ctx.timings.ping_timeout / 10)
    except Ended:
        return
    except NoAnswer:
        # The server answers no more, and has not closed the WebSocket.
        pass
    raise CaseFailed("a WebSocket that is still open", "it to be closed without pongs")


@case("EIO-BEAT-015", HEARTBEAT, MUST, phase=Phase.TIMED, needs=Needs(intervals=3, timeouts=3))
async def long_life(ctx: Context) -> None:
    """A session that polls and answers each ping, for three intervals and timeouts

    It goes on.
    """
    session = await ctx.polling()
    end = now() + 3 * (ctx.timings.ping_interval + ctx.timings.ping_timeout)
    while now() < end:
        reply = await (await session.park()).reply(ctx.give_up, "the waiting GET to be answered")
        expect(reply.text, "2", "the body of the poll")
        await session.deliver("3")
    await ctx.works(session)

"""From polling to WebSocket: the steps, their races, and how an upgrade fails
(Engine.IO v4, "Upgrade").
"""

from __future__ import annotations

import asyncio

from conformance.case import INTEROP, MUST, ROBUSTNESS, SHOULD, Needs, case
from conformance.context import Context
from conformance.errors import CaseFailed, Ended
from conformance.expectations import expect, expect_status, fail_unless
from conformance.frames import packet_frame
from conformance.offer import Feature
from conformance.packets import Packet, decode_payload
from conformance.sessions import PollingSession, WebSocketSession

UPGRADE = 'Engine.IO v4, "Upgrade"'
SUITE = "Engine.IO v4, test suite"


@case("EIO-UPG-001", UPGRADE, MUST, twin="SIO-ENGINE-008", suite=True)
async def upgrade(ctx: Context) -> None:
    """A polling session; a WebSocket with its sid; `2probe`; a GET; `5`; a message

    `3probe`; the GET is answered (with `6`); the message works on the WebSocket.
    """
    polling, candidate = await ctx.probe()
    packets: list[Packet] = ["2"]
    while packets == ["2"]:
        waiting = await polling.park()
        reply = await waiting.reply(expected="the GET after 3probe to be answered")
        expect_status(reply, 200, "the GET after 3probe")
        packets = decode_payload(reply.text)
    expect([p for p in packets if p != "2"][:1], ["6"], "the noop")
    candidate.send("5")
    if ctx.path == ctx.settings.paths.engine:
        candidate.send("4hello")
        await candidate.expect("4hello")
    else:
        ctx.require(Feature.HANDLERS)
        await candidate.join()


@case(
    "EIO-UPG-002",
    f'{SUITE}: "ignores HTTP requests with same sid after upgrade"',
    MUST,
    twin="SIO-ENGINE-009",
    suite=True,
)
async def http_after_the_upgrade(ctx: Context) -> None:
    """After the upgrade, a GET with the session's sid; then a message on the WebSocket

    400 for the GET; the session goes on.
    """
    polling, websocket = await ctx.upgrade()
    await settle_upgrade(ctx, polling, websocket)
    expect_status(await polling.get(), 400, "the GET")
    await ctx.works(websocket)


@case(
    "EIO-UPG-003",
    f'{SUITE}: "ignores WebSocket connection with same sid after upgrade"',
    MUST,
    twin="SIO-ENGINE-010",
    suite=True,
)
async def second_websocket_after_the_upgrade(ctx: Context) -> None:
    """After the upgrade, a second WebSocket with the same sid

    It is refused or closed; the session goes on with the first.
    """
    polling, websocket = await ctx.upgrade()
    await settle_upgrade(ctx, polling, websocket)
    await ctx.no_websocket(f"EIO=4&transport=websocket&sid={polling.sid}")
    await ctx.works(websocket)


async def settle_upgrade(
    ctx: Context, polling: PollingSession, websocket: WebSocketSession
) -> None:
    """Wait until the server has read `5`: a message on the WebSocket is answered."""
    if ctx.path == ctx.settings.paths.engine:
        await ctx.works(websocket)
    else:
        ctx.require(Feature.HANDLERS)
        await websocket.join()


@case("EIO-UPG-004", UPGRADE, MUST)
async def waiting_poll_is_released(ctx: Context) -> None:
    """A GET waits; then a WebSocket and `2probe`

    `3probe`, and the waiting GET is answered with `6`.
    """
    polling = await ctx.polling()
    waiting = await polling.park()
    await polling.deliver("3")
    candidate = await ctx.candidate(polling.sid)
    candidate.send("2probe")
    await candidate.expect("3probe")
    reply = await waiting.reply(expected="the waiting GET to be answered")
    expect_status(reply, 200, "the waiting GET")
    packets = decode_payload(reply.text)
    if packets == ["2"]:
        await polling.deliver("3")
        packets = decode_payload((await polling.get()).text)
    fail_unless("6" in packets, str(reply), "200 6")


@case("EIO-UPG-005", "official client: it may poll again before it reads 3probe", INTEROP)
async def every_poll_is_released(ctx: Context) -> None:
    """`2probe`, `3probe`, and then three GETs, one after the other

    Each is answered soon: a client that polls once more must not wait for the next ping.
    """
    polling, _ = await ctx.probe()
    for _ in range(3):
        waiting = await polling.park()
        reply = await waiting.reply(max(1.0, ctx.wait / 2), "a GET after 3probe to be answered")
        expect_status(reply, 200, "a GET after 3probe")
        if "2" in decode_payload(reply.text):
            await polling.deliver("3")


@case("EIO-UPG-006", UPGRADE, MUST)
async def message_behind_the_upgrade(ctx: Context) -> None:
    """`5` and `4hello` in one TCP segment

    `4hello` comes back on the WebSocket.
    """
    _, candidate = await ctx.probe()
    candidate.send("5", "4hello")
    await candidate.expect("4hello")


@case("EIO-UPG-007", UPGRADE, MUST)
async def nothing_is_lost(ctx: Context) -> None:
    """Three messages by POST that nobody fetches; then the upgrade, without a GET

    All three come on the WebSocket, in order and once each.
    """
    polling = await ctx.polling()
    await polling.deliver("4one", "4two", "4three")
    candidate = await ctx.candidate(polling.sid)
    candidate.send("2probe")
    await candidate.expect("3probe")
    candidate.send("5", "4four")
    await candidate.expect("4one", "4two", "4three", "4four")


@case("EIO-UPG-008", UPGRADE, MUST)
async def messages_while_probing(ctx: Context) -> None:
    """`2probe`, `3probe`; POST `4one`; `5` and `4two`

    `4one` and `4two`, in this order, once each.
    """
    polling, candidate = await ctx.probe()
    await polling.deliver("4one")
    candidate.send("5", "4two")
    await candidate.expect("4one", "4two")


@case("EIO-UPG-009", UPGRADE, MUST)
async def order_through_an_upgrade(ctx: Context) -> None:
    """Messages without a break: 30 by POST before and while probing, 30 by WebSocket after `5`,
    with a GET waiting all the time

    All 60, in order, once each, over both transports together.
    """
    polling = await ctx.polling()
    seen: list[str | bytes] = []
    number = 0
    # Sent with the next message: two POSTs at once are not allowed.
    pong: list[str] = []

    async def poll() -> None:
        while True:
            reply = await (await polling.park()).reply()
            if reply.status != 200:
                return
            packets = decode_payload(reply.text)
            seen.extend(packet for packet in packets if packet not in ("1", "2", "6"))
            if "2" in packets:
                pong[:] = ["3"]
            if "6" in packets or "1" in packets:
                return

    async def post(count: int) -> None:
        nonlocal number
        for _ in range(count):
            due = [*pong, f"4{number}"]
            pong.clear()
            await polling.deliver(*due)
            number += 1

    polls = asyncio.create_task(poll())
    try:
        await post(15)
        candidate = await ctx.candidate(polling.sid)
        await post(5)
        candidate.send("2probe")
        await candidate.expect("3probe")
        await post(10)
        await polls
    finally:
        polls.cancel()
    candidate.send("5", *(f"4{index}" for index in range(30, 60)))
    while len(seen) < 60:
        seen.append(await candidate.next_packet(f"4{len(seen)}"))
    expect(seen, [f"4{index}" for index in range(60)], "the messages")


@case("EIO-UPG-010", UPGRADE, MUST)
async def binary_through_an_upgrade(ctx: Context) -> None:
    """POST `bAQIDBA==` that nobody fetches; then the upgrade

    A binary frame of the bytes 01 02 03 04: no base64 on a WebSocket.
    """
    polling, candidate = await ctx.probe()
    await polling.deliver(b"\x01\x02\x03\x04")
    candidate.send("5")
    await candidate.expect(b"\x01\x02\x03\x04")


@case("EIO-UPG-011", "official server: a candidate that breaks the order is closed", INTEROP)
async def wrong_probe(ctx: Context) -> None:
    """A WebSocket with the session's sid, and `2wrong`

    No `3probe`; the WebSocket is closed, and the session goes on by polling.
    """
    polling = await ctx.polling()
    candidate = await ctx.candidate(polling.sid)
    candidate.send("2wrong")
    await candidate.expect_closed()
    await ctx.works(polling)


@case("EIO-UPG-012", "official server: a candidate that breaks the order is closed", INTEROP)
async def message_before_the_probe(ctx: Context) -> None:
    """A WebSocket with the session's sid, and `4hello` without a probe

    No echo on the WebSocket, which is closed; the session goes on by polling.
    """
    polling = await ctx.polling()
    candidate = await ctx.candidate(polling.sid)
    candidate.send("4hello")
    await candidate.expect_closed()
    await ctx.works(polling)


@case("EIO-UPG-013", "official server: a candidate that breaks the order is closed", INTEROP)
async def message_between_probe_and_upgrade(ctx: Context) -> None:
    """`2probe`, `3probe`, and `4hello` before `5`

    No echo on the WebSocket, which is closed; the session goes on by polling.
    """
    polling, candidate = await ctx.probe()
    candidate.send("4hello")
    await candidate.expect_closed()
    await ctx.works(polling)


@case("EIO-UPG-014", UPGRADE, SHOULD)
async def upgrade_without_a_probe(ctx: Context) -> None:
    """A WebSocket with the session's sid, and `5` without a probe

    The WebSocket is closed, and the session goes on by polling: the probe is a MUST for the client.
    """
    polling = await ctx.polling()
    candidate = await ctx.candidate(polling.sid)
    candidate.send("5")
    await candidate.expect_closed()
    await ctx.works(polling)


@case("EIO-UPG-015", "official server: a lost candidate leaves the session as it was", INTEROP)
async def websocket_lost_before_the_probe(ctx: Context) -> None:
    """A WebSocket with the session's sid that is closed at once

    The session goes on by polling.
    """
    polling = await ctx.polling()
    candidate = await ctx.candidate(polling.sid)
    candidate.socket.connection.abort()
    await ctx.works(polling)


@case("EIO-UPG-016", "official server: a lost candidate leaves the session as it was", INTEROP)
async def websocket_lost_after_the_probe(ctx: Context) -> None:
    """`2probe`, `3probe`, and the WebSocket breaks

    The session goes on by polling.
    """
    polling, candidate = await ctx.probe()
    candidate.socket.connection.abort()
    await asyncio.sleep(0.05)
    await ctx.works(polling)


@case("EIO-UPG-017", UPGRADE, INTEROP)
async def second_attempt(ctx: Context) -> None:
    """`2probe`, `3probe`, the WebSocket is closed; then a second upgrade, to its end

    The second upgrade succeeds.
    """
    polling, first = await ctx.probe()
    first.socket.close()
    try:
        await first.expect_closed()
        first.socket.connection.close()
    except CaseFailed:
        first.socket.connection.abort()
    await asyncio.sleep(0.05)
    second = await ctx.candidate(polling.sid)
    second.send("2probe")
    await second.expect("3probe")
    second.send("5", "4hello")
    await second.expect("4hello")


@case("EIO-UPG-018", 'Engine.IO v4, "WebSocket"', MUST)
async def two_candidates(ctx: Context) -> None:
    """While one WebSocket has probed, a second one with the same sid

    The second is refused or closed; the first completes the upgrade.
    """
    polling, first = await ctx.probe()
    await ctx.no_websocket(f"EIO=4&transport=websocket&sid={polling.sid}")
    first.send("5", "4hello")
    await first.expect("4hello")


@case("EIO-UPG-019", UPGRADE, MUST)
async def post_after_the_upgrade(ctx: Context) -> None:
    """After the upgrade, a POST with the session's sid

    400, and its message is not delivered.
    """
    polling, websocket = await ctx.upgrade()
    await settle_upgrade(ctx, polling, websocket)
    expect_status(await polling.post(b"4stray"), 400, "the POST")
    await ctx.works(websocket)


@case("EIO-UPG-020", UPGRADE, MUST)
async def waiting_poll_at_the_upgrade(ctx: Context) -> None:
    """`2probe`, `3probe`, `5`, and a GET that was sent before the server read `5`

    The GET is answered: with `6`, `1` or 400, but it does not hang.
    """
    polling = await ctx.polling()
    waiting = await polling.park()
    candidate = await ctx.candidate(polling.sid)
    candidate.send("2probe")
    await candidate.expect("3probe")
    candidate.send("5")
    reply = await waiting.reply(expected="the waiting GET to be answered")
    fail_unless(reply.status in (200, 400), str(reply), "200 or 400")


@case("EIO-UPG-021", 'Engine.IO v4, "Heartbeat"', MUST, needs=Needs(intervals=1))
async def heartbeat_after_the_upgrade(ctx: Context) -> None:
    """The upgrade, and then silence

    `2` on the WebSocket within a ping interval and timeout; a `6` may come before.
    """
    _, websocket = await ctx.upgrade()
    packet = await websocket.socket.receive(ctx.give_up, "a ping after the upgrade")
    if packet == "6":
        packet = await websocket.socket.receive(ctx.give_up, "a ping after the upgrade")
    expect(packet, "2", "the packet after the upgrade")


@case("EIO-UPG-022", UPGRADE, MUST)
async def end_of_an_upgraded_session(ctx: Context) -> None:
    """The upgrade; then the client closes the WebSocket

    The session is over: it does not fall back to polling, a GET gets 400.
    """
    polling, websocket = await ctx.upgrade()
    await settle_upgrade(ctx, polling, websocket)
    websocket.socket.close()
    await websocket.expect_closed()
    await polling.expect_closed()


@case("EIO-UPG-023", 'Engine.IO v4, "Query parameters"', INTEROP)
async def upgrade_with_another_version(ctx: Context) -> None:
    """A WebSocket with the session's sid and EIO=3

    It is refused or closed; the session goes on.
    """
    polling = await ctx.polling()
    await ctx.no_websocket(f"EIO=3&transport=websocket&sid={polling.sid}", "2probe")
    await ctx.works(polling)


@case("EIO-UPG-024", "official server: upgradeTimeout", ROBUSTNESS, needs=Needs(upgrades=1.2))
async def candidate_that_never_upgrades(ctx: Context) -> None:
    """`2probe`, `3probe`, and then silence on the WebSocket while the session polls on

    The WebSocket is closed within the server's upgradeTimeout (--upgrade-timeout tells the tool how
    long); the session goes on by polling.
    """
    polling, candidate = await ctx.probe()
    released = "4release the waiting poll"

    async def keep_alive() -> None:
        while True:
            packets = decode_payload((await (await polling.park()).reply(ctx.give_up)).text)
            if "2" in packets:
                await polling.deliver("3")
            if released in packets:
                return
            await asyncio.sleep(0.05)

    polls = asyncio.create_task(keep_alive())
    try:
        await candidate.expect_closed(ctx.settings.upgrade_timeout + ctx.wait)
        await polling.deliver(released)
        await polls
    finally:
        polls.cancel()
    await ctx.works(polling)


@case("EIO-UPG-025", UPGRADE, ROBUSTNESS)
async def steps_in_one_segment(ctx: Context) -> None:
    """`2probe` and `5` in one TCP segment, without waiting for `3probe`

    Either `3probe` and an upgraded session, or a closed WebSocket and a session that polls on.
    """
    polling = await ctx.polling()
    candidate = await ctx.candidate(polling.sid)
    candidate.socket.send_bytes(packet_frame("2probe") + packet_frame("5"), "2probe and 5")
    try:
        await candidate.expect("3probe")
        await ctx.works(candidate)
    except Ended:
        await ctx.works(polling)

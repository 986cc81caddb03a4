"""From polling to WebSocket: the steps, and no message lost by them (Engine.IO v4, "Upgrade")."""

from __future__ import annotations

import asyncio

from conformance.case import INTEROP, MUST, ROBUSTNESS, case
from conformance.context import Context
from conformance.errors import Ended
from conformance.expectations import expect, expect_status, fail_unless
from conformance.frames import packet_frame
from conformance.offer import Feature
from conformance.packets import Packet, decode_payload

UPGRADE = 'Engine.IO v4, "Upgrade"'


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


@case("EIO-UPG-004", UPGRADE, MUST)
async def waiting_poll_is_released(ctx: Context) -> None:
    """A GET waits; then a WebSocket and `2probe`

    `3probe`, and the waiting GET is answered with `6`.
    """
    polling = await ctx.polling()
    waiting = await polling.park()
    await polling.deliver("3")
    await ctx.probed(polling.sid)
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
    candidate = await ctx.probed(polling.sid)
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


@case("EIO-UPG-020", UPGRADE, MUST)
async def waiting_poll_at_the_upgrade(ctx: Context) -> None:
    """`2probe`, `3probe`, `5`, and a GET that was sent before the server read `5`

    The GET is answered: with `6`, `1` or 400, but it does not hang.
    """
    polling = await ctx.polling()
    waiting = await polling.park()
    candidate = await ctx.probed(polling.sid)
    candidate.send("5")
    reply = await waiting.reply(expected="the waiting GET to be answered")
    fail_unless(reply.status in (200, 400), str(reply), "200 or 400")


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

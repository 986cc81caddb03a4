"""Hostile Socket.IO input that a production server must survive: whatever happens to the client
that sends it, other clients are served.
"""

from __future__ import annotations

import contextlib
import json

from conformance.case import ROBUSTNESS, Phase, case
from conformance.context import Context
from conformance.errors import Ended, NoAnswer
from conformance.expectations import fail_unless
from conformance.packets import Packet, show
from conformance.sessions import WebSocketSession

RULE = "one client must not harm another"


async def survives(ctx: Context, session: WebSocketSession, *packets: Packet) -> None:
    """Send packets, wait a moment for an answer, and expect that other clients are served."""
    session.send(*packets)
    with contextlib.suppress(Ended, NoAnswer):
        await session.socket.receive(ctx.wait / 2)
    await ctx.is_alive()


@case("SIO-HARD-012", RULE, ROBUSTNESS, phase=Phase.ALONE)
async def deep_json(ctx: Context) -> None:
    """An event with arrays nested 100,000 deep (or as deep as maxPayload allows)

    The server still works.
    """
    depth = min(100_000, ctx.timings.max_payload // 3)
    await survives(ctx, await ctx.join(), f'42["message",{"[" * depth}{"]" * depth}]')


@case("SIO-HARD-002", RULE, ROBUSTNESS, phase=Phase.ALONE)
async def moderately_deep_json(ctx: Context) -> None:
    """Events with arrays nested 300, 1,000 and 2,000 deep: easier to parse than to encode

    The server still works.
    """
    for depth in (300, 1_000, 2_000):
        await survives(ctx, await ctx.join(), f'42["message",{"[" * depth}{"]" * depth}]')


@case("SIO-HARD-003", RULE, ROBUSTNESS, phase=Phase.ALONE)
async def wide_json(ctx: Context) -> None:
    """An event of 100,000 empty arrays (or as many as maxPayload allows)

    The server still works.
    """
    count = min(100_000, ctx.timings.max_payload // 8)
    await survives(ctx, await ctx.join(), f'42["message",{",".join(["[]"] * count)}]')


@case("SIO-HARD-004", RULE, ROBUSTNESS)
async def huge_numbers(ctx: Context) -> None:
    """Events with 1e999, a number of 400 digits, and one of 5,000

    The server still works.
    """
    for number in ("1e999", "9" * 400, "9" * 5_000):
        await survives(ctx, await ctx.join(), f'42["message",{number}]')


@case("SIO-HARD-005", RULE, ROBUSTNESS)
async def long_name(ctx: Context) -> None:
    """An event with a name of 100,000 characters (or a third of maxPayload)

    The server still works.
    """
    name = json.dumps("n" * min(100_000, ctx.timings.max_payload // 3))
    await survives(ctx, await ctx.join(), f"42[{name}]")


@case("SIO-HARD-006", RULE, ROBUSTNESS)
async def attachments_that_never_come(ctx: Context) -> None:
    """Ten connections with a packet that waits for an attachment

    The server still works.
    """
    for _ in range(10):
        session = await ctx.join()
        session.send('451-["message",{"_placeholder":true,"num":0}]')
    await ctx.is_alive()


@case("SIO-HARD-007", RULE, ROBUSTNESS, phase=Phase.ALONE)
async def flood_of_events(ctx: Context) -> None:
    """2,000 events in one TCP segment, whose answers nobody reads

    The server still works.
    """
    session = await ctx.join()
    session.send(*['42["message","flood"]'] * 2_000)
    await ctx.is_alive()


@case("SIO-HARD-008", RULE, ROBUSTNESS, phase=Phase.ALONE)
async def join_and_leave(ctx: Context) -> None:
    """`40/custom,` and `41/custom,` 200 times, in one TCP segment

    The server still works.
    """
    await survives(ctx, await ctx.join(), *["40/custom,", "41/custom,"] * 200)


@case("SIO-HARD-009", RULE, ROBUSTNESS, phase=Phase.ALONE)
async def many_placeholders(ctx: Context) -> None:
    """A binary event of 10,000 placeholders for one attachment

    The server still works.
    """
    holes = ",".join(['{"_placeholder":true,"num":0}'] * min(10_000, ctx.timings.max_payload // 40))
    await survives(ctx, await ctx.join(), f'451-["message",{holes}]', b"\x01")


@case("SIO-HARD-010", RULE, ROBUSTNESS, phase=Phase.ALONE)
async def connections_that_come_and_go(ctx: Context) -> None:
    """100 connections that join the main namespace and are reset

    The server still works.
    """
    for _ in range(100):
        session = await ctx.websocket()
        session.send("40")
        session.socket.connection.abort()
    await ctx.is_alive()


@case("SIO-HARD-011", RULE, ROBUSTNESS)
async def payload_of_packets(ctx: Context) -> None:
    """POST 20,000 empty messages in one payload, before CONNECT

    The POST is answered or its connection closed; the server still works.
    """
    session = await ctx.polling()
    count = min(20_000, ctx.timings.max_payload // 2)
    with contextlib.suppress(Ended):
        await session.post(b"\x1e".join([b"4"] * count))
    await ctx.is_alive()


@case("SIO-HARD-001", RULE, ROBUSTNESS)
async def errors_tell_nothing(ctx: Context) -> None:
    """`42{`, `40{`, `451-[`, POST `abc`, and a bad handshake

    No answer contains a traceback or a path of the server's files.
    """
    seen = []
    for packet in ("42{", "40{", "451-["):
        session = await ctx.websocket()
        session.send(packet)
        try:
            while True:
                seen.append(str(await session.socket.receive(ctx.wait / 4)))
        except (Ended, NoAnswer) as error:
            seen.append(error.got)
    polling = await ctx.polling()
    seen.append((await polling.post(b"abc")).text)
    seen.append((await ctx.request("GET", "EIO=abc&transport=abc")).text)
    for text in seen:
        fail_unless(
            not any(
                mark in text for mark in ("Traceback", ".py", ".js:", "node_modules", "    at ")
            ),
            show(text),
            "no detail of the server",
        )

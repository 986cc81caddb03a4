"""WebSockets that begin an upgrade and break its order, are lost, or never finish it (Engine.IO v4,
"Upgrade").
"""

from __future__ import annotations

import asyncio

from conformance.case import INTEROP, MUST, ROBUSTNESS, SHOULD, Needs, case
from conformance.context import Context
from conformance.errors import CaseFailed
from conformance.packets import decode_payload

UPGRADE = 'Engine.IO v4, "Upgrade"'


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
    second = await ctx.probed(polling.sid)
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

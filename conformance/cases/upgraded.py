"""Sessions after an upgrade: only the WebSocket carries them (Engine.IO v4, "Upgrade")."""

from __future__ import annotations

from conformance.case import MUST, Needs, case
from conformance.context import Context
from conformance.expectations import expect, expect_status
from conformance.offer import Feature
from conformance.sessions import PollingSession, WebSocketSession

UPGRADE = 'Engine.IO v4, "Upgrade"'
SUITE = "Engine.IO v4, test suite"


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


@case("EIO-UPG-019", UPGRADE, MUST)
async def post_after_the_upgrade(ctx: Context) -> None:
    """After the upgrade, a POST with the session's sid

    400, and its message is not delivered.
    """
    polling, websocket = await ctx.upgrade()
    await settle_upgrade(ctx, polling, websocket)
    expect_status(await polling.post(b"4stray"), 400, "the POST")
    await ctx.works(websocket)


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

"""leaving.py over the wire: the reasons that the handlers of a socket are told."""

from __future__ import annotations

import asyncio

import pytest

from socketio_min import Server, Socket
from tests.socketio_min.serving import TRANSPORTS, Transport, advance, serving
from tests.socketio_min.wire import PollingClient
from tests.waiting import until


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize(
    ("packets", "reason"),
    [
        (("41",), "client namespace disconnect"),
        (("1",), "transport close"),
        (("42{}",), "forced close"),
        (("9",), "parse error"),
        (("2",), "transport error"),
    ],
)
async def test_the_reason_when_the_client_ends_it(
    packets: tuple[str, ...], reason: str, transport: Transport
) -> None:
    io = Server()
    ends: list[tuple[str, str, bool]] = []
    rooms: list[frozenset[str]] = []

    @io.on("connect")
    def connect(socket: Socket) -> None:
        socket.join("room")

    @io.on("disconnecting")
    def disconnecting(socket: Socket, reason: str) -> None:
        ends.append(("disconnecting", reason, socket.connected))
        rooms.append(socket.rooms)

    @io.on("disconnect")
    async def disconnect(socket: Socket, reason: str) -> None:
        ends.append(("disconnect", reason, socket.connected))
        await asyncio.sleep(0)
        rooms.append(socket.rooms)

    async with serving(io) as net:
        client, socket = await net.join(transport=transport)
        if isinstance(client, PollingClient):
            await client.post(packets[0].encode())
            if packets != ("41",):
                # What the server still had to say.
                await client.rest()
        else:
            await client.send(*packets)
        await until(lambda: len(rooms) == 2)
        assert ends == [("disconnecting", reason, True), ("disconnect", reason, False)]
        assert rooms == [frozenset({socket.id, "room"}), frozenset()]


async def test_the_reason_when_the_connection_breaks() -> None:
    io = Server()
    reasons: list[str] = []
    io.on("disconnect", lambda _socket, reason: reasons.append(reason))
    async with serving(io) as net:
        client, _ = await net.join()
        client.abort()
        await until(lambda: reasons)
        polling = await net.polling()
        await polling.join()
        await polling.park()
        await until(lambda: any(c.session.waiting for c in io.engine.sessions.values()))
        polling.abort()
        await until(lambda: len(reasons) == 2)
        polling.ended = True
    assert reasons == ["transport close", "transport error"]


async def test_the_reason_when_the_pings_are_not_answered() -> None:
    io = Server(ping_interval=25.0, ping_timeout=20.0)
    reasons: list[str] = []
    io.on("disconnect", lambda _socket, reason: reasons.append(reason))
    async with serving(io) as net:
        client, _ = await net.join()
        advance(25.0)
        await client.expect("2")
        advance(20.0)
        assert await client.rest() == []
    assert reasons == ["ping timeout"]

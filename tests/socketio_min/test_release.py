"""A session that is over is gone at once, and not when the garbage collector comes round.

Invariant: with the collector off, no object of a connection outlives it. On a busy server the
others would otherwise pay for those who have left, in memory and in the collector's time.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator

import pytest

from engineio_min.http.connection import HttpConnection
from engineio_min.protocol.session import Session
from engineio_min.transports.connection import Connection
from engineio_min.transports.polling import Polling
from engineio_min.transports.websocket import WebSocket
from socketio_min import Server, Socket
from socketio_min.protocol.turns import Turns
from socketio_min.server.connection import ServerConnection
from tests.socketio_min import wire
from tests.socketio_min.serving import Serving, serving
from tests.waiting import until

KINDS = (Connection, HttpConnection, Polling, ServerConnection, Session, Socket, Turns, WebSocket)


@pytest.fixture
def without_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def alive() -> list[str]:
    return sorted(type(one).__name__ for one in gc.get_objects() if isinstance(one, KINDS))


async def visit(server: Serving, transport: str) -> None:
    """Come, be answered by an asynchronous handler, and leave."""
    client: wire.Client
    if transport == "websocket":
        client = await wire.WebSocketClient.open(server.port)
    else:
        client = await wire.PollingClient.open(server.port)
    if transport == "upgrade":
        polling = client
        target = f"/socket.io/?EIO=4&transport=websocket&sid={polling.handshake['sid']}"
        client = await wire.WebSocketClient.upgrade(server.port, target)
        await client.send("2probe")
        await client.expect("3probe")
        await client.send("5")
    await client.join()
    await client.send('421["ask",1]')
    await client.expect("431[1]")
    assert {"Connection", "ServerConnection", "Session", "Socket", "Turns"} <= set(alive())
    await client.leave()


@pytest.mark.parametrize("transport", ["websocket", "polling", "upgrade"])
@pytest.mark.usefixtures("without_collector")
async def test_nothing_of_a_session_outlives_it(transport: str) -> None:
    io = Server()

    @io.on("ask")
    async def ask(_socket: Socket, value: int) -> int:
        await asyncio.sleep(0)
        return value

    async with serving(io) as server:
        before = alive()
        await visit(server, transport)
        await until(lambda: alive() == before)

"""A client that meets a server which is told what to do byte by byte."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Unpack

from socketio_min import (
    Client,
)
from socketio_min.client.options import SocketIOClientOptionValues
from tests.engineio_min.scripted import (
    HANDSHAKE,
    Peer,
    Script,
    Scripted,
    scripted,
)
from tests.waiting import patient

Talk = Callable[[Peer], Awaitable[None]]


def socketio(talk: Talk) -> Script:
    """A server that opens a session on WebSocket and then talks; it ends with a goodbye."""

    async def script(peer: Peer) -> None:
        await peer.accept_websocket()
        peer.frame(HANDSHAKE)
        await talk(peer)
        await peer.answer_close()

    return script


def joined(talk: Talk | None = None, reply: str = '40{"sid":"s1"}') -> Script:
    """A server that lets the client into the main namespace and then talks."""

    async def join(peer: Peer) -> None:
        assert await peer.packet() == "40"
        peer.frame(reply)
        if talk is not None:
            await talk(peer)

    return socketio(join)


@asynccontextmanager
async def meeting(
    *scripts: Script, **options: Unpack[SocketIOClientOptionValues]
) -> AsyncIterator[tuple[Client, Scripted]]:
    """A client that has not connected yet, and its scripted server."""
    options.setdefault("reconnection_delay", 0.001)
    options["transports"] = ["websocket"]
    async with scripted(*scripts) as server:
        client = Client(server.url, **options)
        try:
            yield client, server
        finally:
            await patient(client.close())
        connection = client._manager
        assert connection._tasks == connection._ending == set()
        assert connection.engine is None
        assert connection._task is None
        turns = connection.turns
        assert turns.acks_due == turns.in_flight == turns.behind == turns.ending == 0


def log_of(client: Client, *events: str) -> list[Any]:
    """What the handlers of these events are called with, in order."""
    seen: list[Any] = []
    for event in events:

        def handler(*args: Any, event: str = event) -> None:
            seen.append((event, *args))

        client.on(event, handler)
    return seen

"""The client against real servers: what its tests have in common."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Unpack

import pytest

from socketio_min import (
    Client,
    ClientNamespace,
)
from socketio_min.client.options import SocketIOClientOptionValues
from tests.socketio_min.server_processes import KINDS, Kind, ServerProcess

TRANSPORTS = (["polling"], ["websocket"], ["polling", "websocket"])
# These have all the handlers and commands of conformance/js.
COMPLETE: tuple[Kind, ...] = ("this", "node", "node with recovery")


@pytest.fixture(scope="module")
def servers() -> Iterator[Callable[[Kind], ServerProcess]]:
    """Servers that nobody stops, started when they are first needed."""
    running: dict[Kind, ServerProcess] = {}

    def running_server(kind: Kind) -> ServerProcess:
        if kind not in running:
            running[kind] = ServerProcess(kind)
            running[kind].start()
        return running[kind]

    yield running_server
    for server in running.values():
        server.stop()


@pytest.fixture(params=KINDS)
def server(
    request: pytest.FixtureRequest, servers: Callable[[Kind], ServerProcess]
) -> ServerProcess:
    return servers(request.param)


@pytest.fixture(params=COMPLETE)
def complete(
    request: pytest.FixtureRequest, servers: Callable[[Kind], ServerProcess]
) -> ServerProcess:
    return servers(request.param)


@asynccontextmanager
async def connected(
    url: str, **options: Unpack[SocketIOClientOptionValues]
) -> AsyncIterator[Client]:
    """A connected client that comes back quickly; closed at the end."""
    options.setdefault("reconnection_delay", 0.02)
    options.setdefault("reconnection_delay_max", 0.05)
    client = Client(url, **options)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(client.close)
        async with asyncio.timeout(20):
            await client.connect()
        yield client
    assert client._manager._tasks == set()
    assert client._manager._ending == set()
    assert client.pending_acks == 0


def collect(namespace: ClientNamespace, event: str) -> list[Any]:
    """The arguments of each `event` from now on."""
    seen: list[Any] = []

    def handler(*args: Any) -> None:
        seen.append(args)

    namespace.on(event, handler)
    return seen

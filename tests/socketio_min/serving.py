"""A server for a test, the clients that are connected to it, and a check that nothing is left.

Invariant: when every client has gone and the server is closed, there are no sockets, rooms,
clients, sessions, watched deadlines or tasks, whatever the test did.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Literal

from socketio_min import MemoryAdapter, Namespace, Server, Socket
from tests.socketio_min.wire import Client, PollingClient, WebSocketClient
from tests.waiting import until

Transport = Literal["websocket", "polling"]
TRANSPORTS: tuple[Transport, ...] = ("websocket", "polling")


class Serving:
    """A listening server and its clients."""

    def __init__(self, io: Server) -> None:
        self.io = io
        self._clients: list[Client] = []

    @property
    def port(self) -> int:
        return self.io.port

    async def open(
        self,
        transport: Transport = "websocket",
        query: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> Client:
        """A new session, in no namespace yet."""
        client: Client
        if transport == "websocket":
            client = await WebSocketClient.open(self.port, query=query, headers=headers)
        else:
            client = await PollingClient.open(self.port, query=query, headers=headers)
        self._clients.append(client)
        return client

    async def polling(self) -> PollingClient:
        client = await self.open("polling")
        assert isinstance(client, PollingClient)
        return client

    async def join(
        self, namespace: str = "/", transport: Transport = "websocket", auth: str = ""
    ) -> tuple[Client, Socket]:
        """A new session that has joined `namespace`, and the server's socket."""
        client = await self.open(transport)
        sid = await client.join(namespace, auth)
        found = self.io.namespaces.get(namespace) or self.io.find_dynamic(namespace, None)
        assert found is not None
        return client, found.sockets[sid]

    async def finish(self) -> None:
        for client in self._clients:
            await client.finish()

    def abort(self) -> None:
        for client in self._clients:
            client.abort()


@asynccontextmanager
async def serving(io: Server, *, recovers: bool = False) -> AsyncIterator[Serving]:
    """Run `io` on a free port; at the end nothing may be left of its clients. If it `recovers`,
    sessions are left until it is closed.
    """
    for namespace in io.namespaces.values():
        answer_sync(namespace)
    await io.listen(port=0)
    clients = Serving(io)
    try:
        yield clients
        await clients.finish()
        # All leave by themselves, so that what remains is not only gone because the server is.
        await until(lambda: not io.connections)
        if not recovers:
            await until(lambda: not io.handler_tasks and not len(io.engine.timer))
            assert_nothing_left(io)
    finally:
        await io.close()
        clients.abort()
    assert_nothing_left(io)


def answer_sync(namespace: Namespace) -> None:
    """Let clients of `namespace` ask whether what they sent has been dealt with."""
    namespace.on("sync", lambda _socket: None)


def assert_nothing_left(io: Server) -> None:
    assert io.connections == set()
    assert not io.handler_tasks
    assert io.engine.sessions == {}
    assert len(io.engine.timer) == 0
    for namespace in io.namespaces.values():
        assert namespace.sockets == {}
        assert namespace.deciding == 0
        if isinstance(namespace.adapter, MemoryAdapter):
            assert namespace.adapter.rooms.select() == ()
    for dynamic in io._dynamic:
        assert dynamic.children == {}


def advance(seconds: float) -> None:
    """Move the running loop's clock ahead: what would be due by then is due now."""
    loop = asyncio.get_running_loop()
    time = loop.time
    loop.time = lambda: time() + seconds  # type: ignore[method-assign]

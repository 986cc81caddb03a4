"""The server as an ASGI 3 application, as the whole of a host or mounted beside others.

The host speaks HTTP and WebSocket; here its events become the `Exchange` and the `StreamCarrier`
that `server.py` knows. The engine calls these at any time and never waits, whereas ASGI's `send`
and `receive` are coroutines. So each request's coroutine waits for the engine's decision and, at
the same time, for the peer to go away; a WebSocket has a task that reads and one that writes.
Rejected: a task for each batch of packets, which costs more than waking one that waits.

The host decides, and not this package: the sizes and times of requests, keep-alive, TLS, the checks
and the compression of WebSocket frames, WebSocket pings. An ASGI host cannot send a close frame
without a code, as the official server does: clients see 1000.

A host that waits for open requests before its shutdown event (uvicorn) waits for parked polls too,
up to `ping_interval`; uvicorn's `timeout_graceful_shutdown` bounds that. A framework passes no
lifespan events to what it mounts: close the server in the framework's own.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from engineio_min.asgi.exchange import AsgiExchange
from engineio_min.asgi.scope import Receive, Scope, Send, possible_paths
from engineio_min.asgi.websocket import AsgiWebSocket
from engineio_min.errors import UsageError
from engineio_min.transports.mounted import Mounted


class AsgiApplication:
    """An ASGI 3 application that serves `engine` on its path and answers 404 elsewhere.

    `start` is awaited before the host's start is complete, by default nothing. `close` is awaited
    at the host's shutdown; by default it closes the engine's sessions. Some hosts announce neither.
    """

    def __init__(
        self,
        engine: Mounted,
        close: Callable[[], Awaitable[None]] | None = None,
        start: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._engine = engine
        self._start = start
        self._close = engine.stop if close is None else close

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, one WebSocket, or the host's start and end (ASGI 3).

        Raises:
            UsageError: the scope is of another type.
        """
        kind = scope["type"]
        if kind == "http":
            await self._handle(AsgiExchange(scope, receive, send), scope)
        elif kind == "websocket":
            # The host's first event, websocket.connect, tells nothing that the scope does not.
            await receive()
            await self._handle(AsgiWebSocket(scope, receive, send), scope)
        elif kind == "lifespan":
            await self._live(receive, send)
        else:
            raise UsageError(
                f"got an ASGI scope of type {kind!r}, expected http, websocket or lifespan"
            )

    async def _handle(self, exchange: AsgiExchange | AsgiWebSocket, scope: Scope) -> None:
        self._engine.start()
        if self._engine.path in possible_paths(scope):
            self._engine.handle(exchange)
        else:
            exchange.respond(404, [("Content-Type", "text/plain; charset=utf-8")], b"Not found")
        await exchange.run()

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        self._engine.start()
        if self._start is not None:
            await self._start()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._close()
        await send({"type": "lifespan.shutdown.complete"})

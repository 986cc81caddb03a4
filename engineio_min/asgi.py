"""The same server under any ASGI 3 host, as the whole application or mounted beside others.

The host speaks HTTP and WebSocket; here its events become the `Exchange` and the `StreamCarrier`
that `server.py` knows. The engine calls these at any time and never waits, whereas ASGI's `send`
and `receive` are coroutines. So each request's coroutine waits for the engine's decision and, at
the same time, for the peer to go away; a WebSocket has a task that reads and one that writes.
Rejected: a task for each batch of packets, which costs more than waking one that waits.

What the host decides, not this file: the sizes and times of requests, keep-alive, TLS, the checks
and the compression of WebSocket frames, WebSocket pings. An ASGI host cannot send a close frame
without a code, as the official server does: clients see 1000.

A host that waits for open requests before its shutdown event (uvicorn) waits for parked polls too,
up to `ping_interval`; uvicorn's `timeout_graceful_shutdown` bounds that. A framework passes no
lifespan events to what it mounts: close the server in the framework's own.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from engineio_min.errors import Code, RequestRefused, UsageError
from engineio_min.protocol.packets import Packet, encode_base64
from engineio_min.protocol.session import SHARE, SLOW_CONSUMER, TRANSPORT_CLOSE, TRANSPORT_ERROR
from engineio_min.request import Headers, Request, check_headers
from engineio_min.transports.host import Mounted, StreamCarrier

if TYPE_CHECKING:
    from engineio_min.limits.budget import Budget
    from engineio_min.transports.connection import Connection

Scope = MutableMapping[str, Any]
AsgiEvent = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[AsgiEvent]]
Send = Callable[[AsgiEvent], Awaitable[None]]

# Seconds that one message may take to leave. ASGI does not tell whether a slow peer reads at all,
# so this is longer than the time that websocket.py gives to a peer without progress.
SEND_TIMEOUT = 30.0

# What a send of the host costs, in bytes that it could have sent meanwhile.
SEND_COST = 4_096

NORMAL_CLOSURE = 1000
MESSAGE_TOO_BIG = 1009


class AsgiApplication:
    """An ASGI 3 application that serves `engine` on its path and answers 404 elsewhere.

    `start` is awaited before the host's start is complete, `close` at its shutdown; by default the
    one does nothing and the other closes the engine's sessions. Hosts that tell of neither exist.
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
        if self._engine.path in _possible_paths(scope):
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


def _drop(_body: bytes | None) -> None:
    """Nobody waits for the body."""


class AsgiExchange:
    """One HTTP request and its answer; see `request.Exchange`."""

    __slots__ = (
        "_answered",
        "_body",
        "_budget",
        "_budgeted",
        "_done",
        "_limit",
        "_receive",
        "_response",
        "_send",
        "on_abort",
        "request",
    )

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.request = _request(scope)
        self.on_abort: Callable[[], None] | None = None
        self._receive = receive
        self._send = send
        self._body = bytearray()
        self._limit = 0
        self._done: Callable[[bytes | None], None] | None = None
        # What of the body counts against the budget.
        self._budget: Budget
        self._budgeted = 0
        self._response: tuple[int, Headers, bytes] | None = None
        self._answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def respond(self, status: int, headers: Headers, body: bytes) -> None:
        """Answer; see `request.Exchange`. What becomes of the connection is the host's affair."""
        self._done = None
        self._response = (status, headers, body)
        self._answered.set_result(None)

    def read_body(self, limit: int, done: Callable[[bytes | None], None], budget: Budget) -> None:
        """Read the body; see `request.Exchange`. Must be called at once or not at all."""
        try:
            declared = int(self.request.headers.get("content-length", "0"))
        except ValueError:
            # How the body is delimited is checked by the host; what comes is counted in any case.
            declared = 0
        if declared > limit:
            done(None)
        else:
            self._limit = limit
            self._done = done
            self._budget = budget

    def accept(self, connection: Connection, headers: Headers) -> AsgiWebSocket:
        """Refuse: a host gives WebSockets a scope of their own."""
        raise RequestRefused(Code.BAD_REQUEST, "the request is no WebSocket handshake")

    def untaken(self) -> tuple[int, int]:
        """Return nothing: a host does not tell what its peer has taken."""
        return 0, 0

    async def run(self) -> None:
        """Wait for the answer, or for the peer to go away, and answer."""
        if self._response is None:
            await _first_of(
                self._answered, asyncio.create_task(self._listen()), finally_=self._stop_reading
            )
        # Whoever aborts misses it, but a framework between fails without an answer.
        status, headers, body = self._response or (400, (), b"")
        encoded = _encode_headers(headers)
        if status not in (204, 304):
            encoded.append((b"content-length", str(len(body)).encode()))
        # A peer that is gone misses this answer as it might any other; the heartbeat notices.
        with contextlib.suppress(OSError):
            await self._send({"type": "http.response.start", "status": status, "headers": encoded})
            await self._send({"type": "http.response.body", "body": body})

    async def _listen(self) -> None:
        """Read the body; end when the peer goes away."""
        while (event := await self._receive())["type"] != "http.disconnect":
            done = self._done
            if done is None:
                # The body of a GET: nobody wants it.
                continue
            self._body += event.get("body", b"")
            more = event.get("more_body", False)
            before, self._budgeted = self._budgeted, len(self._body) if more else 0
            if (
                not self._budget.change(self, before, self._budgeted)
                or len(self._body) > self._limit
            ):
                self.let_go()
            elif not more:
                self._done = None
                done(bytes(self._body))

    def let_go(self) -> None:
        """Read no more of the body: too much is held for all."""
        done, self._done = self._done or _drop, None
        self._budget.change(self, self._budgeted, 0)
        self._budgeted = 0
        done(None)

    def _stop_reading(self) -> None:
        """The request is answered, or over: nothing of its body is held any longer."""
        if self._budgeted:
            self._budget.change(self, self._budgeted, 0)
            self._budgeted = 0
        if self._response is None and self.on_abort is not None:
            self.on_abort()


class AsgiWebSocket(StreamCarrier):
    """One WebSocket: first the exchange that asks for it, then the carrier of a session."""

    __slots__ = (
        "_accepted",
        "_base64",
        "_close_code",
        "_events",
        "_gone",
        "_last",
        "_readable",
        "_receive",
        "_scope",
        "_send",
        "_unsent",
        "_wake",
        "on_abort",
        "request",
    )

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.request = _request(scope)
        self.on_abort: Callable[[], None] | None = None
        self._scope = scope
        self._receive = receive
        self._send = send
        self._accepted = False
        # Whether binary messages leave as text: the client asked for it.
        self._base64 = False
        self._unsent = 0
        self._candidate = False
        self._gone = False
        self._close_code = NORMAL_CLOSURE
        # What leaves before the session's packets, and what leaves after them: the end.
        self._events: list[AsgiEvent] = []
        self._last: AsgiEvent | None = None
        self._wake = asyncio.Event()
        self._readable = asyncio.Event()

    # -- the exchange

    def respond(self, status: int, headers: Headers, body: bytes) -> None:
        """Refuse the WebSocket; the host's answer is 403 if it cannot send another."""
        if "websocket.http.response" in (self._scope.get("extensions") or {}):
            encoded = _encode_headers(headers)
            encoded.append((b"content-length", str(len(body)).encode()))
            self._events.append(
                {"type": "websocket.http.response.start", "status": status, "headers": encoded}
            )
            self._last = {"type": "websocket.http.response.body", "body": body}
        else:
            self._last = {"type": "websocket.close"}
        self._wake.set()

    def read_body(self, limit: int, done: Callable[[bytes | None], None], budget: Budget) -> None:
        """Read the body: a handshake has none."""
        done(b"")

    def untaken(self) -> tuple[int, int]:
        """Return nothing: the answer of a handshake is not waited for."""
        return 0, 0

    def accept(self, connection: Connection, headers: Headers) -> AsgiWebSocket:
        """Become the WebSocket of `connection`; the host has checked the handshake."""
        event: AsgiEvent = {"type": "websocket.accept", "headers": _encode_headers(headers)}
        offers = self._scope.get("subprotocols")
        if offers:
            # As the official server: the first offer is accepted.
            event["subprotocol"] = offers[0]
        self._connection = connection
        self._base64 = self.request.base64
        self._accepted = True
        self._events.append(event)
        self._wake.set()
        return self

    async def run(self) -> None:
        """Carry packets until one side has ended it."""
        await _first_of(
            asyncio.create_task(self._read()),
            asyncio.create_task(self._write()),
            finally_=lambda: self._lost(TRANSPORT_ERROR, "the host ended the WebSocket"),
        )

    def _lost(self, reason: str, description: str) -> None:
        """The host's end of the WebSocket is over; nothing more can be sent."""
        if self._gone:
            return
        self._gone = True
        if self._accepted:
            self._end(reason, description)
            self._connection.flush()
        elif self._last is None and self.on_abort is not None:
            self.on_abort()

    # -- in

    def start(self, *, candidate: bool) -> None:
        """Begin to read."""
        self._candidate = candidate
        if candidate or not self._connection.paused:
            self._readable.set()

    async def _read(self) -> None:
        while (event := await self._receive())["type"] != "websocket.disconnect":
            # Read from the host, but not taken while the handlers do not keep up.
            await self._readable.wait()
            text = event.get("text")
            self._take(bytes(event["bytes"]) if text is None else text)
        self._lost(TRANSPORT_CLOSE, f"the WebSocket was closed, code {event.get('code')}")

    def _take(self, packet: Packet) -> None:
        options = self._connection.server.options
        text = isinstance(packet, str)
        if _size(packet) > (options.text_limit if text else options.max_http_buffer_size):
            self._close_code = MESSAGE_TOO_BIG
            name = "max_text_size" if text else "max_http_buffer_size"
            self._end(TRANSPORT_ERROR, f"got a message above {name}")
        else:
            self._receive_packets([packet])
        self._connection.flush()

    def _answer_probe(self, packet: str) -> None:
        self._events.append({"type": "websocket.send", "text": packet})
        self._wake.set()

    # -- out

    @property
    def unsent(self) -> int:
        """Bytes that the host has not taken."""
        return self._unsent

    def flush(self) -> None:
        """Wake the writer."""
        if not self._connection.session.idle:
            self._wake.set()

    def take_over(self) -> None:
        """Carry the session from now on, what waited for its last carrier first."""
        self.flush()

    def close(self) -> None:
        """Close once everything queued is sent."""
        self._last = {"type": "websocket.close", "code": self._close_code}
        self._wake.set()

    def pause(self) -> None:
        """Take nothing more until `resume`; the host holds back what comes."""
        self._readable.clear()

    def resume(self) -> None:
        """Take packets again."""
        self._readable.set()

    async def _write(self) -> None:
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                await self._write_queued()
                if self._last is not None:
                    await self._write_event(self._last)
                    return
        except OSError as error:
            # The peer is gone.
            self._lost(TRANSPORT_ERROR, f"a message could not be sent: {error!r}")

    async def _write_queued(self) -> None:
        events, self._events = self._events, []
        for event in events:
            await self._write_event(event)
        if not self._accepted or self._connection.carrier is not self:
            return
        connection = self._connection
        session = connection.session
        share = SHARE
        while packets := session.take():
            # Nobody sees this unless sending takes time: what is queued meanwhile is counted.
            session.block(connection.server.loop.time())
            self._unsent = sum(map(len, packets))
            for packet in packets:
                if share <= 0:
                    # A host that has room for all would never let the others come.
                    share = SHARE
                    await asyncio.sleep(0)
                size = len(packet)
                share -= size + SEND_COST
                if self._base64 and isinstance(packet, bytes):
                    packet = encode_base64(packet)
                await self._write_event(_send_event(packet))
                self._unsent -= size
            session.unblock()
            connection.flush()

    async def _write_event(self, event: AsgiEvent) -> None:
        if not self._gone:
            try:
                async with asyncio.timeout(SEND_TIMEOUT) as limit:
                    await self._send(event)
            except TimeoutError:
                if not limit.expired():
                    # The host's own, which has lost its peer.
                    raise
                self._lost(
                    SLOW_CONSUMER,
                    f"{self._unsent} bytes wait, expected one message to be taken within "
                    f"{SEND_TIMEOUT:g} seconds",
                )


async def _first_of(*futures: asyncio.Future[None], finally_: Callable[[], None]) -> None:
    """Wait until one of `futures` is done or the host cancels, call `finally_`, end the others.

    Raises:
        Exception: what one of them raised: the host logs it.
    """
    try:
        await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)
    finally:
        finally_()
        for future in futures:
            future.cancel()
        await asyncio.wait(futures)
    for future in futures:
        if not future.cancelled():
            future.result()


def _possible_paths(scope: Scope) -> tuple[str, ...]:
    """The request's path in full, and below the prefix that the application is mounted under.

    In current ASGI `path` includes `root_path`; some frameworks still take the prefix away, or do
    not even tell it (Litestar): then `raw_path` alone has it.
    """
    path: str = scope["path"]
    root: str = scope.get("root_path", "").rstrip("/")
    raw_path = unquote((scope.get("raw_path") or b"").decode("latin-1"))
    full = raw_path if raw_path.endswith(path) else path
    return (path, path.removeprefix(root), root + path, full)


def _request(scope: Scope) -> Request:
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name = raw_name.decode("latin-1").lower()
        value = raw_value.decode("latin-1")
        if name in headers:
            # HTTP/2 clients split cookies (RFC 9113, section 8.2.3).
            separator = "; " if name == "cookie" else ", "
            value = f"{headers[name]}{separator}{value}"
        headers[name] = value
    raw_path: bytes | None = scope.get("raw_path")
    path = quote(scope["path"]) if raw_path is None else raw_path.decode("latin-1")
    query = scope.get("query_string", b"").decode("latin-1")
    client = scope.get("client")
    return Request(
        scope.get("method", "GET"),
        f"{path}?{query}" if query else path,
        headers,
        client[0] if client else "",
        secure=scope.get("scheme") in ("https", "wss"),
        websocket=scope["type"] == "websocket",
    )


def _encode_headers(headers: Headers) -> list[tuple[bytes, bytes]]:
    check_headers(headers)
    return [
        (name.lower().encode("latin-1"), value.encode("latin-1", "replace"))
        for name, value in headers
    ]


def _send_event(packet: Packet) -> AsgiEvent:
    if isinstance(packet, bytes):
        return {"type": "websocket.send", "bytes": packet}
    if not packet.isascii():
        # Hosts fail on a lone surrogate.
        packet = packet.encode("utf-8", "replace").decode()
    return {"type": "websocket.send", "text": packet}


def _size(packet: Packet) -> int:
    """The bytes of a message."""
    if isinstance(packet, bytes) or packet.isascii():
        return len(packet)
    return len(packet.encode())

"""The listening server: Engine.IO servers on their paths, and plain routes beside them."""

from __future__ import annotations

import asyncio
import logging
import math
import socket
import sys
from collections.abc import Awaitable, Callable, Sequence
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from engineio_min.errors import UsageError
from engineio_min.http.answers import AnswerHeads
from engineio_min.http.connection import HttpConnection
from engineio_min.http.exchange import HttpExchange
from engineio_min.http.host import Handover
from engineio_min.http.limits import TOLD_AT_ONCE, HttpLimits
from engineio_min.limits.addresses import parse_ip
from engineio_min.limits.admission import PRIVATE_NETWORKS, Admission
from engineio_min.option_checks import check_port
from engineio_min.request import Request, Response, StreamedResponse
from engineio_min.timer import Timer
from engineio_min.transports.mounted import Mounted

if TYPE_CHECKING:
    import ssl

logger = logging.getLogger("engineio_min.http")

Route = Callable[[Request], Response | Awaitable[Response]]

# asyncio accepts as many connections in one turn as its backlog says, and when the descriptors run
# out it logs an error for each: thousands a second, which keep the server busy.
ACCEPTS_PER_TURN = 64

NO_PORT = "the server has no port before `await listen(...)`"

# Turns of the loop until a task that is cancelled at the next one has answered.
TURNS_TO_ANSWER = 2
# How often a server that closes looks whether its connections have ended, and the seconds between
# two looks.
CLOSE_LOOKS = 50
CLOSE_INTERVAL = 0.02


class _Adopted(HttpConnection):
    """A connection whose first bytes another process has read."""

    __slots__ = ("_first",)

    def __init__(self, server: HttpServer, first: bytes) -> None:
        super().__init__(server)
        self._first = first

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        # Before anything else is read: later these bytes would come in the middle.
        first, self._first = self._first, b""
        if first:
            self.data_received(first)


class HttpServer:
    """A listening server: Engine.IO servers on their paths, and plain routes beside them.

    proxies: addresses and networks of the proxies in front of it, whose connections are those of
    many clients: `HttpLimits.connections_per_address` does not count for them. By default this
    host and all private networks; `()` for none.

    Raises:
        UsageError: one of `proxies` is no address and no network.
    """

    def __init__(
        self, limits: HttpLimits | None = None, *, proxies: Sequence[str] = PRIVATE_NETWORKS
    ) -> None:
        self.limits = HttpLimits() if limits is None else limits
        self.connections: set[asyncio.Transport] = set()
        self._proxies = proxies
        self.admission = self._new_admission()
        self.timer: Timer
        self.loop: asyncio.AbstractEventLoop
        # Set where this process is one of several behind one port.
        self.handover: Handover | None = None
        self.engines: dict[str, Mounted] = {}
        self._routes: dict[str, Route] = {}
        self._fallback: Route = not_found
        self._listeners: list[asyncio.Server] = []
        # The address of the first listener: a closed listener no longer knows its own.
        self._bound: Any = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.answers = AnswerHeads()

    def _new_admission(self) -> Admission:
        return Admission(
            self.limits.connections,
            self.limits.connections_per_address,
            self._proxies,
            lambda client: sum(engine.pollers.of(client) for engine in self.engines.values()),
        )

    def mount(self, engine: Mounted) -> None:
        """Serve `engine` on its path.

        Raises:
            UsageError: another server is on that path.
        """
        if self.engines.get(engine.path, engine) is not engine:
            raise UsageError(
                f"got a second server on the path {engine.path!r}; give it another path"
            )
        self.engines[engine.path] = engine
        if self._listeners:
            engine.start()

    def route(self, path: str, handler: Route) -> None:
        """Answer GET and HEAD requests for exactly `path` with what `handler` returns.

        A handler that fails is logged and answered with a 500.
        """
        self._routes[path] = handler

    def fallback(self, handler: Route) -> None:
        """Answer GET and HEAD requests for every other path with what `handler` returns."""
        self._fallback = handler

    async def listen(
        self,
        host: str | None = "127.0.0.1",
        port: int = 3000,
        *,
        ssl: ssl.SSLContext | None = None,
        sock: socket.socket | None = None,
        reuse_port: bool | None = None,
        backlog: int = 4096,
    ) -> None:
        """Start to accept connections on `host` and `port` (0 picks a free one), or on `sock`.

        backlog: connections that may wait in the kernel until they are accepted.

        Raises:
            OSError: the address cannot be bound.
            UsageError: there is no such port, or the server listens in another event loop that is
                not closed.
        """
        check_port(port)
        loop = asyncio.get_running_loop()
        if self._listeners and self.loop is not loop:
            check_closed(self.loop)
            self._outlive_loop()
        self.loop = loop
        descriptors = raise_descriptor_limit()
        self.admission.capacity = min(self.limits.connections, usable_descriptors(descriptors))
        reserve_read_buffer()
        if not self._listeners:
            self.timer = Timer(self.loop)
            for engine in self.engines.values():
                engine.start()

        def factory() -> HttpConnection:
            return HttpConnection(self)

        # A peer that never finishes its TLS handshake is not seen by `HttpConnection`.
        patience = None if ssl is None else self.limits.header_timeout
        if sock is not None:
            listener = await self.loop.create_server(
                factory,
                sock=sock,
                ssl=ssl,
                ssl_handshake_timeout=patience,
                backlog=ACCEPTS_PER_TURN,
            )
        else:
            listener = await self.loop.create_server(
                factory,
                host if isinstance(loop, asyncio.BaseEventLoop) else _as_bytes(host),
                port,
                ssl=ssl,
                ssl_handshake_timeout=patience,
                reuse_port=reuse_port,
                backlog=ACCEPTS_PER_TURN,
            )
        for bound in listener.sockets:
            if bound.family != getattr(socket, "AF_UNIX", None):
                # Connections inherit TCP_NODELAY, which asyncio sets only on those of sockets that
                # it made itself. Without it a second small packet waits until the peer has
                # confirmed the first.
                bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            # For the kernel the backlog may be longer than for asyncio.
            with socket.fromfd(bound.fileno(), bound.family, bound.type) as twin:
                twin.listen(backlog)
            logger.info("listening on %s", _url(bound.getsockname(), secure=ssl is not None))
        if not self._listeners:
            self._bound = listener.sockets[0].getsockname()
        self._listeners.append(listener)

    @property
    def port(self) -> int:
        """Return the port of the first listener, until `close`.

        Raises:
            UsageError: the server is not listening, or on a Unix socket, which has no port.
        """
        if self._bound is None:
            raise UsageError(NO_PORT)
        if not isinstance(self._bound, tuple):
            raise UsageError(f"the server has no port: it listens on the Unix socket {self._bound}")
        return int(self._bound[1])

    def stop_accepting(self) -> None:
        """Close the listening sockets, which serve all mounted servers; open connections go on.

        Handshakes over them are refused by `Server.stop_accepting`, which calls this.
        """
        for listener in self._listeners:
            listener.close()

    def _outlive_loop(self) -> None:
        """Forget the listeners and connections of an event loop that was closed without `close`."""
        self.stop_accepting()
        self._listeners.clear()
        self._tasks.clear()
        self.connections.clear()
        self.admission = self._new_admission()

    def give_idle(self) -> None:
        """Give the connections between two requests away, if this process takes no new sessions
        and another does; see `Handover`.
        """
        if self.handover is None:
            return
        for transport in list(self.connections):
            protocol = transport.get_protocol()
            if isinstance(protocol, HttpConnection):
                protocol.give_idle(self.handover)

    async def adopt(self, connection: socket.socket, data: bytes) -> None:
        """Serve a connection that another process gave away; that process has read `data`."""
        connection.setblocking(False)
        await self.loop.connect_accepted_socket(partial(_Adopted, self, data), connection)

    async def close(self) -> None:
        """Stop accepting, close every session and connection, and wait until all have closed."""
        self.stop_accepting()
        for engine in self.engines.values():
            engine.close()
        for task in self._tasks:
            # Not at once: a task that has not begun would answer nobody.
            self.loop.call_soon(task.cancel)
        # Turns for the last answers and close frames to reach the transports.
        for _ in range(TURNS_TO_ANSWER):
            await asyncio.sleep(0)
        self.give_idle()
        for transport in list(self.connections):
            transport.close()
        for _ in range(CLOSE_LOOKS):
            if not self.connections:
                break
            await asyncio.sleep(CLOSE_INTERVAL)
        for transport in list(self.connections):
            transport.abort()
        if self._listeners:
            self.timer.cancel()
        self._listeners.clear()
        self._bound = None

    def handle(self, exchange: HttpExchange) -> None:
        """Answer a request for none of the engines, from the route that its path names."""
        request = exchange.request
        handler = self._routes.get(request.path, self._fallback)
        if request.method not in ("GET", "HEAD"):
            exchange.respond(405, [("Allow", "GET, HEAD")], b"")
            return
        self._respond_from(exchange, handler)

    def _respond_from(self, exchange: HttpExchange, handler: Route) -> None:
        try:
            response = handler(exchange.request)
        except Exception:
            logger.exception("the handler of %r failed", exchange.request.path)
            response = Response(500)
        if isinstance(response, StreamedResponse):
            work = self._stream(exchange, response)
        elif isinstance(response, Response):
            exchange.respond_with(response)
            return
        else:
            work = self._await_response(exchange, response)
        task = self.loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _await_response(self, exchange: HttpExchange, response: Awaitable[Response]) -> None:
        try:
            answer = await response
            if isinstance(answer, StreamedResponse):
                await self._stream(exchange, answer)
            else:
                exchange.respond_with(answer)
        except asyncio.CancelledError:
            # The server closes, or what the handler waited for was cancelled: a request that nobody
            # answers would hold its connection.
            exchange.respond_with(Response(503))
            raise
        except Exception:
            logger.exception("the handler of %r failed", exchange.request.path)
            exchange.respond_with(Response(500))

    async def _stream(self, exchange: HttpExchange, response: StreamedResponse) -> None:
        try:
            await exchange.stream(response)
        except Exception:
            logger.exception("the answer to %r was cut", exchange.request.path)


def check_closed(loop: asyncio.AbstractEventLoop) -> None:
    """Refuse to move a server from an event loop that may still serve its clients.

    Raises:
        UsageError: `loop` is not closed.
    """
    if not loop.is_closed():
        raise UsageError(
            "got a second event loop, expected the one that the server runs in: close the server "
            "there first, or make another one"
        )


def _url(bound: Any, *, secure: bool) -> str:
    """Return where a socket bound to the address `bound` is found."""
    if not isinstance(bound, tuple):
        return f"the Unix socket {bound!r}"
    host = f"[{bound[0]}]" if ":" in bound[0] else bound[0]
    return f"{'https' if secure else 'http'}://{host}:{bound[1]}"


def not_found(_request: Request) -> Response:
    """Answer 404."""
    return Response(404, b"Not found", [("Content-Type", "text/plain; charset=utf-8")])


def _as_bytes(host: str | None) -> Any:
    """Return an address as uvloop takes it without looking for characters of all languages in it,
    whose tables are half a megabyte; a name as it is.
    """
    if host is None:
        return None
    try:
        parse_ip(host)
    except ValueError:
        return host
    return [host.encode()]


def raise_descriptor_limit() -> float:
    """Raise this process's limit of file descriptors to the system's: each client needs one.

    Return the limit.
    """
    if sys.platform == "win32":
        return math.inf
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return math.inf if hard == resource.RLIM_INFINITY else hard


def usable_descriptors(descriptors: float) -> float:
    """Count the descriptors that a server may give to connections.

    Without a free descriptor the server can open no file, and clients that connect hear nothing at
    all. Some are kept back for files, and for the answer to connections that are too many.
    """
    if descriptors == math.inf:
        return descriptors
    return descriptors - min(descriptors // 2, 2 * TOLD_AT_ONCE + descriptors // 32)


@cache
def reserve_read_buffer() -> None:
    """Let the allocator keep the 256 KiB that asyncio reads into.

    With an unlucky heap every read would map and unmap that memory: polling three times slower,
    measured. Freeing a larger block once raises the threshold above which glibc maps, for as long
    as the process lasts.
    """
    bytearray(4 << 20)

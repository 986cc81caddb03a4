"""HTTP/1.1 over `asyncio.Protocol`, parsed by httptools.

One `HttpConnection` a TCP connection. It hands each request to its server as an `HttpExchange` as
soon as the headers are there, so that a refusal need not wait for the body, and answers pipelined
requests one at a time in order. What a peer may send and how long it may take is bounded at every
step. A WebSocket handshake hands the TCP connection over to `websocket.py`.

Known limit: no `Transfer-Encoding` but chunked, and no HTTP/2.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from typing import TYPE_CHECKING, Protocol, cast

import httptools

from engineio_min.http.exchange import HttpExchange
from engineio_min.http.head import (
    METHODS,
    KnownHead,
    read_headers,
    refusal,
    request_end,
    split_absolute,
)
from engineio_min.http.limits import MAX_FRAMING, HttpLimits
from engineio_min.limits.admission import Admission
from engineio_min.protocol.deadlines import NEVER
from engineio_min.protocol.progress import Progress
from engineio_min.request import Headers, Request
from engineio_min.timer import Timer
from engineio_min.transports.unsent import unsent_and_confirmed
from engineio_min.transports.websocket import WebSocket

if TYPE_CHECKING:
    from websockets.extensions import Extension

    from engineio_min.transports.connection import Connection

logger = logging.getLogger("engineio_min.http")

_WITHOUT_LENGTH = (204, 304)
# A connection too many is told so in an answer, which takes a moment to leave. This many at a time
# are told; the others are closed without a word.
TOLD_AT_ONCE = 64
# The first bytes of the heads that a connection keeps: those of a poll's two methods.
_KEPT = (b"G", b"P")
# What a deadline may be for, besides a request's body.
_HEAD, _REQUEST = "head", "request"
# What the parser is in.
_BETWEEN, _IN_HEAD, _IN_BODY = "between requests", "in a head", "in a body"


class HttpHost(Protocol):
    """What a connection may ask of the server that accepted it, and nothing else."""

    limits: HttpLimits
    connections: set[asyncio.Transport]
    admission: Admission
    timer: Timer
    loop: asyncio.AbstractEventLoop

    def handle(self, exchange: HttpExchange) -> None:
        """Give an exchange to the engine or the route that its path names."""

    @property
    def handover(self) -> Handover | None:
        """Return what gives connections to other processes, if there are any."""

    def response_start(self, status: int, headers: tuple[tuple[str, str], ...]) -> bytes:
        """Return the first lines of an answer, with its `Date`."""


class Handover(Protocol):
    """What gives connections to the processes that their requests are for."""

    def give(self, transport: asyncio.Transport, data: bytes) -> bool:
        """Give away a connection whose next request begins with `data`, if it is for another.

        Return whether that process has the connection now; here it is only to be let go.
        """

    def give_idle(self, transport: asyncio.Transport) -> bool:
        """Give away a connection that nothing was read from, if this process takes no new
        sessions. Return whether another process has it now.
        """


class HttpConnection(asyncio.Protocol):
    """One TCP connection that speaks HTTP/1.1."""

    __slots__ = (
        "_awaited",
        "_body_size",
        "_client",
        "_closing",
        "_current",
        "_head_size",
        "_header_lines",
        "_held",
        "_known",
        "_parser",
        "_part",
        "_progress",
        "_queue",
        "_read",
        "_receiving",
        "_rest",
        "_scheduled",
        "_secure",
        "_served",
        "_server",
        "_stalled",
        "_target",
        "_upgrade",
        "_wire_size",
        "deadline",
        "transport",
    )

    transport: asyncio.Transport

    def __init__(self, server: HttpHost) -> None:
        self._server = server
        self._parser: httptools.HttpRequestParser | None = None
        self._queue: deque[HttpExchange] = deque()
        self._current: HttpExchange | None = None
        self._receiving: HttpExchange | None = None
        self._target = b""
        self._header_lines: list[tuple[bytes, bytes]] = []
        self._head_size = 0
        self._part = _BETWEEN
        # The last heads, by their first byte.
        self._known: dict[bytes, KnownHead] = {}
        # Bytes of the present body, without and with the framing of its chunks.
        self._body_size = 0
        self._wire_size = 0
        # The peer does not read; what was waiting at the last look.
        self._stalled = False
        self._progress: Progress | None = None
        self._closing = False
        self._upgrade = False
        self._rest = b""
        # Whether that is what follows a request, which waits until it has its answer.
        self._held = False
        # What the deadline is for: a head, a body, the next request, or nothing.
        self._awaited: HttpExchange | str | None = None
        # The read that is being parsed, if it began between requests. While there is one the
        # deadline waits: most requests come whole and are answered.
        self._read: bytes | None = None
        # Whether this read has begun a request, and whether the event loop is to begin the next:
        # one in a turn, then the other connections come.
        self._served = False
        self._scheduled = False
        self.deadline = NEVER

    # -- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        self._client = peer[0] if isinstance(peer, tuple) else ""
        self._secure = transport.get_extra_info("sslcontext") is not None
        self._parser = httptools.HttpRequestParser(self)
        server = self._server
        connections = server.connections
        connections.add(self.transport)
        self._set_deadline(server.limits.header_timeout)
        excess = server.admission.enter(self._client, len(connections))
        if excess:
            self._turn_away(excess)

    def connection_lost(self, error: Exception | None) -> None:
        self._server.connections.discard(self.transport)
        self._server.admission.remove(self._client)
        self._release()
        for exchange in (self._current, *self._queue):
            if exchange is not None:
                exchange.abort()
        self._queue.clear()
        self._current = self._receiving = None

    def eof_received(self) -> None:
        # A client that half-closes has gone: no browser or Socket.IO client waits for an answer
        # after it.
        return None

    def data_received(self, data: bytes) -> None:
        if self._closing:
            return
        if self._upgrade:
            # More frames than one read while `allow_request` decides: they wait in the kernel.
            self._rest += data
            self.transport.pause_reading()
            return
        assert self._parser is not None
        between = self._part is _BETWEEN
        if self._part is _IN_BODY:
            self._wire_size += len(data)
        else:
            self._head_size += len(data)
        self._read = b""
        self._served = False
        try:
            if not (between and self._known and self._repeats(data)):
                if between:
                    if self._server.handover is not None:
                        data = self._kept(self._server.handover, data)
                        if not data:
                            return
                    self._read = data
                self._parser.feed_data(data)
                self._check_sizes()
        except httptools.HttpParserUpgrade as upgrade:
            self._read = None
            self._begin_upgrade(data[upgrade.args[0] :])
            return
        except Exception as error:
            if isinstance(error, httptools.HttpParserError) and not isinstance(
                error, httptools.HttpParserCallbackError
            ):
                self._refuse(400, f"got a malformed request: {error}")
            else:
                logger.exception("a request of %s could not be handled", self._client)
                self._refuse(500, "the server failed")
        finally:
            self._read = None
        self._restart_deadline()

    def _kept(self, handover: Handover, data: bytes) -> bytes:
        """Return what of a read between requests is to be parsed here.

        Nothing as long as the request line is not complete or the answer to an earlier request is
        due, and nothing if the request is for another process, which has the connection then. What
        follows the request waits: it may be for another process.
        """
        if self._current is not None:
            self._hold(data)
            return b""
        self._held = False
        # Empty lines before a request mean nothing (RFC 9112, section 2.2).
        data, self._rest = (self._rest + data).lstrip(b"\r\n"), b""
        self._head_size = len(data)
        if not data:
            self._read = None
            self._restart_deadline()
            return b""
        if b"\n" not in data and len(data) <= self._server.limits.request_line:
            self._rest = data
            # What follows begins in the middle of a line: no head that is known.
            self._known.clear()
            self._read = None
            self._restart_deadline()
            return b""
        if handover.give(self.transport, data):
            self._let_go()
            return b""
        end = request_end(data)
        if end < len(data):
            self._hold(data[end:])
        return data[:end]

    def _hold(self, data: bytes) -> None:
        """Keep what follows a request until that has its answer; the rest waits in the kernel."""
        self._rest += data
        self._held = True
        self.transport.pause_reading()

    def _take_held(self) -> None:
        # Not if the connection was lost in this turn.
        if self._held and self._parser is not None:
            self.data_received(b"")
            self._read_on()

    def _read_on(self) -> None:
        if not (self._held or self._queue):
            self.transport.resume_reading()

    def give_idle(self, handover: Handover) -> None:
        """Give away the connection if nothing of a request is there; see `Handover`."""
        idle = not (self._closing or self._current or self._head_size or self._rest)
        if idle and handover.give_idle(self.transport):
            self._let_go()

    def _let_go(self) -> None:
        """Close this process's end of a connection that another has; the peer notices nothing."""
        self._closing = True
        self._release()
        self.transport.abort()

    def _repeats(self, data: bytes) -> bool:
        """Handle a request that needs no parsing, as the parser's callbacks would."""
        known = self._known.get(data[:1])
        again = None if known is None else known.again(data)
        if again is None:
            return False
        request, size = again
        self._receive(request, keep_alive=True)
        if size < len(data):
            self.on_body(data[size:])
        self.on_message_complete()
        return True

    def _check_sizes(self) -> None:
        if self._part is not _IN_BODY:
            if self._head_size > self._server.limits.header_block:
                self._refuse(431, "got too many bytes of headers")
        elif self._wire_size > MAX_FRAMING * self._body_size + self._server.limits.header_block:
            self._refuse(400, "got more framing than body")
        else:
            assert self._receiving is not None
            self._receiving.body_waits()

    def pause_writing(self) -> None:
        # What is not read is not answered: a peer that only sends would fill the memory.
        self._stalled = True
        self.transport.pause_reading()
        self._restart_deadline()

    def resume_writing(self) -> None:
        self._stalled = False
        # From now on the peer's time is that of its next request, not of its reading.
        self._progress = None
        if self._closing or self._current is not None:
            self.transport.resume_reading()
            self._restart_deadline()
        else:
            self._next()

    # -- httptools

    def on_message_begin(self) -> None:
        self._target = b""
        self._header_lines = []
        self._part = _IN_HEAD

    def on_url(self, url: bytes) -> None:
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        lines = self._header_lines
        if self._part is _IN_BODY:
            self._refuse(400, "got a trailer, which is not supported")
        elif len(lines) >= self._server.limits.header_count:
            # Repeated ones count as well: joining thousands of them would cost the square.
            self._refuse(431, "got too many headers")
        else:
            lines.append((name, value))

    def on_headers_complete(self) -> None:
        if self._closing:
            return
        parser = self._parser
        assert parser is not None
        headers = read_headers(self._header_lines)
        if headers is None:
            self._refuse(400, "got two Host headers")
            return
        refused = refusal(self._target, headers, parser.get_http_version(), self._server.limits)
        if refused is not None:
            self._refuse(*refused)
            return
        target = self._target.decode("latin-1")
        if not target.startswith("/"):
            absolute = split_absolute(target)
            if absolute is not None:
                # Whatever Host says, this is the host that was asked for.
                headers["host"], target = absolute
        self._upgrade = parser.should_upgrade()
        request = Request(
            METHODS.get(parser.get_method()) or parser.get_method().decode(),
            target,
            headers,
            self._client,
            secure=self._secure,
            websocket=self._upgrade and headers.get("upgrade", "").lower() == "websocket",
        )
        self._receive(request, keep_alive=parser.should_keep_alive() and not self._upgrade)

    def _receive(self, request: Request, *, keep_alive: bool) -> None:
        """Take a request whose head is complete."""
        self._part = _IN_BODY
        self._head_size = 0
        self._body_size = self._wire_size = 0
        self._awaited = None
        if not keep_alive:
            # What follows is for the parser to refuse.
            self._known.clear()
        exchange = HttpExchange(self, request, keep_alive=keep_alive, bodiless=self._upgrade)
        self._receiving = exchange
        if not self._upgrade:
            self._enqueue(exchange)

    def on_body(self, data: bytes) -> None:
        exchange = self._receiving
        if self._closing or exchange is None:
            return
        self._body_size += len(data)
        # A body that its exchange does not read, as that of a GET, is dropped.
        if exchange is not self._current or exchange.reading:
            exchange.body_received(data)

    def on_message_complete(self) -> None:
        self._part = _BETWEEN
        if self._closing or self._upgrade or self._receiving is None:
            return
        exchange, self._receiving = self._receiving, None
        if self._read and exchange.keep_alive:
            self._learn(self._read, exchange)
        exchange.body_completed()

    def _learn(self, read: bytes, exchange: HttpExchange) -> None:
        """Keep the head of a request, to know it again, if it was all of this read."""
        size = len(read) - self._body_size
        first = read[:1]
        if (
            # Not one of each method that there is: two are what an idle connection may keep.
            first in _KEPT
            and read.find(b"\r\n\r\n") == size - 4
            and 2 * size < self._server.limits.header_block
        ):
            self._known[first] = KnownHead(read[:size], exchange.request)

    # -- requests in turn

    def _enqueue(self, exchange: HttpExchange) -> None:
        if self._current is None and not (self._stalled or self._served):
            self._served = True
            self._begin(exchange)
        elif len(self._queue) >= self._server.limits.pipelined:
            self._refuse(400, "got too many pipelined requests")
        else:
            # What follows a parked poll waits in the kernel, not here.
            self._queue.append(exchange)
            self.transport.pause_reading()
            if self._current is None:
                self._begin_soon()

    def _begin(self, exchange: HttpExchange) -> None:
        self._current = exchange
        self._restart_deadline()
        self._server.handle(exchange)

    def _next(self) -> None:
        """Go on to the next request, when the peer has room for its answer."""
        if self._stalled:
            return
        if self._queue:
            self._begin_soon()
        elif self._held:
            # One in a turn, then the other connections come.
            self._server.loop.call_soon(self._take_held)
        else:
            self.transport.resume_reading()
            self._restart_deadline()

    def _begin_soon(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            self._server.loop.call_soon(self._begin_next)

    def _begin_next(self) -> None:
        self._scheduled = False
        if self._queue and self._current is None and not self._stalled:
            exchange = self._queue.popleft()
            if not self._queue:
                self.transport.resume_reading()
            self._begin(exchange)

    def response_head(
        self, status: int, headers: Headers, length: int, *, keep_alive: bool
    ) -> bytes:
        """Make the head of an answer whose body has `length` bytes.

        Raises:
            UsageError: a header has a control character.
        """
        head = self._server.response_start(status, tuple(headers))
        if not keep_alive:
            head += b"Connection: close\r\n"
        if status in _WITHOUT_LENGTH:
            return head + b"\r\n"
        return head + b"Content-Length: %d\r\n\r\n" % length

    def write_response(self, data: bytes, *, keep_alive: bool) -> None:
        """Write the answer of the current exchange and go on to the next."""
        self._current = None
        self.transport.write(data)
        if keep_alive:
            self._next()
        else:
            self._linger()

    def _refuse(self, status: int, reason: str) -> None:
        """Answer a request that cannot be read, and close."""
        if self._closing:
            return
        logger.debug("refused a request of %s: %s", self._client, reason)
        current, self._current = self._current, None
        self._queue.clear()
        if current is not None:
            current.abort()
            if current is not self._receiving:
                # An answer to an earlier request is still due: this one gets none.
                self._linger()
                return
        body = reason.encode()
        headers = [("Content-Type", "text/plain; charset=utf-8")]
        head = self.response_head(status, headers, len(body), keep_alive=False)
        self.write_response(head + body, keep_alive=False)

    def _turn_away(self, excess: float) -> None:
        """Refuse this connection, the `excess`th too many."""
        self._server.admission.log_turned_away(self._client, self._server.loop.time())
        if excess > TOLD_AT_ONCE:
            self._closing = True
            self._release()
            self.transport.abort()
        else:
            self._refuse(503, "there are too many connections, try again later")

    def _linger(self) -> None:
        # Closing at once while the peer still sends would reset the connection, and the answer with
        # it.
        self._closing = True
        self._release()
        if not self.transport.is_closing():
            if self.transport.can_write_eof():
                with contextlib.suppress(OSError):  # The peer may be gone already.
                    self.transport.write_eof()
            self.transport.resume_reading()
        # A transport that is closing stays for as long as its peer leaves something unread.
        self._restart_deadline()

    def _release(self) -> None:
        self._parser = None
        self._server.timer.forget(self)

    # -- WebSocket

    def _begin_upgrade(self, rest: bytes) -> None:
        exchange = self._receiving
        if self._closing or exchange is None:
            return
        self._receiving = None
        self._rest = rest
        self._enqueue(exchange)

    def become_websocket(
        self,
        head: bytes,
        connection: Connection,
        extensions: list[Extension],
        *,
        candidate: bool,
        base64: bool,
    ) -> WebSocket:
        """Hand the TCP connection over to a WebSocket, which answers the current exchange with
        `head`.
        """
        self._current = None
        self._closing = True
        self._parser = None
        server = self._server
        server.timer.forget(self)
        admitted_as = self._client if candidate else None
        if admitted_as is None:
            # It carries its session at once, and not after an upgrade.
            server.admission.remove(self._client)
        websocket = WebSocket(
            self.transport,
            connection,
            extensions,
            head,
            self._rest,
            server,
            admitted_as,
            base64=base64,
        )
        self.transport.set_protocol(websocket)
        return websocket

    # -- time

    def _restart_deadline(self) -> None:
        """Give the peer its time for what it has to do next, unless it has begun to run."""
        if self._read is not None:
            return
        limits = self._server.limits
        awaited: HttpExchange | str | None = None
        if self._closing or self._stalled:
            unsent = self.transport.get_write_buffer_size()
            self._progress = None
            if unsent:
                now = self._server.loop.time()
                self._progress = Progress(*unsent_and_confirmed(self.transport), now)
            self._set_deadline(limits.write_timeout if unsent else limits.linger)
        elif self._current is None:
            awaited = _HEAD if self._head_size else _REQUEST
            if awaited is not self._awaited:
                self._set_deadline(
                    limits.header_timeout if self._head_size else limits.keep_alive_timeout
                )
        elif self._current is self._receiving:
            awaited = self._current
            if awaited is not self._awaited:
                self._set_deadline(limits.body_timeout)
        else:
            # What is left is the server's time, not the peer's; a poll may be parked for long.
            self.deadline = NEVER
        self._awaited = awaited

    def _set_deadline(self, seconds: float) -> None:
        self.deadline = self._server.loop.time() + seconds
        self._server.timer.watch(self)

    def handle_timeout(self, now: float) -> None:
        """Close a connection whose peer is too slow, or idle: its deadline has passed."""
        self.deadline = NEVER
        unsent = self.transport.get_write_buffer_size()
        progress = self._progress
        if unsent and progress and not progress.silence(*unsent_and_confirmed(self.transport), now):
            # Slow, but it reads.
            self._restart_deadline()
        elif unsent or self._closing:
            self.transport.abort()
        elif self._receiving is not None or self._head_size:
            self._refuse(408, "the request did not arrive in time")
        else:
            self.transport.close()

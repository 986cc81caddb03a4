"""One TCP connection that speaks HTTP/1.1: requests in turn, their answers, and the peer's time.

`reader.py` turns bytes into exchanges. Here pipelined requests are answered one at a time in order
(RFC 9112, section 9.3.2), and how long a peer may take for each step is bounded. A WebSocket
handshake hands the TCP connection over to `transports/websocket.py`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from typing import TYPE_CHECKING, cast

from engineio_min.http.exchange import HttpExchange
from engineio_min.http.host import Handover, HttpHost
from engineio_min.http.known_heads import request_end
from engineio_min.http.reader import RequestReader
from engineio_min.protocol.deadlines import NEVER
from engineio_min.protocol.progress import Progress
from engineio_min.request import Headers
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
# Bytes that are parsed at once, unless they are one body: so few requests come at once.
PIECE = 8_192
# What a deadline may be for, besides a request's body.
_HEAD, _REQUEST = "head", "request"


class HttpConnection(asyncio.Protocol):
    """One TCP connection that speaks HTTP/1.1."""

    __slots__ = (
        "_awaited",
        "_client",
        "_closing",
        "_held",
        "_progress",
        "_queue",
        "_reader",
        "_reading",
        "_rest",
        "_room",
        "_scheduled",
        "_served",
        "_server",
        "_stalled",
        "current",
        "deadline",
        "transport",
    )

    transport: asyncio.Transport

    def __init__(self, server: HttpHost) -> None:
        self._server = server
        self._reader: RequestReader | None = None
        self._queue: deque[HttpExchange] = deque()
        self.current: HttpExchange | None = None
        # The peer does not read; what was waiting at the last look.
        self._stalled = False
        # Set when it reads again: what waits for that is an answer in pieces.
        self._room: asyncio.Event | None = None
        self._progress: Progress | None = None
        self._closing = False
        self._rest = b""
        # Whether that is what follows a request, which waits until it has its answer.
        self._held = False
        # What the deadline is for: a head, a body, the next request, or nothing.
        self._awaited: HttpExchange | str | None = None
        # Whether a read is being parsed. Until it is the deadline waits: most requests come whole
        # and are answered.
        self._reading = False
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
        secure = transport.get_extra_info("sslcontext") is not None
        server = self._server
        self._reader = RequestReader(self, server.limits, self._client, secure=secure)
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
        for exchange in (self.current, *self._queue):
            if exchange is not None:
                exchange.abort()
        self._queue.clear()
        self.current = None
        self._stalled = False
        self._make_room()

    def eof_received(self) -> None:
        # A client that half-closes has gone: no browser or Socket.IO client waits for an answer
        # after it.
        return None

    def data_received(self, data: bytes) -> None:
        if self._closing:
            return
        reader = self._reader
        assert reader is not None
        if reader.asks_to_upgrade:
            # More frames than one read while `allow_request` decides: they wait in the kernel.
            self._rest += data
            self.transport.pause_reading()
            return
        if self._held and not self._takes_held:
            # It was read before reading paused.
            self._rest += data
            return
        frames: bytes | None = None
        self._reading = True
        self._served = False
        try:
            if self._rest or not (reader.known and reader.repeat(data)):
                if self._server.handover is not None and reader.between:
                    data = self._kept(self._server.handover, data)
                elif self._rest:
                    data, self._rest = self._rest + data, b""
                    self._held = False
                frames = self._read(reader, data)
        except Exception:
            logger.exception("a request of %s could not be handled", self._client)
            self.refuse(500, "the server failed")
        finally:
            self._reading = False
        if frames is None or self._closing:
            self._restart_deadline()
        else:
            self._begin_upgrade(frames)

    def _read(self, reader: RequestReader, data: bytes) -> bytes | None:
        """Parse `data`, until more requests wait than may: then the rest waits as well.

        Return what follows a WebSocket handshake, or None without one.
        """
        position = 0
        while position < len(data) and not self._closing:
            if len(self._queue) >= self._server.limits.pipelined:
                self._hold(data[position:])
                break
            end = position + max(PIECE, reader.body_left)
            frames = reader.read(data[position:end])
            position = end
            if frames is not None:
                return frames + data[position:]
        return None

    def _kept(self, handover: Handover, data: bytes) -> bytes:
        """Return what of a read between requests is to be parsed here.

        Nothing as long as the request line is not complete or the answer to an earlier request is
        due, and nothing if the request is for another process, which has the connection then. What
        follows the request waits: it may be for another process.
        """
        if self.current is not None:
            self._hold(data)
            return b""
        self._held = False
        # Empty lines before a request mean nothing (RFC 9112, section 2.2).
        data, self._rest = (self._rest + data).lstrip(b"\r\n"), b""
        if b"\n" not in data and len(data) <= self._server.limits.request_line:
            self._rest = data
            return b""
        if handover.give(self.transport, data):
            self._let_go()
            return b""
        end = request_end(data)
        if end < len(data):
            self._hold(data[end:])
        return data[:end]

    def _hold(self, data: bytes) -> None:
        """Keep what follows a request until its turn comes; what follows it waits in the kernel."""
        self._rest = data + self._rest
        self._held = True
        self.transport.pause_reading()

    @property
    def _takes_held(self) -> bool:
        """Return whether the turn has come of what is held."""
        assert self._reader is not None
        # A request that may be for another process waits for the answer to the one before.
        waits = self.current is not None and self._server.handover is not None
        return not self._queue and not (waits and self._reader.between)

    def _read_on(self) -> None:
        """Read more, first what is held, unless requests wait."""
        if not self._held:
            if not self._queue:
                self.transport.resume_reading()
        elif self._takes_held:
            self._begin_soon()

    def give_idle(self, handover: Handover) -> None:
        """Give away the connection if nothing of a request is there; see `Handover`."""
        idle = not (self._closing or self.current or self._in_head)
        if idle and handover.give_idle(self.transport):
            self._let_go()

    def _let_go(self) -> None:
        """Close this process's end of a connection that another has; the peer notices nothing."""
        self._closing = True
        self._release()
        self.transport.abort()

    def pause_writing(self) -> None:
        # What is not read is not answered: a peer that only sends would fill the memory.
        self._stalled = True
        self.transport.pause_reading()
        self._restart_deadline()

    def resume_writing(self) -> None:
        self._stalled = False
        self._make_room()
        # From now on the peer's time is that of its next request, not of its reading.
        self._progress = None
        if self._closing:
            self.transport.resume_reading()
            self._restart_deadline()
        elif self.current is not None:
            self._read_on()
            self._restart_deadline()
        else:
            self._next()

    # -- requests in turn

    def enqueue(self, exchange: HttpExchange) -> None:
        """Answer a request in its turn; its body may still be coming."""
        self._awaited = None
        if self.current is None and not (self._stalled or self._served):
            self._served = True
            self._begin(exchange)
        else:
            # What follows a parked poll waits in the kernel, not here.
            self._queue.append(exchange)
            self.transport.pause_reading()
            if self.current is None:
                self._begin_soon()

    def _begin(self, exchange: HttpExchange) -> None:
        self.current = exchange
        self._restart_deadline()
        engine = self._server.engines.get(exchange.request.path)
        if engine is not None:
            engine.handle(exchange)
        else:
            self._server.handle(exchange)

    def _next(self) -> None:
        """Go on to the next request, when the peer has room for its answer."""
        if self._stalled:
            return
        if self._queue or self._held:
            self._begin_soon()
        else:
            self.transport.resume_reading()
            self._restart_deadline()

    def _begin_soon(self) -> None:
        """Go on in the next turn: one request in each, then the other connections come."""
        if not self._scheduled:
            self._scheduled = True
            self._server.loop.call_soon(self._begin_next)

    def _begin_next(self) -> None:
        self._scheduled = False
        if self._stalled or self._reader is None:
            # If the peer reads again, `resume_writing` goes on.
            return
        if self._queue and self.current is None:
            self._begin(self._queue.popleft())
        else:
            # What is held, unless a read that was on its way has taken it.
            self.data_received(b"")
        if self._reader is not None:
            self._read_on()

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

    def stream_head(self, status: int, headers: Headers, *, keep_alive: bool) -> bytes:
        """Make the head of an answer whose body comes in chunks (RFC 9112, section 7.1).

        Raises:
            UsageError: a header has a control character.
        """
        head = self._server.response_start(status, tuple(headers))
        if not keep_alive:
            head += b"Connection: close\r\n"
        return head + b"Transfer-Encoding: chunked\r\n\r\n"

    async def has_room(self) -> None:
        """Return as soon as the peer reads what was written, or is gone."""
        if self._stalled:
            self._room = asyncio.Event()
            await self._room.wait()

    def _make_room(self) -> None:
        if self._room is not None:
            self._room.set()

    def write_response(self, data: bytes, *, keep_alive: bool) -> None:
        """Write the answer of the current exchange and go on to the next."""
        self.current = None
        self.transport.write(data)
        if keep_alive:
            self._next()
        else:
            self._linger()

    def refuse(self, status: int, reason: str) -> None:
        """Answer a request that cannot be read, and close."""
        if self._closing:
            return
        logger.debug("refused a request of %s: %s", self._client, reason)
        current, self.current = self.current, None
        self._queue.clear()
        if current is not None:
            current.abort()
            if self._reader is None or current is not self._reader.receiving:
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
            self.refuse(503, "there are too many connections, try again later")

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
        if self._reader is not None:
            self._reader.stop()
            self._reader = None
        self._server.timer.forget(self)

    # -- WebSocket

    def _begin_upgrade(self, frames: bytes) -> None:
        """Answer a WebSocket handshake, which `frames` follow."""
        assert self._reader is not None
        exchange, self._reader.receiving = self._reader.receiving, None
        assert exchange is not None
        self._rest = frames
        self.enqueue(exchange)

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
        self.current = None
        self._closing = True
        # It has stopped by itself.
        self._reader = None
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
        if self._reading:
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
        elif self.current is None:
            awaited = _HEAD if self._in_head else _REQUEST
            if awaited is not self._awaited:
                self._set_deadline(
                    limits.header_timeout if awaited is _HEAD else limits.keep_alive_timeout
                )
        elif self._reader is not None and self.current is self._reader.receiving:
            awaited = self.current
            if awaited is not self._awaited:
                self._set_deadline(limits.body_timeout)
        else:
            # What is left is the server's time, not the peer's; a poll may be parked for long.
            self.deadline = NEVER
        self._awaited = awaited

    @property
    def _in_head(self) -> bool:
        """Return whether a part of a request's head is there, read or not."""
        return bool(self._rest) or (self._reader is not None and self._reader.head_size > 0)

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
        elif self._in_head or (self._reader is not None and self._reader.receiving is not None):
            self.refuse(408, "the request did not arrive in time")
        else:
            self.transport.close()

"""One TCP connection that speaks HTTP/1.1: requests in turn, their answers, and the peer's time.

`reader.py` turns bytes into exchanges. Here pipelined requests are answered one at a time in order
(RFC 9112, section 9.3.2), and how long a peer may take for each step is bounded. A WebSocket
handshake hands the TCP connection over to `transports/websocket.py`.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import cast

from engineio_min.http.exchange import HttpExchange
from engineio_min.http.host import Handover, HttpHost
from engineio_min.http.known_heads import request_end
from engineio_min.http.limits import TOLD_AT_ONCE
from engineio_min.http.lingering import Lingering
from engineio_min.http.reader import RequestReader
from engineio_min.http.unread import Unread
from engineio_min.protocol.deadlines import NEVER

logger = logging.getLogger("engineio_min.http")

# What a deadline may be for, besides a request's body.
_HEAD, _REQUEST = "head", "request"


class HttpConnection(asyncio.Protocol):
    """One TCP connection that speaks HTTP/1.1."""

    __slots__ = (
        "_awaited",
        "_client",
        "_closing",
        "_held",
        "_queue",
        "_reader",
        "_reading",
        "_rest",
        "_scheduled",
        "_served",
        "_unread",
        "current",
        "deadline",
        "server",
        "transport",
    )

    transport: asyncio.Transport

    def __init__(self, server: HttpHost) -> None:
        self.server = server
        self._reader: RequestReader | None = None
        self._queue: deque[HttpExchange] = deque()
        self.current: HttpExchange | None = None
        # What waits for the peer, if it does not read.
        self._unread: Unread | None = None
        self._closing = False
        self._rest = b""
        # Whether `_rest` follows a request, and waits until that has its answer.
        self._held = False
        # What the deadline is for: a head, the body of an exchange, the next request, or nothing.
        self._awaited: HttpExchange | str | None = None
        # Whether a read is being parsed. No deadline is set meanwhile: most requests come whole and
        # are answered at once.
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
        server = self.server
        self._reader = RequestReader(self, server.limits, self._client, secure=secure)
        connections = server.connections
        connections.add(self.transport)
        self._set_deadline(server.limits.header_timeout)
        excess = server.admission.enter(self._client, len(connections))
        if excess:
            self._turn_away(excess)

    def connection_lost(self, error: Exception | None) -> None:
        self.server.connections.discard(self.transport)
        self.server.admission.remove(self._client)
        self._release()
        self._drop_requests()

    def eof_received(self) -> None:
        """Close: no browser or Socket.IO client that half-closes waits for an answer after it."""

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
            # These bytes were read before reading was paused.
            self._rest += data
            return
        frames: bytes | None = None
        self._reading = True
        self._served = False
        try:
            if self._rest or not (reader.known and reader.repeat(data)):
                if self.server.handover is not None and reader.between:
                    data = self._kept(self.server.handover, data)
                elif self._rest:
                    data, self._rest = self._rest + data, b""
                    self._held = False
                frames, rest = (None, data) if self.full else reader.read_pieces(data)
                if rest:
                    self._hold(rest)
        except Exception:
            logger.exception("a request of %s could not be handled", self._client)
            self.refuse(500, "the server failed")
        finally:
            self._reading = False
        if self._reader is not None:
            if frames is None:
                self._restart_deadline()
            else:
                self._begin_upgrade(reader, frames)

    def _kept(self, handover: Handover, data: bytes) -> bytes:
        """Return the part of `data`, a read between requests, that is to be parsed here.

        The part is empty as long as the request line is incomplete or the answer to an earlier
        request is due. It is empty, too, if the request is for another process, which then has the
        connection. What follows the request waits, because it may be for another process.
        """
        if self.current is not None:
            self._hold(data)
            return b""
        self._held = False
        # Empty lines before a request mean nothing (RFC 9112, section 2.2).
        data, self._rest = (self._rest + data).lstrip(b"\r\n"), b""
        if b"\n" not in data and len(data) <= self.server.limits.request_line:
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
        """Keep `data`, which follows a request, for later; bytes after it wait in the kernel."""
        self._rest = data + self._rest
        self._held = True
        self.transport.pause_reading()

    @property
    def _takes_held(self) -> bool:
        """Return whether what is held may be read now."""
        assert self._reader is not None
        # A request that may be for another process waits for the answer to the one before.
        waits = self.current is not None and self.server.handover is not None
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
        """Close at once without a word; a peer whom another process serves notices nothing."""
        self._closing = True
        self._release()
        self.transport.abort()

    def pause_writing(self) -> None:
        # A request that is not read needs no answer: the answers to a peer that only sends would
        # fill the memory.
        self._unread = Unread(self.transport, self.server.loop.time())
        self.transport.pause_reading()
        self._restart_deadline()

    def resume_writing(self) -> None:
        # From now on the peer's time is that of its next request, not of its reading.
        self._make_room()
        if self.current is not None:
            self._read_on()
            self._restart_deadline()
        else:
            self._next()

    # -- requests in turn

    @property
    def full(self) -> bool:
        """Return whether as many requests wait as may."""
        return len(self._queue) >= self.server.limits.pipelined

    def enqueue(self, exchange: HttpExchange) -> None:
        """Answer a request in its turn; its body may still be coming."""
        self._awaited = None
        if self.current is None and self._unread is None and not self._served:
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
        engine = self.server.engines.get(exchange.request.path)
        if engine is not None:
            engine.handle(exchange)
        else:
            self.server.handle(exchange)

    def _next(self) -> None:
        """Go on to the next request, when the peer has room for its answer."""
        if self._unread is not None:
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
            self.server.loop.call_soon(self._begin_next)

    def _begin_next(self) -> None:
        self._scheduled = False
        if self._unread is not None or self._reader is None:
            # If the peer reads again, `resume_writing` goes on.
            return
        if self._queue and self.current is None:
            self._begin(self._queue.popleft())
        else:
            # Read what is held, unless a read that was on its way has taken it.
            self.data_received(b"")
        if self._reader is not None:
            self._read_on()

    async def has_room(self) -> None:
        """Return as soon as the peer reads what was written, or is gone."""
        if self._unread is not None:
            await self._unread.taken.wait()

    def _make_room(self) -> None:
        """Let an answer in pieces go on, or end."""
        if self._unread is not None:
            self._unread.taken.set()
            self._unread = None

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
        self.write_response(self.server.answers.refusal(status, reason), keep_alive=False)

    def _turn_away(self, excess: float) -> None:
        """Refuse this connection, the `excess`th too many."""
        self.server.admission.log_turned_away(self._client, self.server.loop.time())
        if excess > TOLD_AT_ONCE:
            self._let_go()
        else:
            self.refuse(503, "there are too many connections, try again later")

    def _linger(self) -> None:
        """Let the connection end when its peer has taken the last answer."""
        self._closing = True
        self._release()
        self._drop_requests()
        self.transport.set_protocol(Lingering(self.server, self.transport, self._client))

    def _drop_requests(self) -> None:
        """Answer no request that is left: the connection is over."""
        for exchange in (self.current, *self._queue):
            if exchange is not None:
                exchange.abort()
        self._queue.clear()
        self.current = None
        self._make_room()

    def _release(self) -> None:
        if self._reader is not None:
            self._reader.stop()
            self._reader = None
        self.server.timer.forget(self)

    # -- WebSocket

    def _begin_upgrade(self, reader: RequestReader, frames: bytes) -> None:
        """Answer a WebSocket handshake, which `frames` follow."""
        exchange, reader.receiving = reader.receiving, None
        assert exchange is not None
        self._rest = frames
        self.enqueue(exchange)

    def hand_over(self) -> bytes:
        """Let a WebSocket have the TCP connection and write the answer to its handshake. Return
        what was read behind the handshake.
        """
        self.current = None
        self._closing = True
        # The reader has stopped by itself.
        self._reader = None
        self.server.timer.forget(self)
        return self._rest

    # -- time

    def _restart_deadline(self) -> None:
        """Start the peer's time for its next step, unless that time is running already."""
        if self._reading:
            return
        limits = self.server.limits
        awaited: HttpExchange | str | None = None
        if self._unread is not None:
            self._set_deadline(limits.write_timeout)
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
        self.deadline = self.server.loop.time() + seconds
        self.server.timer.watch(self)

    def handle_timeout(self, now: float) -> None:
        """Close a connection whose peer is too slow, or idle: its deadline has passed."""
        self.deadline = NEVER
        if self._unread is not None and self._unread.shrinks(now):
            # Slow, but it reads.
            self._restart_deadline()
        elif self.transport.get_write_buffer_size():
            self.transport.abort()
        elif self._in_head or (self._reader is not None and self._reader.receiving is not None):
            self.refuse(408, "the request did not arrive in time")
        else:
            self.transport.close()

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
import http
import logging
from collections import deque
from typing import TYPE_CHECKING, cast

import httptools

from engineio_min.heartbeat import NEVER
from engineio_min.http_exchange import HttpExchange, header_lines
from engineio_min.request import Headers, Request
from engineio_min.websocket import WebSocket

if TYPE_CHECKING:
    from websockets.extensions import Extension

    from engineio_min.connection import Connection
    from engineio_min.http_server import HttpServer

logger = logging.getLogger("engineio_min.http")

_STATUS_LINES = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode()
    for status in http.HTTPStatus
}
_METHODS = {method.encode(): method for method in ("GET", "POST", "OPTIONS", "HEAD", "PUT")}
# The names of usual headers as clients and browsers write them.
_NAMES = {
    name.encode(): lower
    for lower in (
        "accept",
        "accept-encoding",
        "accept-language",
        "cache-control",
        "connection",
        "content-length",
        "content-type",
        "cookie",
        "host",
        "origin",
        "pragma",
        "referer",
        "sec-fetch-dest",
        "sec-fetch-mode",
        "sec-fetch-site",
        "sec-websocket-extensions",
        "sec-websocket-key",
        "sec-websocket-version",
        "upgrade",
        "user-agent",
        "x-forwarded-for",
        "x-forwarded-proto",
    )
    for name in (lower, lower.title(), lower.title().replace("socket", "Socket"))
}
# What a request that needs a closer look has among its headers.
_SCRUTINIZED = frozenset(("transfer-encoding", "content-encoding", "expect"))
# A connection too many is told so in an answer, which takes a moment to leave. This many at a time
# are told; the others are closed without a word.
TOLD_AT_ONCE = 64
# What a deadline may be for, besides a request's body.
_HEAD, _REQUEST = "head", "request"
_HOST_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-._~%!$&'()*+,;=:[]")


class HttpConnection(asyncio.Protocol):
    """One TCP connection that speaks HTTP/1.1."""

    __slots__ = (
        "_awaited",
        "_body_size",
        "_client",
        "_closing",
        "_current",
        "_feeding",
        "_head_size",
        "_header_count",
        "_headers",
        "_host",
        "_in_head",
        "_parser",
        "_queue",
        "_receiving",
        "_rest",
        "_secure",
        "_server",
        "_stalled",
        "_target",
        "_unsent",
        "_upgrade",
        "_wire_size",
        "deadline",
        "transport",
    )

    transport: asyncio.Transport

    def __init__(self, server: HttpServer) -> None:
        self._server = server
        self._parser: httptools.HttpRequestParser | None = None
        self._queue: deque[HttpExchange] = deque()
        self._current: HttpExchange | None = None
        self._receiving: HttpExchange | None = None
        self._target = b""
        self._headers: dict[str, str] = {}
        self._header_count = 0
        # The last valid Host; every request of a client has the same.
        self._host = ""
        self._head_size = 0
        self._in_head = True
        # Bytes of the present body, without and with the framing of its chunks.
        self._body_size = 0
        self._wire_size = 0
        # The peer does not read; `_unsent` bytes were waiting when its time began.
        self._stalled = False
        self._unsent = 0
        self._closing = False
        self._upgrade = False
        self._rest = b""
        # What the deadline is for: a head, a body, the next request, or nothing.
        self._awaited: HttpExchange | str | None = None
        # While the parser runs the deadline waits: most requests come whole and are answered.
        self._feeding = False
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
        if self._in_head:
            self._head_size += len(data)
        else:
            self._wire_size += len(data)
        self._feeding = True
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._feeding = False
            self._begin_upgrade(data[upgrade.args[0] :])
            return
        except httptools.HttpParserCallbackError:
            logger.exception("a request of %s could not be handled", self._client)
            self._refuse(500, "the server failed")
        except httptools.HttpParserError as error:
            self._refuse(400, f"got a malformed request: {error}")
        finally:
            self._feeding = False
        self._check_sizes()
        self._restart_deadline()

    def _check_sizes(self) -> None:
        if self._in_head:
            if self._head_size > self._server.limits.header_block:
                self._refuse(431, "got too many bytes of headers")
        elif self._wire_size > 16 * self._body_size + self._server.limits.header_block:
            # Chunk extensions and trailers are no part of the body's limit, and would be free.
            self._refuse(400, "got more framing than body")
        elif self._receiving is not None:
            self._receiving.body_waits()

    def pause_writing(self) -> None:
        # What is not read is not answered: a peer that only sends would fill the memory.
        self._stalled = True
        self.transport.pause_reading()
        self._restart_deadline()

    def resume_writing(self) -> None:
        self._stalled = False
        # From now on the peer's time is that of its next request, not of its reading.
        self._unsent = 0
        if self._closing or self._current is not None:
            self.transport.resume_reading()
            self._restart_deadline()
        else:
            self._next()

    # -- httptools

    def on_message_begin(self) -> None:
        self._target = b""
        self._headers = {}
        self._header_count = 0
        self._in_head = True

    def on_url(self, url: bytes) -> None:
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._closing:
            return
        if not self._in_head:
            self._refuse(400, "got a trailer, which is not supported")
            return
        # Repeated ones count as well: joining thousands of them would cost the square.
        self._header_count += 1
        if self._header_count > self._server.limits.header_count:
            self._refuse(431, "got too many headers")
            return
        headers = self._headers
        key = _NAMES.get(name) or name.decode("latin-1").lower()
        text = value.decode("latin-1")
        if key in headers:
            if key == "host":
                self._refuse(400, "got two Host headers")
                return
            text = f"{headers[key]}, {text}"
        headers[key] = text

    def on_headers_complete(self) -> None:
        if self._closing:
            return
        self._in_head = False
        self._head_size = 0
        self._body_size = self._wire_size = 0
        self._awaited = None
        parser = self._parser
        assert parser is not None
        refusal = self._check_head(parser.get_http_version())
        if refusal is not None:
            self._refuse(*refusal)
            return
        headers = self._headers
        self._upgrade = parser.should_upgrade()
        method = parser.get_method()
        request = Request(
            _METHODS.get(method) or method.decode(),
            self._target.decode("latin-1"),
            headers,
            self._client,
            secure=self._secure,
            websocket=self._upgrade and headers.get("upgrade", "").lower() == "websocket",
        )
        exchange = HttpExchange(
            self, request, keep_alive=parser.should_keep_alive() and not self._upgrade
        )
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
        self._in_head = True
        if self._closing or self._upgrade or self._receiving is None:
            return
        exchange, self._receiving = self._receiving, None
        exchange.body_completed()

    def _check_head(self, version: str) -> tuple[int, str] | None:
        headers = self._headers
        limits = self._server.limits
        if len(self._target) > limits.request_line:
            return 414, "got a request target that is too long"
        size = sum(map(len, headers)) + sum(map(len, headers.values()))
        if size + 4 * len(headers) > limits.header_block:
            return 431, "got too many bytes of headers"
        if version not in ("1.1", "1.0"):
            return 505, f"got HTTP version {version}, expected 1.1"
        host = headers.get("host")
        if host is None:
            if version == "1.1":
                return 400, "got no valid Host header"
        elif host != self._host:
            if not _HOST_CHARACTERS.issuperset(host.lower()):
                return 400, "got no valid Host header"
            self._host = host
        length = headers.get("content-length", "0")
        if not length.isascii() or not length.isdigit() or len(length) > 16:
            return 400, "got an invalid Content-Length"
        if _SCRUTINIZED.isdisjoint(headers):
            return None
        encoding = headers.get("transfer-encoding")
        if encoding is not None and (encoding.lower() != "chunked" or version == "1.0"):
            return 501, "got a Transfer-Encoding other than chunked"
        if headers.get("content-encoding", "identity").lower() != "identity":
            return 415, "got a compressed request body, which is not supported"
        if headers.get("expect", "100-continue").lower() != "100-continue":
            return 417, "got an Expect header other than 100-continue"
        return None

    # -- requests in turn

    def _enqueue(self, exchange: HttpExchange) -> None:
        if self._current is None and not self._stalled:
            self._begin(exchange)
        elif len(self._queue) >= self._server.limits.pipelined:
            self._refuse(400, "got too many pipelined requests")
        else:
            # What follows a parked poll waits in the kernel, not here.
            self._queue.append(exchange)
            self.transport.pause_reading()

    def _begin(self, exchange: HttpExchange) -> None:
        self._current = exchange
        self._restart_deadline()
        self._server.handle(exchange)

    def _next(self) -> None:
        """Go on to the next request, when the peer has room for its answer."""
        if self._stalled:
            return
        exchange = self._queue.popleft() if self._queue else None
        if not self._queue:
            self.transport.resume_reading()
        if exchange is None:
            self._restart_deadline()
        else:
            self._begin(exchange)

    def response_head(
        self, status: int, headers: Headers, length: int, *, keep_alive: bool
    ) -> bytes:
        """Make the head of an answer whose body has `length` bytes.

        Raises:
            UsageError: a header has a control character.
        """
        head = _STATUS_LINES[status] + header_lines(tuple(headers)) + self._server.date_line()
        if status != 204 and status != 304:
            head += b"Content-Length: %d\r\n" % length
        return head + (b"\r\n" if keep_alive else b"Connection: close\r\n\r\n")

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
        self._server.admission.complain(self._client, self._server.loop.time())
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
        exchange.body_completed()
        self._enqueue(exchange)

    def become_websocket(
        self, head: bytes, connection: Connection, extensions: list[Extension], *, candidate: bool
    ) -> WebSocket:
        """Answer the current exchange with 101 and hand the TCP connection over."""
        self._current = None
        self._closing = True
        self._release()
        server = self._server
        waiting = self._client if candidate else None
        if waiting is None:
            # It carries its session at once, and not after an upgrade.
            server.admission.remove(self._client)
        websocket = WebSocket(self.transport, connection, extensions, self._rest, server, waiting)
        # Before the write: its protocol is told if the peer has no room for that.
        self.transport.set_protocol(websocket)
        self.transport.write(head)
        return websocket

    # -- time

    def _restart_deadline(self) -> None:
        """Give the peer its time for what it has to do next, unless it has begun to run."""
        if self._feeding:
            return
        limits = self._server.limits
        awaited: HttpExchange | str | None = None
        if self._closing or self._stalled:
            self._unsent = self.transport.get_write_buffer_size()
            self._set_deadline(limits.write_timeout if self._unsent else limits.linger)
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
        """A deadline has passed: the peer is too slow, or idle."""
        self.deadline = NEVER
        unsent = self.transport.get_write_buffer_size()
        if unsent and unsent < self._unsent:
            # Slow, but it reads.
            self._restart_deadline()
        elif unsent or self._closing:
            self.transport.abort()
        elif self._receiving is not None or self._head_size:
            self._refuse(408, "the request did not arrive in time")
        else:
            self.transport.close()

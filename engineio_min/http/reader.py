"""Turns the bytes of an HTTP/1.1 connection into exchanges, with httptools.

An exchange is handed on as soon as its headers are there, so that a refusal need not wait for the
body; what follows of the body is given to the exchange. What a peer may send is bounded at every
step.

Known limit: no `Transfer-Encoding` but chunked, and no HTTP/2.
"""

from __future__ import annotations

from typing import Protocol

import httptools

from engineio_min.http.exchange import ExchangeOwner, HttpExchange
from engineio_min.http.head import METHODS, read_headers, refusal, split_absolute
from engineio_min.http.known_heads import KnownHead
from engineio_min.http.limits import MAX_FRAMING, HttpLimits
from engineio_min.request import Request
from engineio_min.transports.body import Body

# Bytes that are parsed at once, unless they are one body: so few requests come at once.
PIECE = 8_192
# The first bytes of the heads that a connection keeps: those of a poll's two methods.
_KEPT = (b"G", b"P")
# Where the parser is.
_BETWEEN, _IN_HEAD, _IN_BODY = "between requests", "in a head", "in a body"


class RequestOwner(ExchangeOwner, Protocol):
    """What a reader tells of the requests that it reads.

    `current` is the exchange that is being answered, or None.
    """

    current: HttpExchange | None

    @property
    def full(self) -> bool:
        """Return whether as many requests wait as may."""

    def enqueue(self, exchange: HttpExchange) -> None:
        """Answer a request in its turn; its body may still be coming."""

    def refuse(self, status: int, reason: str) -> None:
        """Answer a request that cannot be read, and close; this calls `RequestReader.stop`."""


class RequestReader:
    """The parser of one connection, from its first byte until `stop`.

    `client` and `secure` are those of its requests. `head_size` counts the bytes of the present
    head, `known` has the last heads by their first byte. `receiving` is the exchange whose body
    comes, or a WebSocket handshake that `read` has found; `asks_to_upgrade` tells that a handshake
    was found, after which no more requests follow.
    """

    __slots__ = (
        "_body_size",
        "_header_lines",
        "_limits",
        "_owner",
        "_parser",
        "_part",
        "_read",
        "_target",
        "_wire_size",
        "asks_to_upgrade",
        "client",
        "head_size",
        "known",
        "receiving",
        "secure",
    )

    def __init__(
        self, owner: RequestOwner, limits: HttpLimits, client: str, *, secure: bool
    ) -> None:
        self.client = client
        self.secure = secure
        self.head_size = 0
        self.receiving: HttpExchange | None = None
        self.asks_to_upgrade = False
        self._owner = owner
        self._limits = limits
        self._parser: httptools.HttpRequestParser | None = httptools.HttpRequestParser(self)
        self._part = _BETWEEN
        self._target = b""
        self._header_lines: list[tuple[bytes, bytes]] = []
        self.known: dict[bytes, KnownHead] = {}
        # Bytes of the present body, without and with the framing of its chunks.
        self._body_size = 0
        self._wire_size = 0
        # The read that is being parsed, if it began between requests.
        self._read = b""

    def stop(self) -> None:
        """Read nothing more, and let go of what would keep the connection alive."""
        self._parser = None

    @property
    def between(self) -> bool:
        """Return whether the next byte begins a request."""
        return self._part is _BETWEEN

    def repeat(self, data: bytes) -> bool:
        """Read a request that needs no parsing, as the parser's callbacks would, if `data` is one.

        Return whether it was.
        """
        known = self.known.get(data[:1]) if self._part is _BETWEEN else None
        again = None if known is None else known.again(data)
        if again is None:
            return False
        request, size = again
        self._receive(HttpExchange(self._owner, request, keep_alive=True, bodiless=False))
        if size < len(data):
            self.on_body(data[size:])
        self.on_message_complete()
        return True

    def read_pieces(self, data: bytes) -> tuple[bytes | None, bytes]:
        """Parse a piece of `data`, and more pieces as long as there is room for requests.

        Return what follows a WebSocket handshake in it, or None without one, and what is left.
        """
        position = 0
        while position < len(data) and self._parser is not None:
            if position and self._owner.full:
                return None, data[position:]
            exchange = self.receiving
            # The bytes that are still to come of a body whose length is known.
            left = 0 if exchange is None else exchange.length - self._body_size
            end = position + max(PIECE, left)
            frames = self.read(data[position:end])
            position = end
            if frames is not None:
                return frames + data[position:], b""
        return None, b""

    def read(self, data: bytes) -> bytes | None:
        """Parse `data`. Return what follows a WebSocket handshake in it, or None without one."""
        parser = self._parser
        assert parser is not None
        if self._part is _IN_BODY:
            self._wire_size += len(data)
        else:
            self.head_size += len(data)
            if self._part is _BETWEEN:
                self._read = data
        try:
            parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._parser = None
            return data[upgrade.args[0] :]
        except httptools.HttpParserCallbackError:
            raise
        except httptools.HttpParserError as error:
            self._owner.refuse(400, f"got a malformed request: {error}")
        else:
            self._check_sizes()
        finally:
            self._read = b""
        return None

    def _check_sizes(self) -> None:
        if self._part is not _IN_BODY:
            if self.head_size > self._limits.header_block:
                self._owner.refuse(431, "got too many bytes of headers")
            elif len(self._header_lines) > self._limits.header_count:
                self._refuse_count()
        elif self._wire_size > MAX_FRAMING * self._body_size + self._limits.header_block:
            self._owner.refuse(400, "got more framing than body")
        else:
            assert self.receiving is not None
            if self.receiving.body is not None:
                self.receiving.body.wait()

    def _refuse_count(self) -> None:
        # Repeated headers count as well: joining thousands of them would take quadratic time.
        self._owner.refuse(431, "got too many headers")

    # -- httptools

    def on_message_begin(self) -> None:
        self._target = b""
        self._header_lines = []
        self._part = _IN_HEAD

    def on_url(self, url: bytes) -> None:
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a line of the head."""
        # A handshake is mostly headers: they are checked later, all at once.
        self._header_lines.append((name, value))

    def on_headers_complete(self) -> None:
        """Check a head, and make the request."""
        parser = self._parser
        if parser is None:
            return
        # What follows would be trailers.
        lines, self._header_lines = self._header_lines, []
        if len(lines) > self._limits.header_count:
            self._refuse_count()
            return
        headers = read_headers(lines)
        if headers is None:
            self._owner.refuse(400, "got two Host headers")
            return
        version = parser.get_http_version()
        refused = refusal(self._target, headers, version, self._limits, self.head_size)
        if refused is not None:
            self._owner.refuse(*refused)
            return
        target = self._target.decode("latin-1")
        if not target.startswith("/"):
            absolute = split_absolute(target)
            if absolute is not None:
                # The target names the host that was asked for, whatever Host says (RFC 9112,
                # section 3.2.2).
                headers["host"], target = absolute
        self.asks_to_upgrade = parser.should_upgrade()
        request = Request(
            METHODS.get(parser.get_method()) or parser.get_method().decode(),
            target,
            headers,
            self.client,
            secure=self.secure,
            websocket=self.asks_to_upgrade and headers.get("upgrade", "").lower() == "websocket",
        )
        upgrades = self.asks_to_upgrade
        keep_alive = parser.should_keep_alive() and not upgrades
        self._receive(HttpExchange(self._owner, request, keep_alive=keep_alive, bodiless=upgrades))

    def _receive(self, exchange: HttpExchange) -> None:
        """Take a request whose head is complete."""
        self._part = _IN_BODY
        self.head_size = 0
        self._body_size = self._wire_size = 0
        if not exchange.keep_alive:
            # What follows is for the parser to refuse.
            self.known.clear()
        self.receiving = exchange
        if not self.asks_to_upgrade:
            self._owner.enqueue(exchange)

    def on_body(self, data: bytes) -> None:
        """Add a part of a body, if the body is or may be read."""
        exchange = self.receiving
        if self._parser is None or exchange is None:
            return
        self._body_size += len(data)
        body = exchange.body
        if exchange is not self._owner.current:
            # The request waits behind another: nobody knows yet whether its body will be read.
            if body is None:
                body = exchange.body = Body()
            body.receive(data)
        elif body is not None and body.reading:
            # A body that nobody reads, such as that of a GET, is dropped.
            body.receive(data)

    def on_message_complete(self) -> None:
        """End a request, whose body has come as a whole."""
        self._part = _BETWEEN
        if self._parser is None or self.asks_to_upgrade or self.receiving is None:
            return
        if self._header_lines:
            self._owner.refuse(400, "got a trailer, which is not supported")
            return
        exchange, self.receiving = self.receiving, None
        if self._read and exchange.keep_alive:
            self._learn(self._read, exchange)
        exchange.body_completed()

    def _learn(self, read: bytes, exchange: HttpExchange) -> None:
        """Keep the head of a request, to recognise it later, if it was all of this read."""
        size = len(read) - self._body_size
        first = read[:1]
        if (
            # Only two heads: an idle connection must not keep one of each method that exists.
            first in _KEPT
            and read.find(b"\r\n\r\n") == size - 4
            and 2 * size < self._limits.header_block
        ):
            self.known[first] = KnownHead(read[:size], exchange.request)

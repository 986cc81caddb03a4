"""One request on an HTTP/1.1 connection: its body as it comes in, and its one answer.

`RequestReader` parses, and `HttpConnection` keeps requests in order and in time. What a single one
holds is here: the body of a POST, as far as it has come, and what of it is counted as held.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from engineio_min.request import Headers, Request, Response, check_headers
from engineio_min.transports.body import BodyReader
from engineio_min.transports.unsent import unsent_and_confirmed
from engineio_min.transports.websocket import WebSocket, accept_handshake

if TYPE_CHECKING:
    import asyncio

    from websockets.extensions import Extension

    from engineio_min.transports.connection import Connection

logger = logging.getLogger("engineio_min.http")

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class ExchangeOwner(Protocol):
    """What an exchange asks of the connection on which its request came."""

    transport: asyncio.Transport

    def response_head(
        self, status: int, headers: Headers, length: int, *, keep_alive: bool
    ) -> bytes:
        """Return the head of an answer whose body has `length` bytes."""

    def write_response(self, data: bytes, *, keep_alive: bool) -> None:
        """Write the answer of the current exchange and go on to the next."""

    def become_websocket(
        self,
        head: bytes,
        connection: Connection,
        extensions: list[Extension],
        *,
        candidate: bool,
        base64: bool,
    ) -> WebSocket:
        """Hand the TCP connection over to a WebSocket."""


class HttpExchange(BodyReader):
    """One request on an HTTP/1.1 connection, and its answer; see `request.Exchange`."""

    __slots__ = (
        "_complete",
        "_connection",
        "_length",
        "_responded",
        "keep_alive",
        "on_abort",
        "request",
    )

    def __init__(
        self, connection: ExchangeOwner, request: Request, *, keep_alive: bool, bodiless: bool
    ) -> None:
        BodyReader.__init__(self)
        self.request = request
        self.on_abort: Callable[[], None] | None = None
        self._connection = connection
        self.keep_alive = keep_alive
        self._length = int(request.headers.get("content-length", 0))
        # Without a body there is nothing left to read that could keep the connection from going on.
        self._complete = bodiless or not (self._length or "transfer-encoding" in request.headers)
        self._responded = False

    def respond_with(self, response: Response) -> None:
        """Answer with a plain route's response, if the peer is still there."""
        if not self._responded:
            self.respond(response.status, response.headers, response.body)

    def respond(self, status: int, headers: Headers, body: bytes) -> None:
        """Answer; see `request.Exchange`. What cannot be sent is logged and answered with a 500."""
        # A server that is full or stops needs the connection, and its peer another server.
        keep_alive = self.keep_alive and self._complete and status != 503
        try:
            head = self._connection.response_head(status, headers, len(body), keep_alive=keep_alive)
        except Exception:
            logger.exception("the response of %r cannot be sent", self.request.path)
            body = b""
            head = self._connection.response_head(500, (), 0, keep_alive=keep_alive)
        self._responded = True
        self._stop_reading()
        if self.request.method != "HEAD":
            head += body
        self._connection.write_response(head, keep_alive=keep_alive)

    def read_body(
        self, limit: int, done: Callable[[bytes | None], None], hold: Callable[[int], None]
    ) -> None:
        """Read the body; see `request.Exchange`."""
        if self._length > limit or len(self._body) > limit:
            done(None)
        elif self._complete:
            done(bytes(self._body))
        else:
            self._limit = limit
            self._done = done
            self._hold = hold
            if "expect" in self.request.headers:
                self._connection.transport.write(_CONTINUE)
            if self._body:
                # It waited behind another request; more may never come.
                self.body_waits()

    def untaken(self) -> tuple[int, int]:
        """Return what is left of the answer; see `transports.connection.Exchange`."""
        return unsent_and_confirmed(self._connection.transport)

    def accept(self, connection: Connection, headers: Headers) -> WebSocket:
        """Become a WebSocket; see `request.Exchange`."""
        response, extensions = accept_handshake(self.request, connection.server.deflate)
        self._responded = True
        head = response + (header_lines(headers) if headers else b"") + b"\r\n"
        candidate = connection.is_upgrade(self.request)
        return self._connection.become_websocket(
            head, connection, extensions, candidate=candidate, base64=self.request.base64
        )

    # -- what the connection tells

    def body_completed(self) -> None:
        """Hand the body to who waits for it; the connection can go on after the answer."""
        self._complete = True
        if self._done is not None:
            BodyReader.body_completed(self)

    def abort(self) -> None:
        """Take notice that the peer is gone."""
        self._responded = True
        self._stop_reading()
        if self.on_abort is not None:
            self.on_abort()


def header_lines(headers: Headers) -> bytes:
    """Return the lines of an answer's headers.

    Raises:
        UsageError: a name or value has a control character that ends a line.
    """
    check_headers(headers)
    return "".join([f"{name}: {value}\r\n" for name, value in headers]).encode("latin-1", "replace")

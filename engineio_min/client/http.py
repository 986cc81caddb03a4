"""A small HTTP/1.1 client for one server, over `asyncio.Protocol` and httptools.

It does what a session needs and no more: requests one after the other on connections that are kept
alive, cookies, a WebSocket handshake, and a limit on everything that the server may send. It uses
no proxy, follows no redirect, and asks for no compression. It has no timeouts either: the session
knows how long the server may take, and cancels.

A request is never sent twice. The server may have acted on it, and then a POST would deliver its
packets again and a GET would lose some. So a connection is reused only as long as no server closes
it just then: `IDLE_LIMIT` is below the usual keep-alive times.
"""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Mapping
from dataclasses import dataclass
from ssl import SSLContext, create_default_context
from typing import cast

import httptools

from engineio_min.client.address import Address
from engineio_min.client.cookies import CookieJar
from engineio_min.errors import ConnectionFailed, UsageError
from engineio_min.http.limits import MAX_FRAMING
from engineio_min.request import add_header

# Seconds that a connection may idle and still be used: the shortest usual keep-alive time of
# servers is 5.
IDLE_LIMIT = 4.0
# Bytes of the headers of an answer.
MAX_HEADER_BLOCK = 16_384
MAX_HEADERS = 100
# How much of a refusal's body an error tells, in characters.
_EXCERPT = 200


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """An answer; `headers` have lower-case names, repeated ones joined with ", "."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def refusal(self) -> ConnectionFailed:
        """Return the error that tells of this unexpected answer."""
        text = self.body[:_EXCERPT].decode("utf-8", "replace")
        # The text goes to terminals and logs.
        excerpt = f": {text!a}" if text else ""
        # The usual cause is a wrong path or a wrong port.
        hint = "; is it the right server, and the right path?" if self.status == 404 else ""
        return ConnectionFailed(
            f"got HTTP status {self.status}, expected success{excerpt}{hint}", status=self.status
        )


@functools.cache
def default_ssl() -> SSLContext:
    """Return the context that verifies certificates and host names; it is made once."""
    return create_default_context()


class HttpClient:
    """Requests to one server, with the cookies of one session.

    `max_body` limits the bytes of an answer. `headers` go with every request.
    """

    def __init__(
        self,
        address: Address,
        *,
        ssl: SSLContext | None,
        headers: Mapping[str, str],
        max_body: int,
    ) -> None:
        self.max_body = max_body
        self.cookies = CookieJar(secure=address.secure)
        self.connections: set[HttpClientConnection] = set()
        self._address = address
        self._ssl = (ssl or default_ssl()) if address.secure else None
        lines = [f"{name}: {value}\r\n" for name, value in headers.items()]
        if not any(name.lower() == "host" for name in headers):
            lines.insert(0, f"Host: {address.authority}\r\n")
        self._headers = "".join(lines)
        self._idle: list[HttpClientConnection] = []

    async def request(self, method: str, target: str, body: bytes | None = None) -> HttpResponse:
        """Send a request and wait for its whole answer, whatever its status.

        Cancelling closes the connection.

        Raises:
            ConnectionFailed: there is no connection, or no valid answer on it.
        """
        head = self._head(method, target)
        if body is not None:
            head += f"Content-Type: text/plain;charset=UTF-8\r\nContent-Length: {len(body)}\r\n"
        connection = self._idle_connection() or await self._connect()
        response = await connection.exchange(f"{head}\r\n".encode("latin-1") + (body or b""))
        if connection.reusable:
            self._idle.append(connection)
        else:
            connection.abort()
        return response

    async def upgrade(
        self, target: str, headers: Mapping[str, str]
    ) -> tuple[HttpResponse, HttpClientConnection]:
        """Ask for a WebSocket on a connection of its own; see `HttpClientConnection.release`.

        Raises:
            ConnectionFailed: there is no connection, or the answer is not 101.
        """
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        connection = await self._connect()
        head = self._head("GET", target)
        response = await connection.exchange(f"{head}{lines}\r\n".encode("latin-1"))
        if response.status != 101:
            connection.abort()
            raise response.refusal()
        return response, connection

    def close(self) -> None:
        """Close all connections; requests under way fail."""
        self._idle.clear()
        for connection in list(self.connections):
            connection.abort()

    def _head(self, method: str, target: str) -> str:
        cookies = self.cookies.header(time.time())
        line = f"Cookie: {cookies}\r\n" if cookies else ""
        return f"{method} {target} HTTP/1.1\r\n{self._headers}{line}"

    def _idle_connection(self) -> HttpClientConnection | None:
        while self._idle:
            connection = self._idle.pop()
            if connection.fresh:
                return connection
            connection.abort()
        return None

    async def _connect(self) -> HttpClientConnection:
        address = self._address
        try:
            _, connection = await asyncio.get_running_loop().create_connection(
                functools.partial(HttpClientConnection, self),
                address.host,
                address.port,
                ssl=self._ssl,
            )
        except OSError as error:
            raise ConnectionFailed(
                f"could not connect to {address.host} port {address.port}: {error}"
            ) from None
        return connection


class HttpClientConnection(asyncio.Protocol):
    """One TCP connection to the server: one request at a time."""

    transport: asyncio.Transport

    def __init__(self, client: HttpClient) -> None:
        self._client = client
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpResponseParser(self)
        self._answer: asyncio.Future[HttpResponse] | None = None
        self._keep_alive = False
        self._idle_since = 0.0
        self._idle_limit = IDLE_LIMIT
        self._rest = b""
        self._start_response()

    def _start_response(self) -> None:
        self._headers: dict[str, str] = {}
        self._header_count = 0
        self._in_head = True
        self._head_size = 0
        self._body = bytearray()
        self._wire_size = 0

    # -- the client's side

    async def exchange(self, request: bytes) -> HttpResponse:
        """Send a request and wait for its answer."""
        self._answer = self._loop.create_future()
        if self.transport.is_closing():
            self._fail("the server closed the connection")
        else:
            self.transport.write(request)
        try:
            return await self._answer
        except asyncio.CancelledError:
            self.abort()
            raise
        finally:
            self._answer = None

    @property
    def reusable(self) -> bool:
        """Return whether another request may follow on this connection."""
        return self._keep_alive and not self.transport.is_closing()

    @property
    def fresh(self) -> bool:
        """Return whether the server still waits for a request, as far as one can know."""
        return self.reusable and self._loop.time() - self._idle_since < self._idle_limit

    def abort(self) -> None:
        """Close at once."""
        self.transport.abort()

    def release(self, protocol: asyncio.Protocol) -> bytes:
        """Hand the TCP connection over after a 101. Return what came after the answer."""
        self._client.connections.discard(self)
        self.transport.set_protocol(protocol)
        return self._rest

    # -- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self._client.connections.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        self._client.connections.discard(self)
        if self._ends_with_connection and error is None:
            self.on_message_complete()
        else:
            self._fail(f"the connection was lost: {error or 'closed by the server'}")

    @property
    def _ends_with_connection(self) -> bool:
        """Return whether the body ends with the connection (RFC 9112, section 6.3)."""
        return (
            not self._in_head
            and "content-length" not in self._headers
            and "transfer-encoding" not in self._headers
        )

    def data_received(self, data: bytes) -> None:
        if self._answer is None or self._answer.done():
            # No request was sent.
            self.abort()
            return
        if self._in_head:
            self._head_size += len(data)
        else:
            self._wire_size += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            # The WebSocket reads on from there.
            self._rest = data[upgrade.args[0] :]
            self.transport.pause_reading()
            return
        except httptools.HttpParserError as error:
            self._fail(f"got a malformed HTTP answer: {error}")
            return
        if self._in_head and self._head_size > MAX_HEADER_BLOCK:
            self._fail(f"got more than {MAX_HEADER_BLOCK} bytes of HTTP headers")
        elif self._wire_size > MAX_FRAMING * len(self._body) + MAX_HEADER_BLOCK:
            self._fail("got more HTTP framing than body")

    # -- httptools

    def on_message_begin(self) -> None:
        if self._answer is None or self._answer.done():
            # More than one answer: the next request must not take it for its own.
            self.abort()

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._answer is None or self._answer.done():
            # An answer that was not asked for leaves no cookie.
            return
        self._header_count += 1
        if self._header_count > MAX_HEADERS or len(name) + len(value) > MAX_HEADER_BLOCK:
            self._fail(f"got more than {MAX_HEADERS} HTTP headers, or a too long one")
            return
        key = name.decode("latin-1").lower()
        text = value.decode("latin-1")
        if key == "set-cookie":
            self._client.cookies.store(text, time.time())
        elif self._in_head:
            add_header(self._headers, key, text)

    def on_headers_complete(self) -> None:
        if self._parser.get_status_code() in range(100, 200) and not self._parser.should_upgrade():
            # An interim answer, such as 103; the real one follows in the same way.
            return
        self._in_head = False
        if self._headers.get("content-encoding", "identity") != "identity":
            self._fail("got a compressed HTTP answer, which was not asked for")

    def on_body(self, data: bytes) -> None:
        self._body += data
        if len(self._body) > self._client.max_body:
            self._fail(
                f"got an HTTP answer of more than {self._client.max_body} bytes: "
                "raise max_receive_size if the server may send so much"
            )

    def on_message_complete(self) -> None:
        if self._in_head:
            self._headers = {}
            return
        answer = self._answer
        if answer is None or answer.done():
            return
        self._keep_alive = self._parser.should_keep_alive()
        self._idle_since = self._loop.time()
        self._idle_limit = min(IDLE_LIMIT, _keep_alive_time(self._headers.get("keep-alive", "")))
        answer.set_result(
            HttpResponse(self._parser.get_status_code(), self._headers, bytes(self._body))
        )
        self._start_response()

    def _fail(self, description: str) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionFailed(description))
        self.abort()


def _keep_alive_time(header: str) -> float:
    """Return the seconds that a connection may idle: one less than `Keep-Alive` says."""
    for part in header.split(","):
        name, _, value = part.partition("=")
        value = value.strip()
        if name.strip().lower() == "timeout" and value.isascii() and value.isdigit():
            return float(value[:9]) - 1
    return IDLE_LIMIT


def check_request_headers(headers: Mapping[str, str]) -> None:
    """Refuse a header that would break out of its line.

    Raises:
        UsageError: a name or value is no string of Latin-1 characters without line breaks.
    """
    for name, value in headers.items():
        text = f"{name}{value}"
        if not name or not all(" " <= character <= "ÿ" for character in text) or ":" in name:
            raise UsageError(
                f"got the header {name!r} with {value!r}, expected Latin-1 without line breaks"
            )

"""One request on an HTTP/1.1 connection, and its one answer, which may open a WebSocket.

`RequestReader` parses, and `HttpConnection` keeps requests in order and in time. Here is what
belongs to a single request: the body of a POST, as far as it has come, and the answer.
"""

from __future__ import annotations

import binascii
import contextlib
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from engineio_min.errors import Code, RequestRefused
from engineio_min.http.answers import AnswerHeads, header_lines
from engineio_min.http.sha1 import sha1
from engineio_min.request import Headers, Request, Response, StreamedResponse
from engineio_min.transports.body import Body
from engineio_min.transports.unsent import unsent_and_confirmed
from engineio_min.transports.websocket import Doorkeeper, WebSocket

if TYPE_CHECKING:
    import asyncio

    from websockets.extensions import Extension
    from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory

    from engineio_min.transports.connection import Connection

logger = logging.getLogger("engineio_min.http")

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class ExchangeHost(Doorkeeper, Protocol):
    """What an exchange asks of the HTTP server."""

    answers: AnswerHeads


class ExchangeOwner(Protocol):
    """What an exchange asks of the connection on which its request came."""

    transport: asyncio.Transport

    @property
    def server(self) -> ExchangeHost:
        """Return the server that has accepted the connection."""

    async def has_room(self) -> None:
        """Return as soon as the peer reads what was written, or is gone."""

    def write_response(self, data: bytes, *, keep_alive: bool) -> None:
        """Write the answer of the current exchange and go on to the next."""

    def hand_over(self) -> bytes:
        """Let a WebSocket have the TCP connection. Return what was read behind the handshake."""


class HttpExchange:
    """One request on an HTTP/1.1 connection, and its answer; see `transports.connection.Exchange`.

    `body` is what has come of the request's body, None as long as nobody needs it; `length` is its
    bytes as far as the head tells.
    """

    __slots__ = (
        "_complete",
        "_connection",
        "_responded",
        "body",
        "keep_alive",
        "length",
        "on_abort",
        "request",
    )

    def __init__(
        self, connection: ExchangeOwner, request: Request, *, keep_alive: bool, bodiless: bool
    ) -> None:
        self.request = request
        self.body: Body | None = None
        self.on_abort: Callable[[], None] | None = None
        self._connection = connection
        self.keep_alive = keep_alive
        self.length = int(request.headers.get("content-length", 0))
        # Without a body there is nothing left to read that could keep the connection from going on.
        self._complete = bodiless or not (self.length or "transfer-encoding" in request.headers)
        self._responded = False

    def respond_with(self, response: Response) -> None:
        """Answer with a plain route's response, if the peer is still there."""
        if not self._responded:
            self.respond(response.status, response.headers, response.body)

    def respond(self, status: int, headers: Headers, body: bytes) -> None:
        """Answer; see `transports.connection.Exchange`.

        What cannot be sent is logged and answered with a 500.
        """
        # A server that is full or stops needs the connection, and its peer another server.
        keep_alive = self.keep_alive and self._complete and status != 503
        answers = self._connection.server.answers
        try:
            head = answers.make(status, headers, len(body), keep_alive=keep_alive)
        except Exception:
            logger.exception("the response of %r cannot be sent", self.request.path)
            body = b""
            head = answers.make(500, (), 0, keep_alive=keep_alive)
        self._responded = True
        if self.body is not None:
            self.body.stop()
        if self.request.method != "HEAD":
            head += body
        self._connection.write_response(head, keep_alive=keep_alive)

    async def stream(self, response: StreamedResponse) -> None:
        """Answer piece by piece, as fast as the peer reads. A failure cuts the connection, because
        nothing else tells the peer that the body is incomplete (RFC 9112, section 8).
        """
        connection = self._connection
        async with contextlib.aclosing(response.pieces) as pieces:
            if self.is_over():
                return
            keep_alive = self.keep_alive and self._complete
            head = connection.server.answers.make(
                response.status, response.headers, None, keep_alive=keep_alive
            )
            if self.request.method == "HEAD":
                self._responded = True
                connection.write_response(head, keep_alive=keep_alive)
                return
            connection.transport.write(head)
            try:
                async for piece in pieces:
                    # An empty chunk would be the last one.
                    if piece and not self._responded:
                        connection.transport.write(b"%x\r\n%b\r\n" % (len(piece), piece))
                        await connection.has_room()
                    if self.is_over():
                        return
            except BaseException:
                self._responded = True
                connection.transport.abort()
                raise
            if not self._responded:
                self._responded = True
                connection.write_response(b"0\r\n\r\n", keep_alive=keep_alive)

    def is_over(self) -> bool:
        """Return whether the whole answer is written, or the peer gone."""
        return self._responded

    def read_body(
        self, limit: int, done: Callable[[bytes | None], None], hold: Callable[[int], None]
    ) -> None:
        """Read the body; see `transports.connection.Exchange`."""
        body = self.body
        if self.length > limit or (body is not None and len(body) > limit):
            done(None)
        elif self._complete:
            done(b"" if body is None else body.data)
        else:
            if "expect" in self.request.headers:
                self._connection.transport.write(_CONTINUE)
            if body is None:
                self.body = Body(limit, done, hold)
            else:
                body.read(limit, done, hold)
                # The request waited behind another; the rest of its body may never come.
                body.wait()

    def untaken(self) -> tuple[int, int]:
        """Return what is left of the answer; see `transports.connection.Exchange`."""
        return unsent_and_confirmed(self._connection.transport)

    def accept(
        self, connection: Connection, headers: Headers, *, candidate: bool, base64: bool
    ) -> WebSocket:
        """Become a WebSocket; see `transports.connection.Exchange`."""
        response, extensions = accept_handshake(self.request, connection.server.deflate)
        self._responded = True
        head = response + (header_lines(headers) if headers else b"") + b"\r\n"
        owner = self._connection
        first = owner.hand_over()
        server, client = owner.server, self.request.peer
        if not candidate:
            # The WebSocket carries its session at once, and not after an upgrade.
            server.admission.remove(client)
        websocket = WebSocket(
            owner.transport,
            connection,
            extensions,
            head,
            first,
            server,
            client if candidate else None,
            base64=base64,
        )
        owner.transport.set_protocol(websocket)
        return websocket

    # -- what the connection tells

    def body_completed(self) -> None:
        """Hand the body to whoever waits for it; the connection can go on after the answer."""
        self._complete = True
        if self.body is not None:
            self.body.complete()

    def abort(self) -> None:
        """Note that the peer is gone."""
        self._responded = True
        if self.body is not None:
            self.body.stop()
        if self.on_abort is not None:
            self.on_abort()


def accept_handshake(
    request: Request, deflate: ServerPerMessageDeflateFactory | None
) -> tuple[bytes, list[Extension]]:
    """Check a WebSocket handshake (RFC 6455, section 4.2) and start its answer.

    Return the answer's head, without the empty line at its end, and the extensions agreed on.

    Raises:
        RequestRefused: the request is no valid handshake.
    """
    headers = request.headers
    if request.method != "GET" or not request.websocket:
        raise RequestRefused(Code.BAD_REQUEST, "the request is no WebSocket handshake")
    if headers.get("sec-websocket-version") != "13":
        raise RequestRefused(
            Code.BAD_REQUEST,
            f"got WebSocket version {headers.get('sec-websocket-version')!r}, expected 13",
            status=426,
        )
    key = headers.get("sec-websocket-key", "").encode("latin-1")
    try:
        valid = len(binascii.a2b_base64(key, strict_mode=True)) == 16
    except ValueError:
        valid = False
    if not valid:
        raise RequestRefused(Code.BAD_REQUEST, "got an invalid Sec-WebSocket-Key")
    digest = sha1(key + _GUID, usedforsecurity=False).digest()
    lines = [
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + binascii.b2a_base64(digest, newline=False) + b"\r\n"
    ]
    extensions: list[Extension] = []
    if deflate is not None and "sec-websocket-extensions" in headers:
        agreed = _negotiate_deflate(headers["sec-websocket-extensions"], deflate)
        if agreed is not None:
            lines.append(b"Sec-WebSocket-Extensions: " + agreed[0].encode() + b"\r\n")
            extensions.append(agreed[1])
    if "sec-websocket-protocol" in headers:
        # As the official server: the first offer is accepted.
        protocol = headers["sec-websocket-protocol"].partition(",")[0].strip()
        lines.append(b"Sec-WebSocket-Protocol: " + protocol.encode("latin-1") + b"\r\n")
    return b"".join(lines), extensions


def _negotiate_deflate(
    header: str, deflate: ServerPerMessageDeflateFactory
) -> tuple[str, Extension] | None:
    from websockets.exceptions import InvalidHeaderFormat, NegotiationError
    from websockets.headers import build_extension, parse_extension

    try:
        offers = parse_extension(header)
    except InvalidHeaderFormat:
        return None
    for name, parameters in offers:
        if name == deflate.name:
            try:
                agreed, extension = deflate.process_request_params(parameters, [])
            except NegotiationError:
                continue
            return build_extension([(name, agreed)]), extension
    return None

"""One HTTP request of an ASGI host, and its answer."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING

from engineio_min.asgi.scope import (
    EVENT_COST,
    Receive,
    Scope,
    Send,
    encode_headers,
    first_of,
    read_request,
)
from engineio_min.errors import Code, RequestRefused
from engineio_min.protocol.shares import READ_SHARE
from engineio_min.request import Headers
from engineio_min.transports.body import Body

if TYPE_CHECKING:
    from engineio_min.asgi.websocket import AsgiWebSocket
    from engineio_min.transports.connection import Connection


class AsgiExchange:
    """One HTTP request and its answer; see `transports.connection.Exchange`."""

    __slots__ = (
        "_answered",
        "_body",
        "_receive",
        "_response",
        "_send",
        "on_abort",
        "request",
    )

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.request = read_request(scope)
        self.on_abort: Callable[[], None] | None = None
        self._body = Body()
        self._receive = receive
        self._send = send
        self._response: tuple[int, Headers, bytes] | None = None
        self._answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def respond(self, status: int, headers: Headers, body: bytes) -> None:
        """Answer; see `transports.connection.Exchange`.

        Whether the connection stays open is the host's affair.
        """
        self._body.stop()
        self._response = (status, headers, body)
        self._answered.set_result(None)

    def read_body(
        self, limit: int, done: Callable[[bytes | None], None], hold: Callable[[int], None]
    ) -> None:
        """Read the body; see `transports.connection.Exchange`.

        Call this at once or not at all.
        """
        try:
            declared = int(self.request.headers.get("content-length", "0"))
        except ValueError:
            # How the body is delimited is checked by the host; what comes is counted in any case.
            declared = 0
        if declared > limit:
            done(None)
        else:
            self._body.read(limit, done, hold)

    def accept(
        self, connection: Connection, headers: Headers, *, candidate: bool, base64: bool
    ) -> AsgiWebSocket:
        """Refuse: a host gives WebSockets a scope of their own."""
        raise RequestRefused(Code.BAD_REQUEST, "the request is no WebSocket handshake")

    def untaken(self) -> tuple[int, int]:
        """Return zeros: a host does not tell what its peer has taken."""
        return 0, 0

    async def run(self) -> None:
        """Wait for the answer, or for the peer to go away, and answer."""
        if self._response is None:
            await first_of(self._answered, asyncio.create_task(self._listen()), finally_=self._end)
        # A peer that has gone misses this answer, but a framework between would fail without one.
        status, headers, body = self._response or (400, (), b"")
        encoded = encode_headers(headers)
        if status not in (204, 304):
            encoded.append((b"content-length", str(len(body)).encode()))
        # A peer that is gone misses this answer as it might any other; the heartbeat notices.
        with contextlib.suppress(OSError):
            await self._send({"type": "http.response.start", "status": status, "headers": encoded})
            await self._send({"type": "http.response.body", "body": body})

    async def _listen(self) -> None:
        """Read the body; end when the peer goes away."""
        share = READ_SHARE
        while (event := await self._receive())["type"] != "http.disconnect":
            data = bytes(event.get("body", b""))
            # The body of a GET is read by nobody.
            if self._body.reading:
                self._body.receive(data)
                if event.get("more_body", False):
                    self._body.wait()
                else:
                    self._body.complete()
            share -= len(data) + EVENT_COST
            if share <= 0:
                # A host that has more would never let the others come.
                share = READ_SHARE
                await asyncio.sleep(0)

    def _end(self) -> None:
        """Stop counting the body: the request is answered, or over."""
        self._body.stop()
        if self._response is None and self.on_abort is not None:
            self.on_abort()

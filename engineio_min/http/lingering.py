"""A TCP connection after its last answer, until the peer has taken it.

To close at once while the peer still sends would reset the connection, and the answer would be lost
with it (RFC 9112, section 9.6). So what comes is read and dropped for a while.
"""

from __future__ import annotations

import asyncio
import contextlib

from engineio_min.http.host import HttpHost
from engineio_min.http.unread import Unread
from engineio_min.protocol.deadlines import NEVER


class Lingering(asyncio.Protocol):
    """One TCP connection that is about to close; `client` is the address that it counts for."""

    __slots__ = ("_client", "_server", "_transport", "_unread", "deadline")

    def __init__(self, server: HttpHost, transport: asyncio.Transport, client: str) -> None:
        self._server = server
        self._transport = transport
        self._client = client
        # What the peer has not taken of the answer; None if it has all.
        self._unread: Unread | None = None
        if not transport.is_closing():
            if transport.can_write_eof():
                with contextlib.suppress(OSError):  # The peer may be gone already.
                    transport.write_eof()
            transport.resume_reading()
        # A transport that is closing stays for as long as its peer leaves something unread.
        self._restart_deadline()

    def connection_lost(self, _error: Exception | None) -> None:
        self._server.connections.discard(self._transport)
        self._server.admission.remove(self._client)
        self._server.timer.forget(self)

    def data_received(self, _data: bytes) -> None:
        """Drop what comes."""

    def eof_received(self) -> None:
        """Close: the peer has ended its half, too."""

    def resume_writing(self) -> None:
        """Give the peer the time for its end: it has taken most of the answer."""
        self._restart_deadline()

    def _restart_deadline(self) -> None:
        server = self._server
        now = server.loop.time()
        buffered = self._transport.get_write_buffer_size()
        self._unread = Unread(self._transport, now) if buffered else None
        self.deadline = now + (server.limits.write_timeout if buffered else server.limits.linger)
        server.timer.watch(self)

    def handle_timeout(self, now: float) -> None:
        """Drop the connection, unless its peer is slow but reads."""
        self.deadline = NEVER
        if self._unread is not None and self._unread.shrinks(now):
            self._restart_deadline()
        else:
            self._transport.abort()

"""What a host asks of an Engine.IO server that is mounted on it.

The hosts are `http/`, our own HTTP/1.1, and `asgi/`, for any ASGI 3 host.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Protocol

from engineio_min.limits.admission import Headcount
from engineio_min.transports.connection import Exchange


class Mounted(Protocol):
    """What a host asks of an Engine.IO server on one of its paths.

    `pollers` counts the sessions that began with polling, by the address of their TCP connection.
    """

    path: str
    pollers: Headcount

    def start(self) -> None:
        """Bind to the running event loop; hosts call this before the first exchange."""

    def handle(self, exchange: Exchange) -> None:
        """Answer a request for this server's path."""

    def close(self) -> None:
        """Close every session at once."""

    def stop(self) -> Awaitable[None]:
        """Close every session, and wait until the last answers have left."""

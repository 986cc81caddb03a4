"""A packet that waits for its attachments (Socket.IO v5, "Packet encoding"): if the server does not
send them in time, the client closes the connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from socketio_min.errors import ProtocolError


class HalfPacketTimer:
    """The time for the attachments of one connection's packet: `seconds` for all together."""

    __slots__ = ("_seconds", "_timer")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._timer: asyncio.TimerHandle | None = None

    def start(self, late: Callable[[ProtocolError], object]) -> None:
        """Call `late` with an error when the time has passed. If it runs already, it goes on."""
        if self._timer is None:
            error = ProtocolError(
                f"a packet's attachments did not come within {self._seconds:g} seconds"
            )
            self._timer = asyncio.get_running_loop().call_later(self._seconds, late, error)

    def stop(self) -> None:
        """Stop the time: the packet is complete, or its connection has ended."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

"""A packet that waits for its attachments (Socket.IO v5, "Packet encoding").

The part that has come is counted as held for its client. A client that does not send the rest in
time (`Limits.attachment_timeout`) loses its connection.
"""

from __future__ import annotations

from collections.abc import Callable

import engineio_min
from engineio_min.protocol.deadlines import NEVER
from engineio_min.timer import Timer
from socketio_min.protocol.weights import WEIGHED


class HalfPacket:
    """The incomplete packet of one connection, if there is one at the moment.

    All attachments together have `timeout` seconds to come. `size` counts the bytes of the packet
    that have come, or is 0 as long as they are few.
    """

    __slots__ = ("_connection", "_timeout", "_timer", "deadline", "size")

    def __init__(self, connection: engineio_min.Connection, timer: Timer, timeout: float) -> None:
        self.size = 0
        # Set while attachments are due.
        self.deadline = NEVER
        self._connection = connection
        self._timer = timer
        self._timeout = timeout

    def grow(self, size: int, now: Callable[[], float]) -> None:
        """Note that `size` bytes of the packet have come, and more must follow."""
        if size >= WEIGHED:
            self._keep(size)
        if self.deadline == NEVER:
            self.deadline = now() + self._timeout
            self._timer.watch(self)

    def end(self) -> None:
        """Note that the packet is complete or dropped."""
        self.deadline = NEVER
        if self.size:
            self._keep(0)

    def close(self) -> None:
        """Note that the connection is over."""
        self.end()
        self._timer.forget(self)

    def _keep(self, size: int) -> None:
        before, self.size = self.size, size
        self._connection.hold(size - before)

    def handle_timeout(self, _now: float) -> None:
        """Close the connection: a packet's attachments did not come in time."""
        self.deadline = NEVER
        self._connection.close()

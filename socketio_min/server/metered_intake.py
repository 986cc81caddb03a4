"""Takes the messages of a connection whose bytes are limited (`Limits.byte_rate`).

Bytes above the connection's own rate make its reading pause (`byte_meter.py`). A large message
waits for its turn among those of all connections (`large_message.py`).
"""

from __future__ import annotations

from collections.abc import Callable

import engineio_min
from engineio_min.limits.rate_limit import RateLimit
from engineio_min.protocol.reasons import RATE
from socketio_min.server.byte_meter import ByteMeter
from socketio_min.server.large_message_queue import LARGE

Take = Callable[[str | bytes], None]


class MeteredIntake:
    """Counts the messages of one connection, and gives each to `take`, or `take_large`."""

    __slots__ = ("_connection", "_engine", "_meter", "_take", "_take_large")

    def __init__(
        self,
        engine: engineio_min.Server,
        connection: engineio_min.Connection,
        limit: RateLimit,
        take: Take,
        take_large: Take,
    ) -> None:
        self._engine = engine
        self._connection = connection
        self._take = take
        self._take_large = take_large
        self._meter = ByteMeter(limit, engine.loop.time(), self._paid)

    def receive(self, message: str | bytes) -> None:
        """Count a message, and take it."""
        self.count(message)
        if len(message) >= LARGE:
            self._take_large(message)
        else:
            self._take(message)

    def count(self, message: str | bytes) -> None:
        """Count a message. If it is above the limit, pause reading for a while."""
        if self._meter.spend(message, self._engine.loop.time()):
            self._engine.timer.watch(self._meter)
            self._connection.pause(RATE)

    def _paid(self) -> None:
        """Read again: the client has waited for what it sent too fast."""
        self._connection.resume(RATE)

    def close(self) -> None:
        """Stop counting: the connection has ended."""
        self._engine.timer.forget(self._meter)

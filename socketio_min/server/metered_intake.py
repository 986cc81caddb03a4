"""The messages of a connection whose bytes are counted: when each of them is taken.

What comes above the connection's own rate makes its reading pause (`byte_meter.py`). A large
message waits for its turn among those of all connections (`large_messages.py`), and what has been
read after it waits with it, so that the order stays.
"""

from __future__ import annotations

from collections.abc import Callable

import engineio_min
from engineio_min.limits.rate_limit import RateLimit
from engineio_min.protocol.deadlines import NEVER
from engineio_min.protocol.packets import message_packet
from engineio_min.protocol.session import LARGE_MESSAGE, RATE
from socketio_min.server.byte_meter import ByteMeter
from socketio_min.server.large_messages import LARGE, LargeMessages

Take = Callable[[str | bytes], None]


class MeteredIntake:
    """Counts the messages of one connection, and gives each to `take` when its turn has come.

    `large` are the large messages of all connections of the server.
    """

    __slots__ = ("_connection", "_engine", "_large", "_later", "_meter", "_take")

    def __init__(
        self,
        engine: engineio_min.Server,
        connection: engineio_min.Connection,
        large: LargeMessages,
        limit: RateLimit,
        take: Take,
    ) -> None:
        self._engine = engine
        self._connection = connection
        self._large = large
        self._take = take
        self._meter = ByteMeter(limit, engine.loop.time(), self._paid)
        # A large message that waits for its turn, and what has come after it.
        self._later: list[str | bytes] | None = None

    def receive(self, message: str | bytes) -> None:
        """Count a message, and take it unless it has to wait."""
        now = self._engine.loop.time()
        if self._meter.spend(message, now):
            self._engine.timer.watch(self._meter)
            self._connection.pause(RATE)
        size = len(message)
        if size >= LARGE and not self._large.begin(size, now):
            self._wait_with(message)
        else:
            self._take(message)

    def _paid(self) -> None:
        """Read again: the client has waited for what it sent too fast."""
        self._connection.resume(RATE)

    def _wait_with(self, message: str | bytes) -> None:
        """Keep a large message until its turn, and all that comes meanwhile of what was read."""
        self._large.wait(self._owner, self, len(message))
        self._engine.timer.watch(self._large)
        self._later = []
        self._connection.on_message = self._receive_later
        self._connection.pause(LARGE_MESSAGE)
        self._receive_later(message)

    @property
    def _owner(self) -> str:
        """Return for whom the large messages count: an address, a user, or the connection."""
        for kind, name in self._connection.owners():
            return f"{kind} {name}"
        return self._connection.sid

    def _receive_later(self, message: str | bytes) -> None:
        """Keep a message until the large one before it is taken."""
        assert self._later is not None
        self._later.append(message)
        self._connection.hold(len(message))

    def take_waiting(self) -> None:
        """Take the large message that waits, and what has come after it."""
        connection = self._connection
        # What follows is counted as usual; another large message waits with the rest.
        connection.on_message = self._receive_first
        connection.context.run(connection.receive_all, map(message_packet, self._release()))
        if self._later is None:
            connection.resume(LARGE_MESSAGE)
        connection.flush()

    def _receive_first(self, message: str | bytes) -> None:
        """Take the large message whose turn has come, which is counted already."""
        self._connection.on_message = self.receive
        self._take(message)

    def _release(self) -> list[str | bytes]:
        """Return what has waited with a large message, which is held no more."""
        later, self._later = self._later, None
        assert later is not None
        self._connection.hold(-sum(map(len, later)))
        return later

    def close(self) -> None:
        """Take what has waited: it was sent before the connection's end, and nothing more comes."""
        self._engine.timer.forget(self._meter)
        if self._later is None:
            return
        self._large.forget(self)
        if self._large.deadline == NEVER:
            self._engine.timer.forget(self._large)
        for message in self._release():
            self._take(message)

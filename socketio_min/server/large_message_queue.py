"""The large messages of all connections are taken one after the other, with time for others
between. Pure: the time is an argument.

Decoding five megabytes takes 20 ms, in steps. A client may send as much over each of its
connections, and the steps of all of them together would make each turn of the event loop long. So a
large message waits until the message before is taken and the time that `PACE` gives that message is
over, which is twice what it costs in all; meanwhile its connection is not read. Connections that
wait take turns by owner: an owner of many large messages delays each of another owner by one.
Small messages never wait.

Rejected: to read one large message at a time, because a client that never sends the end of its
message would hold up all others.
"""

from __future__ import annotations

from typing import Final, Protocol

from engineio_min.protocol.deadlines import NEVER

LARGE: Final = 262_144
"""The length (bytes, or characters of a text) from which a message is large."""
PACE: Final = 50_000_000
"""The bytes of large messages that have their turns in a second."""


class Waiting(Protocol):
    """A connection that waits with a large message."""

    def take_waiting(self) -> None:
        """Take the message."""


class LargeMessageQueue:
    """Says when each large message of a server is taken; the driver watches `deadline`."""

    __slots__ = ("_free_at", "_is_busy", "_owners", "_waiting", "deadline")

    def __init__(self) -> None:
        self._free_at = 0.0
        # Whether a message is being taken.
        self._is_busy = False
        # The sizes of the messages that wait, by owner and connection.
        self._waiting: dict[str, dict[Waiting, int]] = {}
        self._owners: dict[Waiting, str] = {}
        # When the next waiting message is taken.
        self.deadline = NEVER

    def begin(self, size: int, now: float) -> bool:
        """Return whether a message may be taken at once. If so it is begun, and `end` follows."""
        if self._is_busy or self._waiting or now < self._free_at:
            return False
        self._begin(size, now)
        return True

    def _begin(self, size: int, now: float) -> None:
        self._is_busy = True
        self._free_at = now + size / PACE
        self.deadline = NEVER

    def end(self, now: float) -> None:
        """Note that the message that was begun is taken; the next one follows in its time."""
        self._is_busy = False
        if self._waiting:
            self.deadline = max(now, self._free_at)

    def wait(self, owner: str, waiting: Waiting, size: int) -> None:
        """Take a message of a connection when its turn has come."""
        self._waiting.setdefault(owner, {})[waiting] = size
        self._owners[waiting] = owner
        if not self._is_busy:
            self.deadline = self._free_at

    def forget(self, waiting: Waiting) -> None:
        """Let the message of a connection wait no longer."""
        owner = self._owners.pop(waiting)
        own = self._waiting[owner]
        del own[waiting]
        if not own:
            del self._waiting[owner]
        if not self._waiting:
            self.deadline = NEVER

    def handle_timeout(self, now: float) -> None:
        """Take the next message. Its owner's other messages come after one of each other owner."""
        owner, own = next(iter(self._waiting.items()))
        del self._waiting[owner]
        waiting = next(iter(own))
        size = own.pop(waiting)
        del self._owners[waiting]
        if own:
            self._waiting[owner] = own
        self._begin(size, now)
        waiting.take_waiting()

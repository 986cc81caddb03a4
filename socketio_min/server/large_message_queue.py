"""Large messages of all connections come one after the other, with time for others in between.

Decoding five megabytes takes the event loop 20 ms in steps, and a client may send as much over each
of its connections: the steps of all of them would make each turn long. So a large message waits for
the end of the one before, and as long as `PACE` says, which is twice what that costs in all; its
connection is not read until then. Connections that wait take turns by owner: an owner of many large
messages delays those of another owner by one message each. Small messages never wait. Pure; time
comes in.

Rejected: to read one large message at a time, which a client that never sends the end of its own
would hold up for all.
"""

from __future__ import annotations

from typing import Final, Protocol

from engineio_min.protocol.deadlines import NEVER

LARGE: Final = 262_144
"""The length from which a message is large."""
PACE: Final = 50_000_000
"""Bytes of large messages that have their turns in a second."""


class Waiting(Protocol):
    """A connection that waits with a large message."""

    def take_waiting(self) -> None:
        """Take the message."""


class LargeMessageQueue:
    """When the large messages of a server are taken; the driver watches `deadline`."""

    __slots__ = ("_free_at", "_is_busy", "_owners", "_waiting", "deadline")

    def __init__(self) -> None:
        self._free_at = 0.0
        # Whether a message was begun and has not ended.
        self._is_busy = False
        # The sizes of those that wait, by owner and connection.
        self._waiting: dict[str, dict[Waiting, int]] = {}
        self._owners: dict[Waiting, str] = {}
        # When the next of those that wait is taken.
        self.deadline = NEVER

    def begin(self, size: int, now: float) -> bool:
        """Return whether a message may be taken at once, and begin it if so: `end` follows."""
        if self._is_busy or self._waiting or now < self._free_at:
            return False
        self._begin(size, now)
        return True

    def _begin(self, size: int, now: float) -> None:
        self._is_busy = True
        self._free_at = now + size / PACE
        self.deadline = NEVER

    def end(self, now: float) -> None:
        """Note that the message that was begun is taken; the next one follows when its time has
        come.
        """
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
        """Forget the message of a connection that waits."""
        owner = self._owners.pop(waiting)
        own = self._waiting[owner]
        del own[waiting]
        if not own:
            del self._waiting[owner]
        if not self._waiting:
            self.deadline = NEVER

    def handle_timeout(self, now: float) -> None:
        """Take the next message; its owner's others come after one of each other owner."""
        owner, own = next(iter(self._waiting.items()))
        del self._waiting[owner]
        waiting = next(iter(own))
        size = own.pop(waiting)
        del self._owners[waiting]
        if own:
            self._waiting[owner] = own
        self._begin(size, now)
        waiting.take_waiting()

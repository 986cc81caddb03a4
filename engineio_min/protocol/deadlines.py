"""One queue of deadlines for everything that can expire, so that an idle connection owns no timer.

Sessions move their deadline later with every pong, far more often than they expire. So the queue is
lazy: each session is in the heap at most once, under a deadline that may have become too early;
when that deadline comes, the session is put back under its present one. Only a deadline that moves
*earlier* needs a call to `watch`. A timer wheel was rejected: it is no faster for these numbers and
loses the exact millisecond.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator
from typing import Any, Protocol

NEVER = math.inf


class Expiring(Protocol):
    """Something with a deadline: an absolute time in seconds of the driver's clock, or `NEVER`."""

    deadline: float

    def handle_timeout(self, now: float) -> None: ...


# [deadline, sequence, expiring], ordered by the first two. `forget` empties the third and leaves
# the entry in its place, unless it is the last one.
Entry = list[Any]


class DeadlineQueue:
    """What can expire, in the order of its deadlines."""

    __slots__ = ("_entries", "_heap", "_sequence")

    def __init__(self) -> None:
        self._heap: list[Entry] = []
        self._entries: dict[Expiring, Entry] = {}
        self._sequence = 0

    def __len__(self) -> int:
        """Return how many are watched."""
        return len(self._entries)

    def watch(self, expiring: Expiring) -> bool:
        """Watch `expiring`; call this when it is new and whenever its deadline has moved earlier.

        Return whether `next_deadline` may be earlier now.
        """
        entry = self._entries.get(expiring)
        if entry is not None:
            if entry[0] <= expiring.deadline:
                return False
            entry[2] = None
        elif expiring.deadline == NEVER:
            return False
        self._sequence += 1
        entry = [expiring.deadline, self._sequence, expiring]
        self._entries[expiring] = entry
        heapq.heappush(self._heap, entry)
        return self._heap[0] is entry

    def forget(self, expiring: Expiring) -> None:
        """Stop watching `expiring`; nothing here refers to it any more."""
        entry = self._entries.pop(expiring, None)
        if entry is not None:
            entry[2] = None
            if self._heap[-1] is entry:
                # The usual case of something that was watched for a moment only.
                self._heap.pop()
            elif len(self._heap) > 64 and len(self._heap) > 2 * len(self._entries):
                self._heap = [entry for entry in self._heap if entry[2] is not None]
                heapq.heapify(self._heap)

    def next_deadline(self) -> float:
        """Return when to call `expired` next; nothing may turn out to be due then."""
        deadline: float = self._heap[0][0] if self._heap else NEVER
        return deadline

    def expired(self, now: float) -> Iterator[Expiring]:
        """Yield each member whose deadline has come; it is watched again after its turn if it has a
        new one.
        """
        while self._heap and self._heap[0][0] <= now:
            expiring: Expiring | None = heapq.heappop(self._heap)[2]
            if expiring is None:
                continue
            del self._entries[expiring]
            if expiring.deadline <= now:
                yield expiring
            if expiring.deadline != NEVER:
                self.watch(expiring)

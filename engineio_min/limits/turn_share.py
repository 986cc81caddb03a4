"""The share of a turn of the event loop that the large reads of all connections have together.

A connection's share bounds what one connection costs. With 25 connections of one client, each of
which had sent a message of 60 KB, a turn took 25 ms, and every client's ping waited for several
turns. So reads that are larger than the share that each connection has anyway are taken until a
turn's bytes are spent; the others wait for the next turns, in their order. A client that sends
little never waits here: it is read in each of these turns.

A byte of JSON may cost twenty times as much as another: so a turn takes no more of the reads that
wait once these have taken `MOST_SECONDS`.

Rejected: to count all reads, which is work for every read of everybody.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

MOST: Final = 131_072
"""Bytes after which a turn takes no more large reads: 2 ms of JSON."""
MOST_SECONDS: Final = 0.002
"""Seconds after which a turn takes no more of the reads that have waited."""


class TurnShare:
    """Large reads that were taken in this turn, and those that wait; call `begin` once."""

    __slots__ = ("_asked", "_call_soon", "_due", "_left", "_most", "_now", "_waiting")

    _call_soon: Callable[[Callable[[], None]], object]
    _now: Callable[[], float]

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._left = most
        # Whether `_turn` is called in the next turn.
        self._asked = False
        self._waiting: deque[tuple[int, Callable[[], None]]] = deque()
        # How many waited when `_turn` asked for its next call. Those that come afterwards may come
        # in the very turn of that call, so they go on in a later one. None if a read asked for it.
        self._due: int | None = None

    def begin(
        self, call_soon: Callable[[Callable[[], None]], object], now: Callable[[], float]
    ) -> None:
        """Begin on an event loop: `call_soon` calls a function in its next turn, `now` returns its
        time in seconds.
        """
        self._call_soon = call_soon
        self._now = now

    def forget(self) -> None:
        """Forget what waits, of an event loop that is closed."""
        self._waiting.clear()
        self._asked = False
        self._left = self._most

    def admit(self, size: int) -> bool:
        """Return whether `size` bytes may be taken in this turn, and count them if so."""
        if self._waiting or self._left <= 0:
            return False
        self._left -= size
        self._ask()
        return True

    def wait(self, size: int, go_on: Callable[[], None]) -> None:
        """Call `go_on`, which takes `size` bytes, in one of the next turns."""
        self._waiting.append((size, go_on))
        self._ask()

    def _ask(self) -> None:
        if not self._asked:
            self._asked = True
            self._due = None
            self._call_soon(self._turn)

    def _turn(self) -> None:
        self._asked = False
        self._left = self._most
        waiting = self._waiting
        ends = self._now() + MOST_SECONDS
        try:
            # A read that waits again, or that came in this very turn, goes on in one of the next.
            for _ in range(len(waiting) if self._due is None else self._due):
                if self._left <= 0:
                    break
                size, go_on = waiting.popleft()
                self._left -= size
                go_on()
                if self._now() >= ends:
                    break
        finally:
            if self._left < self._most or waiting:
                self._ask()
                self._due = len(waiting)

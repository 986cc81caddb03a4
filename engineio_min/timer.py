"""The one timer of a server: it runs the deadline queue on the event loop.

When the loop is late, because a handler blocked it or the machine had no time for the process, the
answers that came meanwhile are still unread while every deadline has passed. So a timer that comes
late lets the loop read first, and only then judges who was silent: a pong may be on a connection
that is yet to be accepted.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from engineio_min.protocol.deadlines import NEVER, DeadlineQueue, Expiring

logger = logging.getLogger("engineio_min")

# uvloop's clock counts milliseconds.
CLOCK_RESOLUTION = 0.001
# If the timer is later than this, in seconds, what peers have sent in time may lie unread.
LATE = 0.02
# If it is later than this, in seconds, the loop stood still, which is worth a warning.
STALL = 0.2
# Turns of the loop to read what is there: a request on a new connection needs five.
GRACE_TURNS = 8


class Timer:
    """A deadline queue that calls `handle_timeout` of its members when their time has come."""

    __slots__ = ("_grace", "_handle", "_handle_time", "_loop", "_queue", "forget")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._queue = DeadlineQueue()
        # Stops watching something.
        self.forget: Callable[[Expiring], None] = self._queue.forget
        self._handle: asyncio.Handle | None = None
        self._grace = 0
        self._handle_time = NEVER

    def __len__(self) -> int:
        """Return how many are watched."""
        return len(self._queue)

    def late(self, now: float) -> bool:
        """Return whether the timer is late: the loop was busy, or stood still."""
        return now - self._handle_time > LATE

    def watch(self, expiring: Expiring) -> None:
        """Watch `expiring`; call this when it is new, and when its deadline has moved earlier."""
        if self._queue.watch(expiring):
            # `_schedule`, written out: a call less for nearly every connection.
            if expiring.deadline < self._handle_time:
                self._schedule(expiring.deadline)
        elif self._handle is None:
            self._schedule(self._queue.next_deadline())

    def check(self, expiring: Expiring) -> bool:
        """Handle the timeout of `expiring` before its turn if it is due. Return whether it was.
        Nothing is due while the timer is late: the loop reads first.
        """
        now = self._loop.time()
        if expiring.deadline > now + CLOCK_RESOLUTION or self.late(now):
            return False
        expiring.handle_timeout(max(now, expiring.deadline))
        return True

    def cancel(self) -> None:
        """Stop the timer; `watch` starts it again."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
            self._handle_time = NEVER
            self._grace = 0

    def _schedule(self, deadline: float) -> None:
        """Have the loop call at `deadline`, unless it calls earlier."""
        if deadline < self._handle_time:
            if self._handle is not None:
                self._handle.cancel()
            # What is due already is not late yet.
            self._handle_time = max(deadline, self._loop.time())
            self._handle = self._loop.call_at(deadline, self._run)

    def _run(self) -> None:
        if self._grace:
            self._grace -= 1
        elif self.late(self._loop.time()):
            late = self._loop.time() - self._handle_time
            if late > STALL:
                logger.warning("the event loop stood still, for %.1f seconds or longer", late)
            self._grace = GRACE_TURNS
        if self._grace:
            self._handle = self._loop.call_soon(self._run)
            return
        self._handle = None
        self._handle_time = NEVER
        now = self._loop.time()
        # The loop may wake up to its clock's resolution early. If nothing is due even so, what the
        # timer was set for has been forgotten.
        due = self._queue.next_deadline()
        if now < due <= now + CLOCK_RESOLUTION:
            now = due
        try:
            for expiring in self._queue.expired(now):
                expiring.handle_timeout(now)
        finally:
            # The failure of one must not stop the time of all others.
            self._schedule(self._queue.next_deadline())

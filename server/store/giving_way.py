"""Gives the database's thread as much processor time as the event loop takes: the loop waits.

Only one of Python's threads computes at a time. SQLite lets the others go on during each step of
each statement, and has to wait for them after it. Beside a loop that never rests, because a client
floods it, a save that computes for 0.4 ms took 45 ms: half of its statements waited longer than the
time after which a thread must let go of the interpreter.

So while there is work for the database, the loop looks every millisecond how long it has computed
since the last look. For that long, and for `MOST` at most, it waits: until the thread is at rest,
which has either nothing to do or only something to wait for, the disk or another computer. So
whoever keeps the loop busy waits for those who save. A loop that rests by itself does not wait, and
looks less and less often: the thread has its time anyway.

Rejected: to let a thread compute for a shorter time (0.5 ms instead of 5 helps, and each change of
the thread still costs that much); to wait for the disk (nobody else would be read meanwhile).
"""

from __future__ import annotations

import asyncio
import selectors
import threading
import time
from collections.abc import Callable
from typing import Final

LOOK: Final = 0.001
"""Seconds between two looks of a busy loop."""
LONGEST_LOOK: Final = 0.008
"""Seconds between two looks of a loop that has rested for long."""
MOST: Final = 0.002
"""Seconds that one look waits at most."""
RESTING: Final = 0.2
"""The part of the time between two looks in which a loop that rests computes at most."""

# Unlike the selector of an event loop, it has nothing of the system to open and to close.
_Selector: Final = getattr(selectors, "PollSelector", selectors.SelectSelector)


class AtRest(threading.Event):
    """Is set while the thread computes nothing, as far as that is known.

    answers_at: the socket at which the thread waits for an answer. When the answer is there, the
    thread is at rest no longer, but cannot say so while the loop computes.
    """

    answers_at: int | None = None

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the thread is at rest, `timeout` seconds at most; return whether it is."""
        socket = self.answers_at
        if socket is not None and _is_readable(socket):
            self.clear()
        return super().wait(timeout)


def _is_readable(socket: int) -> bool:
    try:
        with _Selector() as selector:
            selector.register(socket, selectors.EVENT_READ)
            return bool(selector.select(0))
    except (OSError, ValueError):
        # The thread has just closed it.
        return True


class GivingWay:
    """Looks regularly, while there is work, whether the loop has to wait for a thread.

    computed: returns the seconds of processor time that the calling thread has taken. most: the
    seconds that one look waits at most. Only the loop's thread may call the methods.
    """

    __slots__ = ("_at_rest", "_computed", "_most", "_pause", "_seen", "_timer", "_works")

    def __init__(
        self,
        at_rest: AtRest,
        computed: Callable[[], float] = time.thread_time,
        most: float = MOST,
    ) -> None:
        self._at_rest = at_rest
        self._computed = computed
        self._most = most
        self._works = 0
        # Seconds from the last look to the next one.
        self._pause = LOOK
        self._seen = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, loop: asyncio.AbstractEventLoop) -> None:
        """Note that there is one more piece of work. Look regularly from now on."""
        self._works += 1
        if self._timer is None:
            self._pause = LOOK
            self._look_later(loop)

    def end(self, works: int) -> None:
        """Note that so many pieces of work have ended."""
        self._works -= works

    def look(self, loop: asyncio.AbstractEventLoop) -> None:
        """Wait if the loop is busy; look again while there is work."""
        self._timer = None
        if not self._works:
            return
        computed = self._computed() - self._seen
        if computed > RESTING * self._pause:
            self._pause = LOOK
            self._at_rest.wait(min(computed, self._most))
        else:
            self._pause = min(2 * self._pause, LONGEST_LOOK)
        self._look_later(loop)

    def _look_later(self, loop: asyncio.AbstractEventLoop) -> None:
        self._seen = self._computed()
        self._timer = loop.call_later(self._pause, self.look, loop)

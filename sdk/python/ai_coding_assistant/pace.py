"""How fast events are sent.

The server takes 200 events of a connection at once and 100 a second, and drops what is beyond. A
loop that waits for each acknowledgement is faster than that on a fast network, so events wait here
for their turn, in their order, and stay a little below both limits: what a script notices is that
it takes longer. A server that is set to take less says so, and is sent less from then on.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import Final

from ai_coding_assistant.errors import Unreachable

AT_ONCE: Final = 150
A_SECOND: Final = 90.0
_SLOWEST: Final = 1.0
"""Events a second; no server can be set to take fewer."""


class Pace:
    """The turns of one client's events; `clock` returns seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._rate = A_SECOND
        self._most = float(AT_ONCE)
        self._left = self._most
        self._counted_at = clock()
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def take(self) -> bool:
        """Count an event. Return whether it may be sent at once."""
        return not self._waiting and self._count()

    def turn(self) -> asyncio.Future[None]:
        """Return a future that is done when an event may be sent; `Unreachable` if it never may."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        self._wait()
        return turn

    def slow_down(self, retry_after: float) -> None:
        """Send less often: the server dropped an event, and takes the next in so many seconds."""
        self._rate = max(_SLOWEST, min(self._rate / 2, 1 / retry_after))
        self._most = 1.0
        self._count_up()
        self._left = min(self._left, 1 - retry_after * self._rate)

    def close(self) -> None:
        """Send nothing of what waits."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        waiting, self._waiting = self._waiting, deque()
        for turn in waiting:
            if not turn.done():
                turn.set_exception(Unreachable("disconnected before the event was sent"))
                # An event without an acknowledgement is looked after by nobody.
                turn.exception()

    def _count_up(self) -> None:
        now = self._clock()
        self._left = min(self._most, self._left + (now - self._counted_at) * self._rate)
        self._counted_at = now

    def _count(self) -> bool:
        self._count_up()
        if self._left < 1:
            return False
        self._left -= 1
        return True

    def _wait(self) -> None:
        if self._timer is None and self._waiting:
            seconds = max(0.0, (1 - self._left) / self._rate)
            self._timer = asyncio.get_running_loop().call_later(seconds, self._go_on)

    def _go_on(self) -> None:
        self._timer = None
        while self._waiting:
            if self._waiting[0].done():
                # Whoever waited for it was cancelled.
                self._waiting.popleft()
            elif self._count():
                self._waiting.popleft().set_result(None)
            else:
                break
        self._wait()

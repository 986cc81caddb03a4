"""The events whose acknowledgements are due, and which of them the server has dropped.

A server that gets more events than it is set to take drops some, and says so only the first time,
with `rate_limited`. It acknowledges the others in the order in which they were sent, so each
acknowledgement tells that those still due from before it were dropped. Where nothing follows that
could tell, a `test:ping` is sent after a while.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from ai_coding_assistant.errors import LIMIT, Refused

SHORTEST_WAIT: Final = 0.25
"""Seconds after which an acknowledgement is asked for; it may just be on its way."""


class Due:
    """What is due on one client. `ping()` sends an event that is acknowledged, or returns False
    while there is no connection; `slow_down(retry_after)` is called when something was dropped.
    """

    def __init__(self, ping: Callable[[], bool], slow_down: Callable[[float], object]) -> None:
        self._ping = ping
        self._slow_down = slow_down
        # Each with how often there was slowed down before it was sent.
        self._calls: dict[asyncio.Timeout, int] = {}
        self._slowed = 0
        self._retry_after = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._none = asyncio.Event()
        self._none.set()

    async def settled(self) -> None:
        """Wait until no acknowledgement is due."""
        await self._none.wait()

    @asynccontextmanager
    async def acknowledgement(self) -> AsyncIterator[None]:
        """Enclose the sending of an event and the wait for its acknowledgement.

        Raises:
            Refused: the server has dropped it (`RATE_LIMIT_EXCEEDED`).
        """
        call = asyncio.timeout(None)
        try:
            async with call:
                self._calls[call] = self._slowed
                self._none.clear()
                self._watch()
                yield
                self._drop_before(call)
        except TimeoutError:
            if not call.expired():
                raise
            raise _dropped(self._retry_after) from None
        finally:
            self._calls.pop(call, None)
            if not self._calls:
                self._none.set()

    def limited(self, retry_after: float) -> None:
        """Take note that the server dropped an event, and takes the next in so many seconds."""
        self._retry_after = retry_after
        self._slow()
        self._watch()

    def close(self) -> None:
        """Ask for nothing any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _drop_before(self, acknowledged: asyncio.Timeout) -> None:
        if not self._slowed or acknowledged not in self._calls:
            # The server has not said that it drops anything; or this one was given up already.
            return
        now = asyncio.get_running_loop().time()
        while (call := next(iter(self._calls))) is not acknowledged:
            if self._calls.pop(call) == self._slowed:
                self._slow()
            call.reschedule(now)

    def _slow(self) -> None:
        self._slowed += 1
        self._slow_down(self._retry_after)

    def _watch(self) -> None:
        if self._slowed and self._timer is None and self._calls:
            wait = max(SHORTEST_WAIT, self._retry_after)
            self._timer = asyncio.get_running_loop().call_later(wait, self._ask)

    def _ask(self) -> None:
        self._timer = None
        if self._calls and not self._ping():
            self._watch()


def _dropped(retry_after: float) -> Refused:
    return Refused(
        {
            "code": LIMIT,
            "message": "the server dropped the event, because too many came at once: "
            f"try again in {retry_after:g} seconds, or queue what can be sent in one batch",
            "details": {"retryAfter": retry_after},
        }
    )

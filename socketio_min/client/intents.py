"""The intent to be connected to a namespace, and the calls that wait until it is fulfilled.

An intent lasts from the first call that asks for a connection until it is given up; a connection
that is lost meanwhile is made again.
"""

from __future__ import annotations

import asyncio


class Intent:
    """The intent to be connected.

    `callers` counts the calls of `connect` that are not over. `kept` tells whether the intent lasts
    without callers: `open` has begun it, or a call of `connect` has returned.
    """

    __slots__ = ("callers", "kept")

    def __init__(self) -> None:
        self.kept = False
        self.callers = 0


class Intents:
    """The intents of one namespace, one after the other; `present` is None without one."""

    __slots__ = ("_waiters", "present")

    def __init__(self) -> None:
        self.present: Intent | None = None
        self._waiters: list[asyncio.Future[None]] = []

    def begin(self) -> Intent:
        """Begin an intent."""
        self.present = intent = Intent()
        return intent

    async def wait(self, intent: Intent) -> None:
        """Wait until an intent is fulfilled.

        Raises:
            SocketIOError: what `settle` was told.
        """
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        intent.callers += 1
        try:
            await waiter
        finally:
            intent.callers -= 1
            if waiter in self._waiters:
                self._waiters.remove(waiter)

    def is_abandoned(self, intent: Intent) -> bool:
        """Return whether an intent is the present one, though its last caller was cancelled."""
        return intent is self.present and not intent.callers and not intent.kept

    def give_up(self, error: Exception) -> None:
        """Give up the intent, and end each call that waits with `error`."""
        self.present = None
        self.settle(error)

    def lasts_without(self, error: Exception) -> bool:
        """End each call that waits with `error`. Return whether the intent lasts even so."""
        self.settle(error)
        return self.present is not None and self.present.kept

    def settle(self, error: Exception | None) -> None:
        """End each call that waits: with `error`, or with None because the intent is fulfilled."""
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if waiter.done():
                continue
            if error is None:
                waiter.set_result(None)
            else:
                waiter.set_exception(error)

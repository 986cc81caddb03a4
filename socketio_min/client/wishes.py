"""Whether a namespace is to be connected, and who waits until it is.

A wish lasts from the first call that asks for a connection until it is given up; a connection that
is lost meanwhile is made again.
"""

from __future__ import annotations

import asyncio


class Wish:
    """The wish to be connected.

    `callers` counts the calls of `connect` that are not over. `kept` tells that the wish lasts
    without them: it was made by `open`, or one of them has returned.
    """

    __slots__ = ("callers", "kept")

    def __init__(self) -> None:
        self.kept = False
        self.callers = 0


class Wishes:
    """The wish of one namespace, None for none, and the calls that wait for it."""

    __slots__ = ("_waiters", "present")

    def __init__(self) -> None:
        self.present: Wish | None = None
        self._waiters: list[asyncio.Future[None]] = []

    def make(self) -> Wish:
        """Begin to wish."""
        self.present = wish = Wish()
        return wish

    async def wait(self, wish: Wish) -> None:
        """Wait until the wish is fulfilled.

        Raises:
            SocketIOError: what `settle` was told.
        """
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        wish.callers += 1
        try:
            await waiter
        finally:
            wish.callers -= 1
            if waiter in self._waiters:
                self._waiters.remove(waiter)

    def is_abandoned(self, wish: Wish) -> bool:
        """Return whether a wish is the present one, though its last caller was cancelled."""
        return wish is self.present and not wish.callers and not wish.kept

    def give_up(self, error: Exception) -> None:
        """Wish no longer, and end each call that waits with `error`."""
        self.present = None
        self.settle(error)

    def lasts_without(self, error: Exception) -> bool:
        """End each call that waits with `error`. Return whether the wish lasts even so."""
        self.settle(error)
        return self.present is not None and self.present.kept

    def settle(self, error: Exception | None) -> None:
        """End each call that waits: with `error`, or without one because the wish is fulfilled."""
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if waiter.done():
                continue
            if error is None:
                waiter.set_result(None)
            else:
                waiter.set_exception(error)

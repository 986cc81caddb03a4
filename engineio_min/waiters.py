"""Calls that wait until something has happened."""

from __future__ import annotations

import asyncio


class Waiters:
    """The calls that wait at present."""

    __slots__ = ("_futures",)

    def __init__(self) -> None:
        self._futures: list[asyncio.Future[None]] = []

    def __len__(self) -> int:
        """Return how many calls wait."""
        return len(self._futures)

    async def wait(self) -> None:
        """Wait until `release` is called."""
        future = asyncio.get_running_loop().create_future()
        self._futures.append(future)
        await future

    def release(self) -> None:
        """Let all calls that wait go on. Those that are made from now on wait for the next time."""
        futures, self._futures = self._futures, []
        for future in futures:
            # Its caller may have been cancelled.
            if not future.done():
                future.set_result(None)

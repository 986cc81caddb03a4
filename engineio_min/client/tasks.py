"""The tasks of a client's session, and the callers that wait for something to change."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from engineio_min.waiters import Waiters


class Tasks:
    """What runs for one client, and who waits for it."""

    def __init__(self) -> None:
        self.running: set[asyncio.Task[None]] = set()
        self._waiters = Waiters()

    def start(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run a coroutine until it ends, or `cancel` is called; its error goes to the loop."""
        task = asyncio.get_running_loop().create_task(coroutine)
        self.running.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self.running.discard(task)
        if not task.cancelled():
            task.result()

    def cancel(self) -> None:
        """Cancel every task but the one that calls."""
        for task in self.running:
            if task is not asyncio.current_task():
                task.cancel()

    async def finished(self) -> None:
        """Wait until no task is left."""
        while self.running:
            await asyncio.wait(self.running)

    async def change(self) -> None:
        """Wait until `announce` is called."""
        await self._waiters.wait()

    @property
    def awaited(self) -> bool:
        """Return whether anybody waits for a change."""
        return bool(self._waiters)

    def announce(self) -> None:
        """Wake everybody who waits for a change."""
        self._waiters.release()

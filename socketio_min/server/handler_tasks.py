"""The tasks of handlers in flight: a server keeps them until they end, or until it closes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from contextvars import Context
from typing import Any

Task = asyncio.Task[None]


class HandlerTasks:
    """The tasks of a server's handlers.

    `own` are the tasks that call a method: none of them waits for itself.
    """

    __slots__ = ("_context", "_tasks")

    def __init__(self) -> None:
        self._tasks: set[Task] = set()
        # The context of the callbacks of tasks; without one the loop copies a context for each.
        self._context = Context()

    def __len__(self) -> int:
        """Return how many handlers are in flight."""
        return len(self._tasks)

    def keep(self, task: Task, ended: Callable[[Task], object]) -> None:
        """Keep a task alive. `ended` is called when it has ended, and calls `forget`."""
        self._tasks.add(task)
        task.add_done_callback(ended, context=self._context)

    def forget(self, task: Task) -> None:
        """Keep a task, which has ended, no longer."""
        self._tasks.discard(task)

    async def wait(self, own: Collection[asyncio.Task[Any] | None], deadline: float) -> None:
        """Wait until no tasks but `own` are left, or the time of the loop is `deadline`."""
        loop = asyncio.get_running_loop()
        while (tasks := self._tasks.difference(own)) and (left := deadline - loop.time()) > 0:
            await asyncio.wait(tasks, timeout=left)

    async def cancel(self, own: Collection[asyncio.Task[Any] | None]) -> None:
        """Cancel all tasks but `own`, and wait until they have ended."""
        tasks = self._tasks.difference(own)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

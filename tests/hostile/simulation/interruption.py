"""Something happens to the server's tasks at the k-th of all their awaits.

A first run counts the moments at which a task of the server's code suspends; each further run is
the same up to one of these moments. Not among them is a task that has not begun: nothing of the
server cancels one while its connection lives.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextvars import Context
from functools import partial
from types import CoroutineType
from typing import Any

import pytest

from socketio_min.first_steps import FirstSteps

TAKE = FirstSteps.take

Suspended = Callable[["asyncio.Task[Any]", Any], object]


class Watched(Coroutine[Any, Any, Any]):
    """A coroutine that tells when it suspends, and on what."""

    def __init__(self, coroutine: CoroutineType[Any, Any, Any], suspended: Suspended) -> None:
        self._coroutine = coroutine
        self._suspended = suspended

    def _tell(self, awaited: Any) -> Any:
        task = asyncio.current_task()
        assert task is not None
        self._suspended(task, awaited)
        return awaited

    def send(self, value: Any) -> Any:
        return self._tell(self._coroutine.send(value))

    def throw(self, *error: Any) -> Any:
        return self._tell(self._coroutine.throw(*error))

    def close(self) -> None:
        self._coroutine.close()

    def __await__(self) -> Generator[Any, Any, Any]:
        step = partial(self.send, None)
        while True:
            try:
                awaited = step()
            except StopIteration as end:
                return end.value
            try:
                step = partial(self.send, (yield awaited))
            except BaseException as error:
                step = partial(self.throw, error)


class Interruption:
    """Counts the awaits of the server's tasks and does something at one of them.

    `install` puts it on a loop. `action(task, awaited)` is called at the await number `target`.
    """

    def __init__(self, target: int | None, action: Suspended) -> None:
        self.count = 0
        self._target = target
        self._action = action

    def install(self, loop: asyncio.AbstractEventLoop) -> None:
        loop.set_task_factory(self._make)

    def watch_handlers(self, patch: pytest.MonkeyPatch) -> None:
        """Watch the coroutines of handlers too, whose tasks no factory makes."""

        def watched(
            steps: FirstSteps,
            awaitable: Awaitable[Any],
            loop: asyncio.AbstractEventLoop,
            context: Context,
        ) -> Any:
            assert isinstance(awaitable, CoroutineType)
            return TAKE(steps, Watched(awaitable, self._suspended), loop, context)

        patch.setattr(FirstSteps, "take", watched)

    def _make(
        self, loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any
    ) -> asyncio.Task[Any]:
        code = coroutine.cr_code.co_filename
        if "/engineio_min/" in code or "/socketio_min/" in code:
            coroutine = Watched(coroutine, self._suspended)
        return asyncio.Task(coroutine, loop=loop, **options)

    def _suspended(self, task: asyncio.Task[Any], awaited: Any) -> None:
        if self.count == self._target:
            self._action(task, awaited)
        self.count += 1


def cancel_at_once(task: asyncio.Task[Any], _awaited: Any) -> None:
    """Cancel the task while it waits."""
    task.get_loop().call_soon(task.cancel)


def cancel_on_waking(task: asyncio.Task[Any], awaited: Any) -> None:
    """Cancel the task when what it waits for has come, before it takes it."""
    if isinstance(awaited, asyncio.Future):
        awaited.add_done_callback(lambda _: task.cancel())
    else:
        task.cancel()

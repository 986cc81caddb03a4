"""The first step of an asynchronous handler, taken in place: only one that suspends keeps a task.

    start ──first step──► over: nothing is left
              └─suspends──► the handler's task waits for the same ──► … ──► over

Most `async def` handlers never wait, or not for most events. A task of its own costs such a handler
as much as all else that an event costs, and its answer leaves after the flush of its read.

A handler may ask for its task in the first step, as `asyncio.timeout` does, and must find the one
that runs it later. So there is a task before that step. The next handler of the same turn of the
event loop gets the same one, unless the first has suspended, or has kept the task or changed it. A
task that nobody needs ends with the next turn, so none is ever idle.

Rejected: `eager_start` (Python 3.12 and later), which makes a task for each handler all the same
and costs twice as much; a task made when the handler suspends, which is another one than the
handler has seen; an object made by `Task.__new__` and initialised later, which can crash the
interpreter if it is looked at before.
"""

from __future__ import annotations

import asyncio
from asyncio import _enter_task, _leave_task, current_task
from collections.abc import Coroutine, Generator
from contextvars import Context, copy_context
from sys import getrefcount
from typing import Any
from weakref import getweakrefcount

# How a coroutine ends without a failure that its caller has to know.
_ENDS = (StopIteration, asyncio.CancelledError)


class FirstSteps:
    """Takes first steps, and keeps the tasks that were made for some and that nobody needs yet."""

    __slots__ = ("_context", "_loop", "_spare")

    def __init__(self) -> None:
        # The tasks' own context, which no handler sees.
        self._context = Context()
        self._spare: list[HandlerTask] = []
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(
        self,
        coroutine: Coroutine[Any, Any, None],
        loop: asyncio.AbstractEventLoop,
        context: Context | None = None,
    ) -> asyncio.Task[None] | None:
        """Run a coroutine up to where it suspends. Return its task, or None if it has ended.

        It runs in a copy of the present context, or in `context`, which is the caller's then. What
        it raises is raised here, except the cancellation of its own task.
        """
        task = self._spare.pop() if self._spare and loop is self._loop else self._make(loop)
        rest = task.rest
        rest.coroutine = coroutine
        outer = current_task(loop)
        if outer is not None:
            # Another handler makes this one run, or an ASGI host has received for it.
            _leave_task(loop, outer)
        _enter_task(loop, task)
        known_by = getrefcount(task) + getweakrefcount(task)
        try:
            if context is None:
                context = copy_context()
                awaited = context.run(coroutine.send, None)
            else:
                awaited = coroutine.send(None)
        except BaseException as error:
            rest.coroutine = None
            if not task.changed and getrefcount(task) + getweakrefcount(task) == known_by:
                self._spare.append(task)
            if isinstance(error, _ENDS):
                return None
            raise
        finally:
            _leave_task(loop, task)
            if outer is not None:
                _enter_task(loop, outer)
        rest.context = context
        rest.awaited = _take(awaited)
        return task

    def _make(self, loop: asyncio.AbstractEventLoop) -> HandlerTask:
        if loop is not self._loop:
            # The tasks of another loop, which was closed.
            self._spare.clear()
            self._loop = loop
        return HandlerTask(loop, self._context, self._spare)


class HandlerTask(asyncio.Task[None]):
    """The task of a handler.

    `rest` is what the task runs; `changed` tells whether somebody has changed the task itself.
    """

    __slots__ = ("changed", "rest")

    def __init__(
        self, loop: asyncio.AbstractEventLoop, context: Context, spare: list[HandlerTask]
    ) -> None:
        self.changed = False
        self.rest = Rest(spare)
        super().__init__(self.rest, loop=loop, context=context)

    def cancel(self, msg: Any | None = None) -> bool:
        self.changed = True
        return super().cancel(msg)

    def add_done_callback(self, function: Any, /, *, context: Context | None = None) -> None:
        self.changed = True
        super().add_done_callback(function, context=context)

    def set_name(self, value: object, /) -> None:
        self.changed = True
        super().set_name(value)


class Rest(Coroutine[Any, Any, None]):
    """What a handler's task runs: its `coroutine` from the second step on, in `context`.

    `awaited` is what the first step waits for. Without a coroutine the task ends at once, and so do
    the others of its turn that are `spare`.
    """

    __slots__ = ("_spare", "awaited", "context", "coroutine")

    context: Context

    def __init__(self, spare: list[HandlerTask]) -> None:
        self._spare = spare
        self.coroutine: Coroutine[Any, Any, None] | None = None
        self.awaited: Any = None

    def send(self, value: None) -> Any:
        if self.coroutine is None:
            self._spare.clear()
            raise StopIteration
        awaited, self.awaited = self.awaited, None
        if awaited is None:
            return self.context.run(self.coroutine.send, value)
        return _hand_over(awaited)

    def throw(self, error: Any, *_more: Any) -> Any:
        if self.coroutine is None:
            self._spare.clear()
            raise error
        awaited, self.awaited = self.awaited, None
        if asyncio.isfuture(awaited) and awaited.cancel():
            # As `Task.cancel` does: the cancelled future brings the handler the news.
            return _hand_over(awaited)
        return self.context.run(self.coroutine.throw, error)

    def close(self) -> None:
        if self.coroutine is not None:
            self.coroutine.close()

    def __await__(self) -> Generator[Any, Any, None]:
        raise RuntimeError("coroutine is being awaited already")

    def __getattr__(self, name: str) -> Any:
        """Return what a task's `repr`, its stack, or anyio asks the coroutine about its state."""
        return getattr(self.coroutine, name)


def _take(awaited: Any) -> Any:
    """Take over what a coroutine waits for, as a task does: others may wait for the same."""
    if asyncio.isfuture(awaited):
        awaited._asyncio_future_blocking = False
    return awaited


def _hand_over(awaited: Any) -> Any:
    """Return what a task is to wait for, as `await` does."""
    if asyncio.isfuture(awaited):
        awaited._asyncio_future_blocking = True
    return awaited

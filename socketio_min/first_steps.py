"""The first step of an asynchronous handler is taken in place: only a handler that suspends in it
keeps a task.

    take ──first step──► over: its result is returned
             └─suspends──► `Begun`, which the handler's task awaits: ──► … ──► over

Most `async def` handlers never wait, or not for most events. A task for each of them would cost as
much as all else that an event costs, and the answer would leave after the flush of its read.

A handler may ask for its task in the first step, as `asyncio.timeout` does, and must find the task
that runs its other steps. So there is a task before the first step. The next handler of the same
turn of the event loop gets the same task, unless the handler before has suspended, or has kept the
task or changed it. A task that no handler needs ends in the next turn, so none is ever idle.

Rejected: `eager_start` (Python 3.12 and later), which makes a task for each handler all the same
and costs twice as much; a task made when the handler suspends, because the handler may have seen
another one; an object made by `Task.__new__` and initialised later, which can crash the interpreter
if it is looked at before; calling `send` of each coroutine, because its result then comes as an
exception, which costs as much as all else here.
"""

from __future__ import annotations

import asyncio
from asyncio import _enter_task, _leave_task, current_task
from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextvars import Context, copy_context
from sys import getrefcount
from types import CoroutineType
from types import coroutine as awaiting
from typing import Any, cast
from weakref import getweakrefcount


class OwnCancellation(asyncio.CancelledError):
    """A handler's own task was cancelled in its first step: that is an order and no failure."""


class FirstSteps:
    """Takes first steps. `spare` is a task that was made for one and that no handler needs yet."""

    __slots__ = ("_context", "_loop", "spare")

    def __init__(self) -> None:
        # The tasks' own context, which no handler sees.
        self._context = Context()
        self._loop: asyncio.AbstractEventLoop | None = None
        self.spare: HandlerTask | None = None

    def take(
        self, awaitable: Awaitable[Any], loop: asyncio.AbstractEventLoop, context: Context
    ) -> Any:
        """Run what an asynchronous function has returned, up to where it suspends. Return the
        function's result, or a `Begun` if it goes on.

        The caller runs in `context`, which is the function's context from now on. An error of the
        function is raised here.

        Raises:
            OwnCancellation: the function's own task was cancelled.
        """
        # Only a coroutine tells whether it is over.
        if type(awaitable) is CoroutineType:
            coroutine: CoroutineType[Any, Any, Any] = awaitable
        else:
            coroutine = cast("CoroutineType[Any, Any, Any]", _await(awaitable))
        task = self.spare
        if task is None or loop is not self._loop:
            task = self._make(loop)
        self.spare = None
        task.rest.coroutine = coroutine
        outer = current_task(loop)
        if outer is not None:
            # Another handler makes this one run, or an ASGI host has received for it.
            _leave_task(loop, outer)
        _enter_task(loop, task)
        try:
            result = task.step(coroutine)
        except BaseException as error:
            # The error has ended `steps`, too.
            task.begin_steps()
            if isinstance(error, asyncio.CancelledError) and task.cancelling():
                raise OwnCancellation from error
            raise
        finally:
            _leave_task(loop, task)
            if outer is not None:
                _enter_task(loop, outer)
            over = coroutine.cr_frame is None
            if over:
                task.rest.coroutine = None
                if getrefcount(task) + getweakrefcount(task) == task.known_by:
                    self.spare = task
        return result if over else Begun(task, context, result)

    def start(
        self,
        coroutine: Coroutine[Any, Any, None],
        loop: asyncio.AbstractEventLoop,
        context: Context | None = None,
    ) -> asyncio.Task[None] | None:
        """Run a coroutine up to where it suspends, as `take` does. Return its task, or None if the
        coroutine is over or was cancelled.

        The caller runs in `context`; with None the coroutine gets a copy of the present context.
        """
        try:
            if context is None:
                context = copy_context()
                begun = context.run(self.take, coroutine, loop, context)
            else:
                begun = self.take(coroutine, loop, context)
        except asyncio.CancelledError:
            return None
        return begun.go_on(_await(begun)) if type(begun) is Begun else None

    def _make(self, loop: asyncio.AbstractEventLoop) -> HandlerTask:
        # A spare one of another loop is left behind: that loop was closed.
        self._loop = loop
        task = HandlerTask(loop, self._context, self)
        task.known_by = getrefcount(task) + getweakrefcount(task)
        return task


class Begun:
    """A coroutine that has suspended in its first step; awaiting this object gives its result."""

    __slots__ = ("_awaited", "_context", "_task")

    def __init__(self, task: HandlerTask, context: Context, awaited: Any) -> None:
        self._task = task
        self._context = context
        self._awaited = awaited

    def go_on(self, runs: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Let the task run `runs`, which awaits this object first. Return the task."""
        self._task.rest.go_on(runs, self._context)
        return self._task

    def __await__(self) -> Generator[Any, Any, Any]:
        steps, coroutine = self._task.steps, self._task.rest.coroutine
        assert coroutine is not None
        result = self._awaited
        while True:
            try:
                yield result
            except BaseException as error:
                result = steps.throw(error)
            else:
                result = steps.send(None)
            if coroutine.cr_frame is None:
                return result


class HandlerTask(asyncio.Task[None]):
    """The task of a handler.

    `step` takes the first step of a coroutine; `steps` takes the others. `rest` is what the task
    runs. `known_by` is how many references there are to a task that no handler has kept; it is
    negative once a handler has changed the task.
    """

    __slots__ = ("known_by", "rest", "step", "steps")

    steps: Generator[Any, Any, None]
    step: Callable[[Any], Any]

    def __init__(
        self, loop: asyncio.AbstractEventLoop, context: Context, owner: FirstSteps
    ) -> None:
        self.known_by = 0
        self.rest = Rest(owner)
        self.begin_steps()
        super().__init__(self.rest, loop=loop, context=context)

    def begin_steps(self) -> None:
        """Get ready for the first step of a coroutine."""
        self.steps = _steps()
        next(self.steps)
        self.step = self.steps.send

    def cancel(self, msg: Any | None = None) -> bool:
        self.known_by = -1
        return super().cancel(msg)

    def add_done_callback(self, function: Any, /, *, context: Context | None = None) -> None:
        self.known_by = -1
        super().add_done_callback(function, context=context)

    def set_name(self, value: object, /) -> None:
        self.known_by = -1
        super().set_name(value)


class Rest(Coroutine[Any, Any, None]):
    """What a handler's task runs: `_runs`, from the handler's second step on, in `_context`.

    `coroutine` is the handler's: the task's `repr` and stack show it. `_awaited` is what the
    handler waits for in its first step. If no handler has suspended, the task ends at once and is
    spare no longer.
    """

    __slots__ = ("_awaited", "_context", "_owner", "_runs", "coroutine")

    _context: Context

    def __init__(self, owner: FirstSteps) -> None:
        self._owner = owner
        self.coroutine: CoroutineType[Any, Any, Any] | None = None
        self._runs: Coroutine[Any, Any, None] | None = None
        self._awaited: Any = None

    def go_on(self, runs: Coroutine[Any, Any, None], context: Context) -> None:
        """Run `runs`, which begins by awaiting what the handler waits for in its first step."""
        self._context = context
        self._runs = runs
        self._awaited = _take(runs.send(None))

    def send(self, value: None) -> Any:
        if self._runs is None:
            self._owner.spare = None
            raise StopIteration
        awaited, self._awaited = self._awaited, None
        if awaited is None:
            return self._context.run(self._runs.send, value)
        return _hand_over(awaited)

    def throw(self, error: Any, *_more: Any) -> Any:
        if self._runs is None:
            self._owner.spare = None
            raise error
        awaited, self._awaited = self._awaited, None
        if asyncio.isfuture(awaited) and awaited.cancel():
            # As `Task.cancel` does: the cancelled future wakes the handler.
            return _hand_over(awaited)
        return self._context.run(self._runs.throw, error)

    def close(self) -> None:
        if self._runs is not None:
            self._runs.close()

    def __await__(self) -> Generator[Any, Any, None]:
        raise RuntimeError("coroutine is being awaited already")

    def __getattr__(self, name: str) -> Any:
        """Return what a task's `repr`, its stack, or anyio asks the coroutine about its state."""
        return getattr(self.coroutine, name)


@awaiting
def _steps() -> Generator[Any, Any, None]:
    """Run each coroutine that is sent: yield what it waits for and, when it is over, its result."""
    result = None
    while True:
        coroutine = yield result
        result = yield from coroutine


async def _await(awaitable: Awaitable[Any]) -> Any:
    return await awaitable


def _take(awaited: Any) -> Any:
    """Take over what a coroutine waits for, as a task does: others may wait for the same future."""
    if asyncio.isfuture(awaited):
        awaited._asyncio_future_blocking = False
    return awaited


def _hand_over(awaited: Any) -> Any:
    """Return what a task is to wait for, as `await` does."""
    if asyncio.isfuture(awaited):
        awaited._asyncio_future_blocking = True
    return awaited

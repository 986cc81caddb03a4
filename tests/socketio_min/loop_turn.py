"""Coroutines that begin in a callback of a loop, of asyncio and of uvloop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
import uvloop

from socketio_min.first_steps import FirstSteps

NewLoop = Callable[[], asyncio.AbstractEventLoop]


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def new_loop(request: pytest.FixtureRequest) -> NewLoop:
    found: NewLoop = request.param
    return found


class Turn:
    """Begins coroutines in a callback of the loop, as a server does that reads."""

    def __init__(self) -> None:
        self.steps = FirstSteps()
        self.loop = asyncio.get_running_loop()

    async def begin(
        self, *coroutines: Coroutine[Any, Any, None], cancel: bool = False
    ) -> list[asyncio.Task[None]]:
        """Begin all of them in one turn; return the tasks of those that go on. With `cancel` they
        are cancelled in the same turn.
        """
        begun: asyncio.Future[list[asyncio.Task[None] | None]] = self.loop.create_future()

        def read() -> None:
            assert asyncio.current_task() is None
            tasks = [self.steps.start(one, self.loop) for one in coroutines]
            begun.set_result(tasks)
            for task in tasks:
                if task is not None and cancel:
                    task.cancel()
            assert asyncio.current_task() is None

        self.loop.call_soon(read)
        return [task for task in await begun if task is not None]


def run(new_loop: NewLoop, test: Callable[[Turn], Coroutine[Any, Any, None]]) -> None:
    async def main() -> None:
        await test(Turn())
        # Tasks that nobody needs end with the next turn.
        await asyncio.sleep(0)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(main())


def current() -> asyncio.Task[Any]:
    """Return the task that runs, which there is."""
    task = asyncio.current_task()
    assert task is not None
    return task

"""first_steps.py: coroutines begin in place, and each one has its own task as far as it sees.

Invariants: a coroutine sees one task and one context from its first step to its last, and nothing
of another's; whatever cancels or waits does so as in a task that the event loop has begun.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Generator
from contextvars import ContextVar, copy_context
from types import coroutine as generator_coroutine
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from socketio_min.first_steps import Begun, FirstSteps, OwnCancellation
from tests.socketio_min.loop_turn import NewLoop, Turn, current, run

NAME: ContextVar[str] = ContextVar("name", default="")


def test_what_does_not_suspend_is_over_at_once(new_loop: NewLoop) -> None:
    seen: list[Any] = []

    async def note(name: str) -> None:
        seen.append((name, asyncio.current_task()))

    async def test(turn: Turn) -> None:
        assert await turn.begin(note("first"), note("second")) == []
        assert [name for name, _ in seen] == ["first", "second"]

    run(new_loop, test)


def test_a_task_is_the_same_in_all_steps(new_loop: NewLoop) -> None:
    seen: dict[str, list[asyncio.Task[Any] | None]] = {"a": [], "b": []}

    async def suspend(name: str) -> None:
        seen[name].append(asyncio.current_task())
        await asyncio.sleep(0)
        seen[name].append(asyncio.current_task())
        await asyncio.sleep(0)
        seen[name].append(asyncio.current_task())

    async def test(turn: Turn) -> None:
        tasks = await turn.begin(suspend("a"), suspend("b"))
        assert set(tasks) <= asyncio.all_tasks()
        await asyncio.gather(*tasks)
        assert seen == {"a": [tasks[0]] * 3, "b": [tasks[1]] * 3}
        assert tasks[0] is not tasks[1]

    run(new_loop, test)


def test_a_context_is_one_runs_own(new_loop: NewLoop) -> None:
    seen: list[str] = []

    async def set_and_wait(name: str) -> None:
        seen.append(NAME.get())
        NAME.set(name)
        await asyncio.sleep(0)
        seen.append(NAME.get())
        NAME.set(name + " later")
        await asyncio.sleep(0)
        seen.append(NAME.get())

    async def test(turn: Turn) -> None:
        await asyncio.gather(*await turn.begin(set_and_wait("a"), set_and_wait("b")))
        assert seen == ["", "", "a", "b", "a later", "b later"]
        assert NAME.get() == ""

    run(new_loop, test)


async def test_a_context_that_is_given_is_the_one() -> None:
    async def rename() -> None:
        NAME.set(NAME.get() + "first")
        await asyncio.sleep(0)
        NAME.set(NAME.get() + ", second")

    own = copy_context()
    task = own.run(FirstSteps().start, rename(), asyncio.get_running_loop(), own)
    assert task is not None
    assert own[NAME] == "first"
    await task
    assert (own[NAME], NAME.get()) == ("first, second", "")


def take(steps: FirstSteps, awaitable: Awaitable[Any]) -> Any:
    """Take a first step in a context of its own."""
    context = copy_context()
    return context.run(steps.take, awaitable, asyncio.get_running_loop(), context)


async def give(result: object) -> object:
    return result


async def test_a_result_comes_from_the_first_step_or_is_awaited() -> None:
    future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    got: list[str] = []

    async def wait() -> str:
        await asyncio.sleep(0)
        return await future

    async def note(begun: Begun) -> None:
        got.append(await begun)

    steps = FirstSteps()
    assert take(steps, give("at once")) == "at once"
    begun = take(steps, wait())
    assert isinstance(begun, Begun)
    task = begun.go_on(note(begun))
    assert take(steps, give("meanwhile")) == "meanwhile"
    future.set_result("later")
    await task
    assert got == ["later"]


async def test_whatever_can_be_awaited_is_taken() -> None:
    class Odd:
        def __await__(self) -> Generator[Any, Any, str]:
            yield from asyncio.sleep(0).__await__()
            return "odd"

    steps = FirstSteps()
    future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    future.set_result("done")
    assert take(steps, future) == "done"
    begun = take(steps, Odd())
    got: list[object] = []

    async def note() -> None:
        got.append(await begun)

    await begun.go_on(note())
    assert got == ["odd"]


async def test_one_that_fails_leaves_the_next_its_task() -> None:
    tasks: list[int] = []

    async def fail(error: BaseException) -> None:
        tasks.append(id(current()))
        raise error

    steps = FirstSteps()
    with pytest.raises(ValueError, match="mine"):
        take(steps, fail(ValueError("mine")))
    with pytest.raises(asyncio.CancelledError) as of_another:
        take(steps, fail(asyncio.CancelledError()))
    assert of_another.type is asyncio.CancelledError
    assert take(steps, give(1)) == 1
    assert len(set(tasks)) == 1


async def test_a_cancellation_of_its_own_is_told_apart() -> None:
    async def give_up() -> None:
        current().cancel()
        raise asyncio.CancelledError

    with pytest.raises(OwnCancellation):
        take(FirstSteps(), give_up())


def test_timeouts_hold_from_the_first_step_on(new_loop: NewLoop) -> None:
    ends: list[str] = []

    async def time_out() -> None:
        try:
            async with asyncio.timeout(0):
                await asyncio.Event().wait()
        except TimeoutError:
            ends.append("asyncio")

    async def move_on() -> None:
        with anyio.move_on_after(0) as scope:
            await anyio.sleep_forever()
        ends.append(f"anyio {scope.cancelled_caught}")

    async def group() -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(anyio.sleep_forever)
            tasks.cancel_scope.cancel()
        async with asyncio.TaskGroup() as others:
            others.create_task(asyncio.sleep(0))
        ends.append("groups")

    async def within() -> None:
        async with asyncio.timeout(None):
            await anyio.lowlevel.cancel_shielded_checkpoint()
        ends.append("in time")

    async def test(turn: Turn) -> None:
        tasks = await turn.begin(time_out(), move_on(), group(), within())
        await asyncio.gather(*tasks)
        assert sorted(ends) == ["anyio True", "asyncio", "groups", "in time"]

    run(new_loop, test)


def test_two_may_wait_for_the_same_from_their_first_steps_on(new_loop: NewLoop) -> None:
    got: list[int] = []

    async def take(future: asyncio.Future[int]) -> None:
        got.append(await future)

    async def test(turn: Turn) -> None:
        future: asyncio.Future[int] = turn.loop.create_future()
        tasks = await turn.begin(take(future), take(future))
        waiting = asyncio.create_task(take(future))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        future.set_result(1)
        await asyncio.gather(waiting, *tasks)
        assert got == [1, 1, 1]

    run(new_loop, test)


@pytest.mark.parametrize("turns", [None, 0, 1, 2])
def test_a_cancellation_comes_to_what_is_waited_for(turns: int | None, new_loop: NewLoop) -> None:
    ends: list[str] = []

    async def wait_for(what: Awaitable[Any], name: str) -> None:
        try:
            await what
        except asyncio.CancelledError:
            ends.append(name)
            raise

    async def test(turn: Turn) -> None:
        future: asyncio.Future[int] = turn.loop.create_future()
        done: asyncio.Future[int] = turn.loop.create_future()
        parts = asyncio.gather(asyncio.Event().wait())
        tasks = await turn.begin(
            wait_for(future, "future"),
            wait_for(done, "done"),
            wait_for(parts, "gather"),
            cancel=turns is None,
        )
        for _ in range(turns or 0):
            await asyncio.sleep(0)
        if not done.done():
            done.set_result(1)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        assert all(task.cancelled() for task in tasks)
        assert future.cancelled()
        assert sorted(ends) == ["done", "future", "gather"]

    run(new_loop, test)


def test_one_that_gives_way_can_be_cancelled(new_loop: NewLoop) -> None:
    ends: list[str] = []

    async def give_way() -> None:
        try:
            await asyncio.sleep(0)
        except asyncio.CancelledError:
            ends.append("cancelled")
            await asyncio.sleep(0)
            ends.append("tidied up")

    async def test(turn: Turn) -> None:
        (task,) = await turn.begin(give_way(), cancel=True)
        await task
        assert ends == ["cancelled", "tidied up"]

    run(new_loop, test)


def test_what_no_task_can_wait_for_is_refused(new_loop: NewLoop) -> None:
    @generator_coroutine
    def odd() -> Generator[Any, None, None]:
        yield "odd"

    errors: list[str] = []

    async def wait() -> None:
        try:
            await odd()
        except RuntimeError as error:
            errors.append(str(error))

    async def test(turn: Turn) -> None:
        (task,) = await turn.begin(wait())
        await task
        (again,) = await turn.begin(wait(), cancel=True)
        with pytest.raises(asyncio.CancelledError):
            await again
        assert len(errors) == 1
        assert "Task got bad yield: 'odd'" in errors[0]

    run(new_loop, test)

"""first_steps.py: the task of a first step is lent to the next one, unless somebody knows it."""

from __future__ import annotations

import asyncio
import inspect
import weakref
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from socketio_min.first_steps import FirstSteps, HandlerTask
from tests.socketio_min.loop_turn import NewLoop, Turn, current, run

KEPT: list[Any] = []


def keep() -> None:
    KEPT.append(current())


def keep_weakly() -> None:
    KEPT.append(weakref.ref(current(), lambda _: None))


def name() -> None:
    current().set_name("mine")


def call_back() -> None:
    current().add_done_callback(KEPT.append)


def cancel_itself() -> None:
    current().cancel()


def nothing() -> None:
    pass


@pytest.mark.parametrize(
    ("do", "same"),
    [
        (nothing, True),
        (lambda: current().get_name(), True),
        (keep, False),
        (keep_weakly, False),
        (name, False),
        (call_back, False),
        (cancel_itself, False),
    ],
)
def test_a_task_is_lent_to_others_unless_it_is_known(
    do: Callable[[], object], same: bool, new_loop: NewLoop
) -> None:
    identities: list[int] = []
    names: list[str] = []
    KEPT.clear()

    async def first() -> None:
        do()
        identities.append(id(current()))

    async def second() -> None:
        identities.append(id(current()))
        names.append(current().get_name())
        await asyncio.sleep(0)

    async def test(turn: Turn) -> None:
        (task,) = await turn.begin(first(), second())
        assert (len(set(identities)) == 1) is same
        assert names != ["mine"]
        await task
        await asyncio.sleep(0)
        if do is call_back:
            assert len(KEPT) == 1
            assert KEPT[0].done()
        if do is keep:
            assert KEPT[0].done()
            assert not KEPT[0].cancelled()

    run(new_loop, test)


def test_a_handler_may_run_another(new_loop: NewLoop) -> None:
    seen: list[asyncio.Task[Any]] = []

    async def test(turn: Turn) -> None:
        async def inner() -> None:
            seen.append(current())

        async def outer() -> None:
            before = current()
            assert turn.steps.start(inner(), turn.loop) is None
            assert current() is before
            seen.append(before)

        assert await turn.begin(outer(), outer()) == []
        assert len(seen) == 4
        assert seen[0] is not seen[1]

    run(new_loop, test)


def test_a_cancelled_one_that_has_not_suspended_is_over(new_loop: NewLoop) -> None:
    kept: list[asyncio.Task[Any]] = []

    async def give_up() -> None:
        kept.append(current())
        current().cancel()
        raise asyncio.CancelledError

    async def test(turn: Turn) -> None:
        assert await turn.begin(give_up()) == []
        await asyncio.wait(kept)
        assert kept[0].cancelled()

    run(new_loop, test)


async def test_what_a_first_step_raises_is_the_callers() -> None:
    async def fail() -> None:
        raise KeyboardInterrupt

    steps = FirstSteps()
    before = asyncio.current_task()
    with pytest.raises(KeyboardInterrupt):
        steps.start(fail(), asyncio.get_running_loop())
    assert asyncio.current_task() is before


async def test_a_task_that_waits_shows_its_coroutine() -> None:
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def wait_long() -> None:
        coroutine = current().get_coro()
        assert inspect.getcoroutinestate(coroutine) == inspect.CORO_RUNNING  # type: ignore[arg-type]
        await future

    task = FirstSteps().start(wait_long(), asyncio.get_running_loop())
    assert isinstance(task, HandlerTask)
    assert "wait_long() running at" in repr(task)
    assert [frame.f_code.co_name for frame in task.get_stack()] == ["wait_long"]
    coroutine = task.get_coro()
    assert isinstance(coroutine, Coroutine)
    assert inspect.getcoroutinestate(coroutine) == inspect.CORO_SUSPENDED
    with pytest.raises(RuntimeError, match="coroutine is being awaited already"):
        await coroutine
    future.set_result(None)
    await task
    coroutine.close()


async def test_a_task_without_a_handler_can_be_closed() -> None:
    async def nobody_waits() -> None:
        KEPT.append(current())

    KEPT.clear()
    assert FirstSteps().start(nobody_waits(), asyncio.get_running_loop()) is None
    KEPT[0].get_coro().close()
    await KEPT[0]


def test_a_task_of_a_loop_that_is_closed_is_not_lent() -> None:
    steps = FirstSteps()
    loops: list[asyncio.AbstractEventLoop] = []

    async def note() -> None:
        loops.append(current().get_loop())

    for _ in range(2):
        loop = asyncio.new_event_loop()
        try:
            loop.call_soon(steps.start, note(), loop)
            loop.call_soon(loop.stop)
            loop.run_forever()
            assert loops[-1] is loop
            loop.run_until_complete(asyncio.sleep(0))
        finally:
            loop.close()


def test_a_task_that_nobody_needs_ends_with_the_next_turn(new_loop: NewLoop) -> None:
    names: list[str] = []

    async def note() -> None:
        names.append(current().get_name())

    async def test(turn: Turn) -> None:
        for _ in range(2):
            assert await turn.begin(note()) == []
            await asyncio.sleep(0)
            assert asyncio.all_tasks() == {asyncio.current_task()}
        assert len(set(names)) == 2

    run(new_loop, test)

"""first_steps.py: coroutines begin in place, and each one has its own task as far as it sees.

Invariants: a coroutine sees one task and one context from its first step to its last, and nothing
of another's; whatever cancels or waits does so as in a task that the event loop has begun.
"""

from __future__ import annotations

import asyncio
import inspect
import weakref
from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextvars import ContextVar, copy_context
from types import coroutine as generator_coroutine
from typing import Any

import anyio
import anyio.lowlevel
import pytest
import uvloop

from socketio_min.first_steps import Begun, FirstSteps, HandlerTask, OwnCancellation

NAME: ContextVar[str] = ContextVar("name", default="")

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


def current() -> asyncio.Task[Any]:
    task = asyncio.current_task()
    assert task is not None
    return task


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

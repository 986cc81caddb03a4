"""timer.py: the one timer of a server, on a clock that jumps."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from engineio_min.timer import Timer
from tests.engineio_min.harness import Clock
from tests.engineio_min.watched import Watched


async def test_the_timer_calls_its_owners_at_their_time(clock: Clock) -> None:
    timer = Timer(asyncio.get_running_loop())
    start = clock.time()
    soon, late = Watched(start + 10), Watched(start + 20)
    timer.watch(late)
    timer.watch(soon)
    assert len(timer) == 2
    await clock.advance(9)
    assert soon.calls == []
    await clock.advance(2)
    assert len(soon.calls) == 1
    assert soon.calls[0] >= start + 10
    assert late.calls == []
    await clock.advance(10)
    assert len(late.calls) == 1
    assert len(timer) == 0
    await clock.advance(100)
    assert len(soon.calls) == len(late.calls) == 1


async def test_an_owner_that_fails_takes_no_other_with_it(clock: Clock) -> None:
    loop = asyncio.get_running_loop()
    told: list[Any] = []
    loop.set_exception_handler(lambda _loop, context: told.append(context["exception"]))
    mistake = RuntimeError("a mistake")
    timer = Timer(loop)
    failing, sound = Watched(clock.time() + 1), Watched(clock.time() + 2)

    def fail() -> None:
        raise mistake

    failing.reaction = fail
    timer.watch(failing)
    timer.watch(sound)
    await clock.advance(5)
    assert len(failing.calls) == len(sound.calls) == 1
    assert told == [mistake]


async def test_a_loop_that_wakes_up_its_clocks_resolution_early(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loop = asyncio.get_running_loop()
    now = loop.time()
    monkeypatch.setattr(loop, "time", lambda: now)
    monkeypatch.setattr(loop, "_clock_resolution", 0.001)
    owner = Watched(now + 0.0005)
    Timer(loop).watch(owner)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert owner.calls == [now + 0.0005]


async def test_those_who_leave_take_no_other_with_them(clock: Clock) -> None:
    """When many are forgotten the queue is rebuilt; the timer set for them finds nothing due."""
    timer = Timer(asyncio.get_running_loop())
    # Just so many that the last one who leaves makes the queue forget them all.
    leaving = [Watched(clock.time() + 1) for _ in range(71)]
    staying = [Watched(clock.time() + 100) for _ in range(70)]
    for owner in (*leaving, *staying):
        timer.watch(owner)
    for owner in leaving:
        timer.forget(owner)
    await clock.advance(2)
    assert [len(owner.calls) for owner in staying] == [0] * 70
    await clock.advance(98)
    assert [len(owner.calls) for owner in staying] == [1] * 70


async def test_whose_time_is_over_need_not_wait_for_the_timer(clock: Clock) -> None:
    timer = Timer(asyncio.get_running_loop())
    watched = Watched(clock.time() + 10)
    timer.watch(watched)
    assert not timer.check(watched)
    watched.deadline = clock.time()
    assert timer.check(watched)
    assert len(watched.calls) == 1
    assert not timer.check(watched)
    timer.cancel()


async def test_the_timer_forgets(clock: Clock) -> None:
    timer = Timer(asyncio.get_running_loop())
    owner = Watched(clock.time() + 1)
    timer.watch(owner)
    timer.forget(owner)
    assert len(timer) == 0
    await clock.advance(5)
    assert owner.calls == []


async def test_a_cancelled_timer_runs_nothing_until_something_is_watched(clock: Clock) -> None:
    timer = Timer(asyncio.get_running_loop())
    timer.cancel()
    owner = Watched(clock.time() + 1)
    timer.watch(owner)
    timer.cancel()
    await clock.advance(5)
    assert owner.calls == []
    other = Watched(clock.time() + 1)
    timer.watch(other)
    await clock.advance(2)
    assert len(owner.calls) == len(other.calls) == 1

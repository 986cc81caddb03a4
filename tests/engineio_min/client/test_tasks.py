"""`tasks.py`: the tasks of a client, and who waits for a change."""

from __future__ import annotations

import asyncio

from engineio_min.client.tasks import Tasks
from tests.waiting import patient


async def test_finished_waits_for_tasks_that_tasks_start() -> None:
    tasks = Tasks()
    done: list[str] = []

    async def second() -> None:
        done.append("second")

    async def first() -> None:
        done.append("first")
        tasks.start(second())

    tasks.start(first())
    await patient(tasks.finished())
    assert done == ["first", "second"]
    assert not tasks.running


async def test_cancel_spares_the_task_that_calls() -> None:
    tasks = Tasks()
    done: list[str] = []

    async def wait() -> None:
        await asyncio.Event().wait()

    async def cancel() -> None:
        tasks.cancel()
        await asyncio.sleep(0)
        done.append("canceller")

    waiting = tasks.start(wait())
    tasks.start(cancel())
    await patient(tasks.finished())
    assert waiting.cancelled()
    assert done == ["canceller"]


async def test_a_change_wakes_everybody_who_waits_and_who_gave_up_is_no_error() -> None:
    tasks = Tasks()
    first, second = (asyncio.ensure_future(tasks.change()) for _ in range(2))
    await asyncio.sleep(0)
    assert tasks.awaited is True
    first.cancel()
    await asyncio.sleep(0)
    tasks.announce()
    await patient(second)
    assert tasks.awaited is False

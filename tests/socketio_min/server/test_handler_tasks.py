"""handler_tasks.py: the tasks of handlers are kept, waited for and cancelled."""

from __future__ import annotations

import asyncio

from socketio_min.server.handler_tasks import HandlerTasks


async def nap(event: asyncio.Event, ended: list[str], name: str) -> None:
    try:
        await event.wait()
    finally:
        ended.append(name)


async def test_the_end_of_each_task_is_waited_for_but_of_ones_own() -> None:
    tasks, event, ended = HandlerTasks(), asyncio.Event(), list[str]()
    loop = asyncio.get_running_loop()
    first, second, own = (loop.create_task(nap(event, ended, name)) for name in "abc")
    for task in (first, second, own):
        tasks.keep(task, tasks.forget)
    # The time is over.
    await tasks.wait([own], loop.time())
    assert ended == []
    waiting = loop.create_task(tasks.wait([own], loop.time() + 60))
    await asyncio.sleep(0)
    own.cancel()
    await asyncio.wait([own])
    assert not waiting.done()
    event.set()
    await waiting
    assert ended == ["c", "a", "b"]
    await tasks.wait([], loop.time() + 60)


async def test_what_is_cancelled_has_ended_afterwards() -> None:
    tasks, event, ended = HandlerTasks(), asyncio.Event(), list[str]()
    loop = asyncio.get_running_loop()
    first, own = (loop.create_task(nap(event, ended, name)) for name in "ab")
    told: list[asyncio.Task[None]] = []
    for task in (first, own):
        tasks.keep(task, told.append)
    await asyncio.sleep(0)
    await tasks.cancel([own])
    assert (ended, told) == (["a"], [first])
    event.set()
    await own
    # Whoever is told of the end lets go of the task.
    tasks.forget(first)
    await tasks.cancel([own])
    assert told == [first, own]

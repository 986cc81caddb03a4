"""Work in processes of its own.

Invariants:
- Whatever a call does, it costs its own process at most: the next one works.
- Turns are fair by user and bounded; what waits or runs can be cancelled.
- No process outlives the server, however the server ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import operator
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server import background as pool
from server import background_worker
from server.api.errors import EventError
from server.background import (
    HELD,
    HELD_FREE,
    HELD_OF_ONE,
    WAITING,
    WAITING_OF_ONE,
    Background,
    Worker,
    WorkFailed,
)
from tests.waiting import PATIENCE

ROOT = Path(__file__).parents[2]


@pytest.fixture
async def background() -> AsyncIterator[Background]:
    background = Background()
    yield background
    await background.close()


def calling(
    function: Callable[..., object], *arguments: object
) -> Callable[..., Awaitable[object]]:
    """A job that calls one function."""
    return lambda one: one.call(function, *arguments)


async def process_of(background: Background, user: str = "ada") -> int:
    """The process that does the user's jobs next."""
    found = await background.run(user, calling(os.getpid))
    assert isinstance(found, int)
    return found


async def gone(process: int) -> None:
    """Wait until there is no such process, not even one that nobody has asked for its end."""
    async with asyncio.timeout(PATIENCE):
        with contextlib.suppress(ProcessLookupError):
            while True:
                os.kill(process, 0)
                await asyncio.sleep(0.01)


async def test_functions_are_called_in_another_process(background: Background) -> None:
    process = await process_of(background)
    assert process != os.getpid()
    assert await process_of(background, "eve") == process
    assert await background.run("ada", calling(os.getcwd)) == os.getcwd()


async def test_a_worker_knows_little(
    background: Background, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AI_API_KEY", "secret")
    assert await background.run("ada", calling(os.getenv, "AI_API_KEY")) is None
    assert await background.run("ada", calling(os.getenv, "PATH")) == os.environ["PATH"]
    lean = "import sys; sys.path.insert(0, '.'); import server.ai.builtin.searches, "
    lean += "server.ai.builtin.requests, server.projects.differences, server.background_worker; "
    lean += "print(len(sys.modules), 'asyncio' in sys.modules, 'msgspec' in sys.modules)"
    arguments = [sys.executable, "-I", "-S", "-c", lean]
    said = subprocess.run(arguments, cwd=ROOT, capture_output=True, check=True, text=True).stdout
    modules, *others = said.split()
    assert others == ["False", "False"]
    assert int(modules) < 100


async def test_limits_are_set(background: Background) -> None:
    limit = background_worker.MEMORY
    for which, expected in ((resource.RLIMIT_AS, [limit, limit]), (resource.RLIMIT_CORE, [0, 0])):
        assert await background.run("ada", calling(resource.getrlimit, which)) == expected
    found = await background.run("ada", calling(resource.getrlimit, resource.RLIMIT_CPU))
    assert isinstance(found, list)
    # The process has used less than a second of its own.
    assert background_worker.CPU_SECONDS < found[0] <= background_worker.CPU_SECONDS + 2
    assert await background.run("ada", calling(os.getpriority, os.PRIO_PROCESS, 0)) == (
        min(19, os.getpriority(os.PRIO_PROCESS, 0) + background_worker.NICE)
    )


async def test_too_much_memory_is_a_failure_of_one_call(background: Background) -> None:
    process = await process_of(background)
    with pytest.raises(WorkFailed, match="it needs too much memory"):
        await background.run("ada", calling(operator.mul, "x", 1 << 30))
    await gone(process)
    assert await process_of(background) != process


async def test_a_process_that_dies_is_replaced(background: Background) -> None:
    process = await process_of(background)
    for end in (calling(os._exit, 1), calling(os.abort)):
        with pytest.raises(WorkFailed, match="it takes too much time or memory"):
            await background.run("ada", end)
    await gone(process)
    again = await process_of(background)
    os.kill(again, signal.SIGKILL)
    with pytest.raises(WorkFailed):
        await process_of(background)
    assert await process_of(background) not in (process, again)


async def test_a_job_has_so_much_time() -> None:
    background = Background(seconds=0.05)
    try:
        with pytest.raises(WorkFailed, match=r"it takes longer than 0\.05 seconds"):
            await background.run("ada", calling(time.sleep, 3_600))
    finally:
        await background.close()


async def test_a_job_that_is_cancelled_frees_its_worker(background: Background) -> None:
    for _ in range(3):
        begun = asyncio.Event()

        async def job(one: Worker, begun: asyncio.Event = begun) -> None:
            await one.call(os.getpid)
            begun.set()
            await one.call(time.sleep, 3_600)

        task = asyncio.create_task(background.run("ada", job))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert await process_of(background) > 0


async def test_what_a_user_has_waiting_is_bounded_and_can_be_cancelled(
    background: Background,
) -> None:
    release = asyncio.Event()

    async def job(_one: Worker) -> None:
        await release.wait()

    tasks = [asyncio.create_task(background.run("ada", job)) for _ in range(WAITING_OF_ONE + 1)]
    await asyncio.sleep(0)
    with pytest.raises(EventError, match="too much work is waiting") as caught:
        await background.run("ada", job)
    assert caught.value.code == "RATE_LIMIT_EXCEEDED"
    assert caught.value.details == {"retryAfter": 1}
    # Another one is not kept waiting by any of it.
    assert await process_of(background, "eve") > 0
    tasks[-1].cancel()
    await asyncio.sleep(0)
    tasks[-1] = asyncio.create_task(background.run("ada", job))
    others = [asyncio.create_task(background.run(f"{n}", job)) for n in range(WAITING)]
    await asyncio.sleep(0)
    with pytest.raises(EventError, match="too much work is waiting"):
        await background.run("last", job)
    for task in others:
        task.cancel()
    release.set()
    await asyncio.gather(*tasks)
    await asyncio.gather(*others, return_exceptions=True)
    assert await process_of(background, "last") > 0


async def test_what_jobs_hold_is_bounded_in_bytes(background: Background) -> None:
    """Counting jobs bounds no memory: clients choose how long the texts of each are. Whoever holds
    little is not refused because of the others.
    """
    begun, finish = asyncio.Event(), asyncio.Event()

    async def job(_worker: Worker) -> None:
        begun.set()
        await finish.wait()

    users = [f"user {number}" for number in range(HELD // HELD_OF_ONE)]
    tasks = [asyncio.create_task(background.run(user, job, HELD_OF_ONE)) for user in users]
    await begun.wait()
    for user, size in ((users[0], 1), ("eve", HELD_FREE + 1)):
        with pytest.raises(EventError, match=f"of yours at most {HELD_OF_ONE} bytes"):
            await background.run(user, job, size)
    for user, size in ((users[0], 0), ("eve", HELD_FREE)):
        tasks.append(asyncio.create_task(background.run(user, job, size)))
    tasks[2].cancel()
    finish.set()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert [task.cancelled() for task in tasks] == [False, False, True, False, False]
    assert all(task.cancelled() or task.exception() is None for task in tasks)
    assert background.held.total == 0


async def test_who_gives_up_as_the_turn_comes_gives_it_on(background: Background) -> None:
    release = asyncio.Event()

    async def job(_one: Worker) -> None:
        await release.wait()

    running = [asyncio.create_task(background.run(user, job)) for user in ("a", "b")]
    await asyncio.sleep(0)
    waiting = asyncio.create_task(background.run("c", job))
    await asyncio.sleep(0)
    running[0].cancel()
    # In this step the worker is free and handed on, in the next one "c" would take it.
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert await process_of(background, "d") > 0
    release.set()
    await running[1]


async def test_closing_ends_what_runs_and_what_waits() -> None:
    background = Background()
    begun = asyncio.Event()
    processes = []

    async def job(one: Worker) -> None:
        processes.append(await one.call(os.getpid))
        begun.set()
        await one.call(time.sleep, 3_600)

    tasks = [asyncio.create_task(background.run("ada", job)) for _ in range(2)]
    await begun.wait()
    await background.close()
    with pytest.raises(WorkFailed):
        await tasks[0]
    for refused in (tasks[1], background.run("ada", job)):
        with pytest.raises(EventError, match="the server is stopping"):
            await refused
    with pytest.raises(ProcessLookupError):
        os.kill(processes[0], 0)


PARENT = """
import asyncio, os, sys, time
from server.background import Background
async def job(worker):
    print(await worker.call(os.getpid), flush=True)
    await worker.call(time.sleep, 3_600)
asyncio.run(Background(3_600).run("ada", job))
"""


async def test_no_worker_outlives_a_server_that_is_killed() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        process = int(parent.stdout.readline())
        os.kill(process, 0)
        parent.kill()
    # Whoever takes the orphan in may be slow to ask for its end.
    async with asyncio.timeout(PATIENCE):
        with contextlib.suppress(ProcessLookupError, FileNotFoundError):
            while True:
                stat = Path(f"/proc/{process}/stat").read_text()
                if stat.rpartition(")")[2].split()[0] == "Z":
                    break
                await asyncio.sleep(0.01)


@given(st.recursive(st.none() | st.integers(0, 9) | st.text(), st.lists))
def test_long_texts_are_encoded_part_by_part(value: Any) -> None:
    with patch.object(pool, "_ENCODED_AT_ONCE", 3):
        assert pool._encoded(value) == orjson.dumps(value)

"""The supervisor and real workers: starts, deaths, renewal, the end."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from engineio_min.errors import WorkersFailed
from engineio_min.workers import supervisor as module
from engineio_min.workers.process import WorkerProcess
from engineio_min.workers.supervisor import Supervisor
from tests.engineio_min.wire import connect
from tests.waiting import PATIENCE, eventually, patient, until

COMMAND = [sys.executable, str(Path(__file__).with_name("program.py"))]


@pytest.fixture(autouse=True)
def program_finds_the_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[3]))


class Running:
    """A supervisor that runs in the test's loop, and its port."""

    def __init__(self, supervisor: Supervisor, task: asyncio.Task[None], port: int) -> None:
        self.supervisor = supervisor
        self.task = task
        self.port = port

    async def ask(self) -> int:
        """The process id of whichever worker answers."""
        async with connect(self.port) as wire:
            return int((await wire.request("GET", "/")).text)

    async def pids(self, count: int) -> set[int]:
        """The process ids of so many workers, as soon as they answer."""
        found: set[int] = set()
        async with asyncio.timeout(PATIENCE):
            while len(found) < count:
                found.add(await self.ask())
        return found

    async def other_than(self, old: set[int], count: int) -> set[int]:
        """The process ids of so many workers that are none of `old`."""
        found: set[int] = set()
        async with asyncio.timeout(PATIENCE):
            while len(found) < count:
                # What a worker has accepted ends with it.
                with suppress(ConnectionError, asyncio.IncompleteReadError):
                    found |= {await self.ask()} - old
        return found

    async def end(self) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        async with asyncio.timeout(PATIENCE):
            await self.task


@asynccontextmanager
async def running(
    *arguments: str,
    workers: int = 2,
    drain: float = 5.0,
    health_timeout: float = 30.0,
    before: Sequence[str] = (),
) -> AsyncIterator[Running]:
    ready: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    supervisor = Supervisor(
        [*before, *COMMAND, *arguments],
        workers,
        port=0,
        drain=drain,
        health_timeout=health_timeout,
        ready=ready.set_result,
    )
    task = asyncio.create_task(supervisor.run())
    try:
        async with asyncio.timeout(PATIENCE):
            await asyncio.wait((task, ready), return_when=asyncio.FIRST_COMPLETED)
        yield Running(supervisor, task, ready.result())
    finally:
        if not task.done():
            os.kill(os.getpid(), signal.SIGTERM)
            await task
    assert not supervisor._folder.exists()


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_the_life_of_workers(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """One test for all that needs working workers: each start costs a second."""
    async with running() as one:
        first = await one.pids(2)
        # A worker that is killed is replaced, and the other one goes on.
        killed, other = first
        dead = one.supervisor._workers[0]
        os.kill(killed, signal.SIGKILL)
        [fresh] = await one.other_than(first, 1)
        assert "ended with status -9" in caplog.text
        assert await one.pids(2) == {other, fresh}
        # Nothing is left of the dead.
        supervisor = one.supervisor
        names = {worker.name for worker in supervisor._processes}
        assert {mailbox.name for mailbox in supervisor._folder.iterdir()} == names
        # All are replaced, one after the other; nobody is refused meanwhile.
        start = supervisor._start
        serving: list[int] = []

        async def noted(slot: int) -> WorkerProcess:
            serving.append(sum(worker.ready.is_set() for worker in supervisor._processes))
            return await start(slot)

        monkeypatch.setattr(supervisor, "_start", noted)
        os.kill(os.getpid(), signal.SIGHUP)
        renewed = await one.other_than({other, fresh}, 2)
        async with asyncio.timeout(PATIENCE):
            while is_alive(other) or is_alive(fresh):
                await one.ask()
        assert await one.pids(2) == renewed
        # Those who serve share their processors with one start at a time.
        assert serving == [2, 3]
        # A death that is noticed after the worker was replaced needs no other one.
        [worker, _] = supervisor._workers.values()
        await supervisor._replace(dead, -9)
        assert worker in supervisor._workers.values()
        assert await one.pids(2) == renewed
        await one.end()
        assert not any(map(is_alive, renewed))
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", one.port)


async def test_an_end_while_workers_are_replaced() -> None:
    async with running(workers=1) as one:
        os.kill(os.getpid(), signal.SIGHUP)
        async with asyncio.timeout(PATIENCE):
            while len(one.supervisor._processes) < 2:  # noqa: ASYNC110 - it has no event
                await asyncio.sleep(0)
        await one.end()
        assert one.supervisor._processes == set()


async def test_workers_end_with_their_supervisor() -> None:
    program = (
        "import asyncio, sys\n"
        "from engineio_min.workers.supervisor import Supervisor\n"
        f"command = {COMMAND!r}\n"
        "supervisor = Supervisor(command, 1, port=0, ready=lambda port: print(port, flush=True))\n"
        "asyncio.run(supervisor.run())\n"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    async with asyncio.timeout(PATIENCE):
        port = int(await process.stdout.readline())
        async with connect(port) as wire:
            pid = int((await wire.request("GET", "/")).text)
        process.kill()
        await process.wait()
        while is_alive(pid):  # noqa: ASYNC110 - another process has no event
            await asyncio.sleep(0.01)


async def test_workers_that_die_at_once() -> None:
    program = "import sys; sys.stderr.write('first\\nno ' + 'x' * 1000 + ' such module'); exit(3)"
    supervisor = Supervisor([sys.executable, "-c", program], 1, port=0)
    with pytest.raises(WorkersFailed) as caught:
        await supervisor.run()
    told, words = str(caught.value).split(":\n")
    assert told == (
        "the workers die within seconds of their start, the last one with status 3 and these words"
    )
    assert words == "first\nno " + "x" * 497


async def test_new_workers_that_do_not_start(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The old ones go on."""
    broken = tmp_path / "broken"
    program = f"import pathlib, runpy; assert not pathlib.Path({str(broken)!r}).exists()"
    command = [sys.executable, "-c", f"{program}; runpy.run_path({COMMAND[1]!r}, {{}}, '__main__')"]
    ready: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    supervisor = Supervisor(command, 1, port=0, ready=ready.set_result)
    task = asyncio.create_task(supervisor.run())
    one = Running(supervisor, task, await ready)
    old = await one.ask()
    broken.touch()
    os.kill(os.getpid(), signal.SIGHUP)
    async with asyncio.timeout(PATIENCE):
        while "the old ones go on" not in caplog.text:
            assert await one.ask() == old
    assert await one.ask() == old
    await one.end()


async def test_a_program_that_is_missing_for_a_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "RETRY_INTERVAL", 0.01)
    program = tmp_path / "program"
    away = tmp_path / "away"
    program.write_text('#!/bin/sh\nexec "$@"\n')
    program.chmod(0o700)
    async with running(workers=1, before=[str(program)]) as one:
        pid = await one.ask()
        program.rename(away)
        # All are to be replaced: the old one goes on.
        os.kill(os.getpid(), signal.SIGHUP)
        await eventually(lambda: "the old ones go on" in caplog.text)
        assert await one.ask() == pid
        os.kill(pid, signal.SIGKILL)
        await eventually(lambda: caplog.text.count("a worker cannot be started") >= 2)
        away.rename(program)
        [fresh] = await one.other_than({pid}, 1)
        # All end while it is tried.
        program.rename(away)
        caplog.clear()
        os.kill(fresh, signal.SIGKILL)
        await eventually(lambda: "a worker cannot be started" in caplog.text)
        await one.end()


async def test_a_loop_that_stands_still(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "HEALTH_INTERVAL", 0.05)
    async with running(workers=1, health_timeout=2.0) as one:
        pid = await one.ask()
        [worker] = one.supervisor._workers.values()
        worker.ask_for_health()
        # Its answer came, and with it the end of the silence.
        await until(lambda: worker._asked is None)
        _, writer = await asyncio.open_connection("127.0.0.1", one.port)
        writer.write(b"GET /stuck HTTP/1.1\r\nHost: x\r\n\r\n")
        assert await one.other_than({pid}, 1)
        writer.close()
        assert "stands still" in caplog.text


async def test_a_worker_that_does_not_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.1)
    async with running("late", workers=1, drain=0.1) as one:
        [worker] = one.supervisor._workers.values()
        await one.end()
        assert await worker.wait() == -signal.SIGKILL
        # What is told to a worker that has gone is lost, and that is all.
        worker.tell("stop")
        worker.kill()


async def test_an_address_that_is_in_use() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        supervisor = Supervisor(COMMAND, 2, port=taken.getsockname()[1])
        with pytest.raises(OSError, match="in use"):
            await patient(supervisor.run())


def test_names_of_workers() -> None:
    supervisor = Supervisor(COMMAND, 1)
    names = [supervisor._name() for _ in range(62 * 62)]
    assert names[:3] == ["AA", "AB", "AC"]
    assert len(set(names)) == 62 * 62
    assert supervisor._name() == "AA"

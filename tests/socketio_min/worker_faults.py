"""Workers that die or are replaced under load: clients of ours, half of them by polling.

Each client sends numbers to all and asks all now and then. Meanwhile it happens. Then:

- nobody has got a number or a question twice;
- who answered a question has got it, and every question has ended;
- everybody is back, in its room: each asks, and all answer.

Usage of the long ones: python -m tests.socketio_min.worker_faults
"""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from socketio_min import Client
from socketio_min.errors import Disconnected
from tests.waiting import PATIENCE, eventually

COMMAND = (sys.executable, "-m", "conformance", "cluster-member", "--port", "0", "--workers", "2")
ROOT = Path(__file__).parents[2]
ASK_MILLISECONDS = 400


class Talker:
    """A client that talks to all, and what it has heard."""

    def __init__(self, url: str, number: int) -> None:
        self.name = f"client {number}"
        self.numbers: list[tuple[str, int]] = []
        self.asked: list[tuple[str, int]] = []
        self.answered: list[tuple[tuple[str, int], list[str]]] = []
        self.losses = 0
        self._count = itertools.count()
        self.client = Client(
            url,
            transports=["polling" if number % 2 else "websocket"],
            reconnection_delay=0.02,
            reconnection_delay_max=0.1,
        )
        self.client.on("connect", lambda: self.client.emit("join", "room"))
        self.client.on("fan", lambda payload: self.numbers.append(tuple(payload)))
        self.client.on("ask", self._answer)
        self.client.on("disconnect", self._lose)

    def _answer(self, question: list[Any]) -> str:
        self.asked.append((question[0], question[1]))
        return self.name

    def _lose(self, _reason: str) -> None:
        self.losses += 1

    async def talk(self, stop: asyncio.Event, numbers: int) -> None:
        """Send numbers until it is time to stop, and at least so many."""
        for sent in itertools.count():
            if stop.is_set() and sent >= numbers:
                return
            self.client.emit("fan", ["room"], [], [self.name, next(self._count)])
            if sent % 10 == 0:
                await self.ask()
            await asyncio.sleep(0.01)

    async def ask(self) -> list[str]:
        """Ask all; return the names of those who answered."""
        question = (self.name, next(self._count))
        try:
            answer = await self.client.call(
                "ask", "room", question, ASK_MILLISECONDS, timeout=PATIENCE
            )
        except Disconnected:
            await asyncio.sleep(0.01)
            return []
        names: list[str] = answer["ok"] if "ok" in answer else answer["responses"]
        self.answered.append((question, names))
        return names


class Stage:
    """The workers, and those who talk."""

    def __init__(self, process: asyncio.subprocess.Process, talkers: list[Talker]) -> None:
        self.process = process
        self.talkers = talkers

    async def back(self) -> None:
        """Wait until everybody is answered by everybody."""
        names = sorted(talker.name for talker in self.talkers)
        async with asyncio.timeout(PATIENCE):
            for talker in self.talkers:
                while sorted(await talker.ask()) != names:
                    # The next question takes its time.
                    continue

    def descriptors(self) -> int:
        """Return how many descriptors the supervisor has open, where the system tells."""
        folder = Path(f"/proc/{self.process.pid}/fd")
        return len(os.listdir(folder)) if folder.exists() else 0

    def resident(self) -> int:
        """Return the bytes of memory that the supervisor has, where the system tells."""
        path = Path(f"/proc/{self.process.pid}/statm")
        pages = int(path.read_text().split()[1]) if path.exists() else 0
        return pages * os.sysconf("SC_PAGE_SIZE")


Fault = Callable[[Stage], Awaitable[None]]


async def a_worker_dies(stage: Stage) -> None:
    """Kill the worker of some client, at once."""
    losses = stage.talkers[0].losses
    stage.talkers[0].client.emit("crash")
    await eventually(lambda: stage.talkers[0].losses > losses)


async def all_workers_are_replaced(stage: Stage) -> None:
    """Replace the workers; every client has to go to another one."""
    before = [talker.losses for talker in stage.talkers]
    stage.process.send_signal(signal.SIGHUP)
    await eventually(
        lambda: all(
            talker.losses > losses for talker, losses in zip(stage.talkers, before, strict=True)
        )
    )


FAULTS: tuple[Fault, ...] = (a_worker_dies, all_workers_are_replaced)


@asynccontextmanager
async def staged(clients: int) -> AsyncIterator[Stage]:
    """Run two workers and so many clients."""
    process = await asyncio.create_subprocess_exec(
        *COMMAND, cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    talkers: list[Talker] = []
    try:
        assert process.stdout is not None
        line = await asyncio.wait_for(process.stdout.readline(), PATIENCE)
        talkers += [Talker(line.decode().split()[1], number) for number in range(clients)]
        await asyncio.gather(*(talker.client.connect() for talker in talkers))
        yield Stage(process, talkers)
        for talker in talkers:
            await talker.client.close()
        process.terminate()
        _, errors = await asyncio.wait_for(process.communicate(), PATIENCE)
        assert process.returncode == 0, errors.decode()
        assert b"Traceback" not in errors, errors.decode()
    finally:
        for talker in talkers:
            await talker.client.close()
        if process.returncode is None:
            process.kill()
            await process.communicate()


async def under_fault(stage: Stage, fault: Fault, *, numbers: int) -> None:
    """Send so many numbers, and more while something happens, and check the invariants."""
    await stage.back()
    stop = asyncio.Event()
    talking = [asyncio.ensure_future(talker.talk(stop, numbers)) for talker in stage.talkers]
    await fault(stage)
    stop.set()
    await asyncio.wait_for(asyncio.gather(*talking), PATIENCE)
    await stage.back()
    check(stage)


def check(stage: Stage) -> None:
    for talker in stage.talkers:
        assert len(talker.numbers) == len(set(talker.numbers)), f"{talker.name} got some twice"
        assert len(talker.asked) == len(set(talker.asked)), f"{talker.name} was asked twice"
    asked = {talker.name: set(talker.asked) for talker in stage.talkers}
    for talker in stage.talkers:
        for question, names in talker.answered:
            assert len(names) == len(set(names))
            assert all(question in asked[name] for name in names)


async def main() -> None:
    """Let workers die and be replaced, 20 times each, and see what is left of it."""
    async with staged(clients=40) as stage:
        sizes: list[tuple[int, int]] = []
        for number in range(20):
            for fault in FAULTS:
                print(f"{number}: {fault.__name__}", flush=True)
                await under_fault(stage, fault, numbers=100)
                # Three deaths of young workers would be the end.
                await asyncio.sleep(10 if fault is a_worker_dies else 0)
            sizes.append((stage.descriptors(), stage.resident()))
        descriptors, resident = zip(*sizes, strict=True)
        print(f"descriptors of the supervisor: {descriptors}", flush=True)
        print(f"its memory: {resident}", flush=True)
        # Two for each old worker that is about to end.
        assert descriptors[-1] <= descriptors[1] + 4
        assert resident[-1] - resident[1] < 1_000_000
    print("the invariants held", flush=True)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))

"""Supervises workers: starts them, replaces those that die, and ends them.

The supervisor holds the listening sockets and accepts nothing, so a client cannot break it. A
worker belongs to a slot and serves the slot's socket. Each worker has a name that no other has had,
because the ids of its sessions begin with it.

    SIGTERM, SIGINT   all workers end: handlers in flight have `drain` seconds
    SIGHUP            new workers begin with the present code, then the old ones end; they give the
                      connections that come to them to the new ones, so nobody is refused

Supervisor and worker talk over a socket pair in lines. The worker says `here` when the others can
reach it, `ready` when it serves, and `alive`; the supervisor says `health`, `workers NAME ...`,
`retire NAME ...` and `stop`. Health is answered by the worker's event loop, so a loop that is stuck
is seen. The end of the pair is an order to stop.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import shutil
import signal
import socket
import tempfile
from collections.abc import Callable, Coroutine, Sequence
from itertools import count
from pathlib import Path

from engineio_min.errors import WorkersFailed
from engineio_min.workers.listeners import bind_all, close_all
from engineio_min.workers.number import check_workers
from engineio_min.workers.process import WorkerProcess
from engineio_min.workers.restarts import Restarts

logger = logging.getLogger("engineio_min.workers")

# Seconds beyond `drain` until a worker that does not end is killed.
PATIENCE = 5.0
# Seconds between two questions for a worker's health.
HEALTH_INTERVAL = 5.0
# Seconds until the next attempt to start a worker, if the system has refused to.
RETRY_INTERVAL = 1.0

_CHARACTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


class Supervisor:
    """Runs `workers` processes of `command` on one port until it is told to stop.

    drain: seconds that a worker's handlers in flight may take to end.
    health_timeout: seconds that a worker's loop may stand still before it is replaced.
    ready: called with the port when all workers serve.

    Raises:
        UsageError: the number of workers is none, or this system cannot pass connections on.
    """

    def __init__(
        self,
        command: Sequence[str],
        workers: int,
        *,
        host: str | None = "127.0.0.1",
        port: int = 3000,
        drain: float = 5.0,
        health_timeout: float = 30.0,
        ready: Callable[[int], object] | None = None,
    ) -> None:
        check_workers(workers)
        self._command = command
        self._host = host
        self._port = port
        self._drain = drain
        self._health_timeout = health_timeout
        self._ready = ready
        self._slots = range(workers)
        self._restarts = [Restarts() for _ in self._slots]
        self._listeners: list[list[socket.socket]] = []
        self._folder = Path()
        self._numbers = count()
        # The worker that serves each slot, or is about to; and all that run.
        self._workers: dict[int, WorkerProcess] = {}
        self._processes: set[WorkerProcess] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = asyncio.Event()
        self._renewing = asyncio.Lock()
        self._failure: WorkersFailed | None = None

    async def run(self) -> None:
        """Supervise until SIGTERM or SIGINT.

        Raises:
            OSError: the address cannot be bound.
            WorkersFailed: a slot's workers die as soon as they have begun.
        """
        loop = asyncio.get_running_loop()
        self._listeners = bind_all(self._host, self._port, len(self._slots))
        self._folder = Path(tempfile.mkdtemp(prefix="workers-"))
        signals = {
            signal.SIGTERM: self._stopping.set,
            signal.SIGINT: self._stopping.set,
            signal.SIGHUP: self._renew_soon,
        }
        for number, handler in signals.items():
            loop.add_signal_handler(number, handler)
        try:
            for slot in self._slots:
                self._workers[slot] = await self._start(slot)
            health = loop.create_task(self._check_health())
            await self._stopping.wait()
            health.cancel()
            await self._end()
        finally:
            for number in signals:
                loop.remove_signal_handler(number)
            close_all(self._listeners)
            shutil.rmtree(self._folder, ignore_errors=True)
        if self._failure is not None:
            raise self._failure

    # -- one worker

    async def _start(self, slot: int) -> WorkerProcess:
        name = self._name()
        worker = await WorkerProcess.start(
            self._command, name, slot, self._listeners[slot], self._folder, self._began
        )
        self._processes.add(worker)
        self._spawn(self._watch(worker))
        return worker

    def _name(self) -> str:
        """Return a name of two characters, which comes again only after thousands of others."""
        first, second = divmod(next(self._numbers), len(_CHARACTERS))
        return _CHARACTERS[first % len(_CHARACTERS)] + _CHARACTERS[second]

    def _began(self) -> None:
        """Note that a worker can be reached by the others, or serves its slot."""
        self._announce()
        serving = [worker for worker in self._workers.values() if worker.ready.is_set()]
        if self._ready is not None and len(serving) == len(self._slots):
            ready, self._ready = self._ready, None
            ready(self._listeners[0][0].getsockname()[1])

    async def _watch(self, worker: WorkerProcess) -> None:
        """Wait for a worker's end, and start another one if that was not expected."""
        status = await worker.wait()
        self._processes.discard(worker)
        (self._folder / worker.name).unlink(missing_ok=True)
        if self._workers.get(worker.slot) is worker and not self._stopping.is_set():
            await self._replace(worker, status)

    async def _replace(self, worker: WorkerProcess, status: int) -> None:
        """Start a worker in the place of one that has died."""
        logger.error(
            "worker %s ended with status %d after %.1f seconds; starting another one",
            worker.name,
            status,
            worker.lived,
        )
        if self._restarts[worker.slot].died(worker.lived):
            self._failure = WorkersFailed(
                f"the workers die within seconds of their start, the last one with status {status}"
                f" and these words:\n{worker.last_words}"
            )
            self._stopping.set()
            return
        fresh = await self._start_at_last(worker.slot)
        if self._workers[worker.slot] is worker and fresh is not None:
            self._workers[worker.slot] = fresh
            self._announce()
        elif fresh is not None:
            # All workers were replaced meanwhile.
            await self._finish([fresh])

    async def _start_at_last(self, slot: int) -> WorkerProcess | None:
        """Start a worker as soon as the system allows it. Return None if all workers end before."""
        while not self._stopping.is_set():
            try:
                return await self._start(slot)
            except OSError as error:
                logger.error("a worker cannot be started: %s; trying again", error)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), RETRY_INTERVAL)
        return None

    def _announce(self) -> None:
        """Tell each worker who the others are."""
        names = sorted(worker.name for worker in self._processes if worker.here)
        for worker in self._processes:
            worker.tell(f"workers {' '.join(names)}")

    async def _check_health(self) -> None:
        while True:
            await asyncio.sleep(HEALTH_INTERVAL)
            for worker in self._workers.values():
                if worker.silent > self._health_timeout:
                    logger.error("the event loop of worker %s stands still; ending it", worker.name)
                    worker.kill()
                else:
                    worker.ask_for_health()

    # -- all of them

    def _renew_soon(self) -> None:
        self._spawn(self._renew())

    async def _renew(self) -> None:
        """Replace all workers by new ones."""
        async with self._renewing:
            fresh = await self._start_all()
            served = [await worker.serves() for worker in fresh]
            # A worker that served may have died while its successor began.
            whole = len(fresh) == len(self._slots) and self._processes.issuperset(fresh)
            if self._stopping.is_set() or not (whole and all(served)):
                # The old workers go on: old code is better than no server.
                logger.error("the new workers do not start; the old ones go on")
                await self._finish(fresh)
                return
            old = list(self._workers.values())
            self._workers = dict(zip(self._slots, fresh, strict=True))
            self._announce()
            names = " ".join(worker.name for worker in fresh)
            await self._finish(old, f"retire {names}")

    async def _start_all(self) -> list[WorkerProcess]:
        """Start a worker for each slot, or for fewer if one cannot be started or does not serve.

        One begins when the one before serves: what all would compute together at their start would
        be missing for those who serve meanwhile.
        """
        started: list[WorkerProcess] = []
        for slot in self._slots:
            try:
                worker = await self._start(slot)
            except OSError as error:
                logger.error("a worker cannot be started: %s", error)
                break
            started.append(worker)
            if not await worker.serves():
                break
        return started

    async def _end(self) -> None:
        """End all workers."""
        # Nobody waits for a worker that does not come.
        close_all(self._listeners)
        while self._tasks:
            # A worker may be about to begin.
            await self._finish([*self._processes])
            await asyncio.sleep(0)

    async def _finish(self, workers: Sequence[WorkerProcess], order: str = "stop") -> None:
        """Tell workers to end, and kill those that have not after their time."""
        if not workers:
            return
        for worker in workers:
            worker.tell(order)
        ends = [asyncio.ensure_future(worker.wait()) for worker in workers]
        _, late = await asyncio.wait(ends, timeout=self._drain + PATIENCE)
        if late:
            for worker in workers:
                worker.kill()
            await asyncio.wait(late)

    def _spawn(self, coroutine: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

"""Work on clients' texts, in processes of its own: parsing, comparing, searching.

Such work in this process could not be stopped. A job has a `Worker` for as long as it runs, and at
most `SECONDS`. It reads what it needs when it runs, piece by piece, and calls functions in the
worker's process with that. A job that waits for its turn holds only names, where it can; what it
holds besides is counted in bytes. A process that dies, takes too long or has grown is replaced.

Turns are fair by user (`fair_queue`), and a user has one job at once, so that no user keeps all
processes busy.

Rejected: threads (`ast.parse` of 40 KB held the interpreter, and everybody, for 5 seconds), asyncio
subprocesses (how a child's end is learnt differs between loops, and each costs a thread as well),
multiprocessing (its children import this program, and trust what they unpickle).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar

import orjson

from server import background_worker
from server.api.errors import stopping, too_busy
from server.fair_queue import FairQueue
from server.held_bytes import HeldBytes

WORKERS: Final = 2
SECONDS: Final = 10.0
"""Seconds that one job may take, from its turn to its end."""
WAITING: Final = 200
WAITING_OF_ONE: Final = 8
"""Jobs of one user that may wait."""
HELD: Final = 100_663_296
HELD_OF_ONE: Final = 33_554_432
HELD_FREE: Final = 1_048_576
"""Bytes that jobs may hold: of all users together, of one user, and of each user in any case."""
MAX_ANSWER: Final = 4_000_000
"""Bytes that a function may return."""
_ENCODED_AT_ONCE: Final = 65_536
"""Characters of a text that are encoded without a pause."""
_WORN: Final = 64 << 20
"""Bytes of memory above which a process is replaced: a process gives none back."""
_ENVIRONMENT: Final = ("PATH", "LD_LIBRARY_PATH", "SYSTEMROOT", "LANG")
"""Variables of the environment that a worker has: no keys of anything."""

Result = TypeVar("Result")


class WorkFailed(Exception):
    """The work needs too much time or memory. The message says which."""


class Worker:
    """The process in which a job calls functions while it has its turn."""

    def __init__(self, process: Process, threads: ThreadPoolExecutor) -> None:
        self._process = process
        self._threads = threads

    async def call(self, function: Callable[..., Result], *arguments: Any) -> Result:
        """Call a module's function in the process. It takes and returns JSON values.

        Raises:
            WorkFailed: it needs too much time or memory.
        """
        name = f"{function.__module__}:{function.__qualname__}"
        loop = asyncio.get_running_loop()
        # If the caller stops waiting from here on, the process is of no use to anybody.
        self._process.busy = True
        result: Result = await loop.run_in_executor(
            self._threads, self._process.call, name, arguments
        )
        return result


class Background:
    """The workers of an application; a process is started when it is first needed.

    `seconds` is the time that a job has.
    """

    def __init__(self, seconds: float = SECONDS) -> None:
        self._seconds = seconds
        self._waiting: FairQueue[asyncio.Future[Process]] = FairQueue(
            most=WAITING, most_of_one=WAITING_OF_ONE, at_once=1
        )
        self.held = HeldBytes(most=HELD, most_of_one=HELD_OF_ONE, free=HELD_FREE)
        self._idle = [Process() for _ in range(WORKERS)]
        self._processes = set(self._idle)
        self._threads = ThreadPoolExecutor(WORKERS, "background")
        self._closed = False

    async def run(
        self, user_id: str, job: Callable[[Worker], Awaitable[Result]], size: int = 0
    ) -> Result:
        """Do a job for a user when it is the user's turn. Until it ends it holds `size` bytes of
        texts.

        Raises:
            EventError: too many jobs wait, or they hold too much (`RATE_LIMIT_EXCEEDED`), or the
            server is stopping.
            WorkFailed: it takes too long, or too much memory.
        """
        if self._closed:
            raise stopping()
        if not self.held.add(user_id, size):
            raise too_busy(
                "too much text waits for work, of yours at most "
                f"{HELD_OF_ONE} bytes: try again when some of it is done"
            )
        try:
            return await self._run(user_id, job)
        finally:
            self.held.remove(user_id, size)

    async def _run(self, user_id: str, job: Callable[[Worker], Awaitable[Result]]) -> Result:
        turn: asyncio.Future[Process] = asyncio.get_running_loop().create_future()
        if not self._waiting.put(user_id, turn):
            raise too_busy(
                f"too much work is waiting, of yours at most {WAITING_OF_ONE} pieces: "
                "try again when one is done"
            )
        self._begin_next()
        try:
            process = await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                self._waiting.discard(user_id, turn)
            else:
                self._end(user_id, turn.result())
            raise
        try:
            async with asyncio.timeout(self._seconds):
                return await job(Worker(process, self._threads))
        except TimeoutError:
            raise WorkFailed(f"it takes longer than {self._seconds:g} seconds") from None
        finally:
            self._end(user_id, process)

    async def close(self) -> None:
        """End all processes. Jobs that wait fail."""
        self._closed = True
        for turn in self._waiting.clear():
            if not turn.done():
                turn.set_exception(stopping())
        processes, self._processes = self._processes, set()
        for process in processes:
            process.kill()
            self._threads.submit(process.end)
        await asyncio.to_thread(self._threads.shutdown)

    def _begin_next(self) -> None:
        while self._idle and (following := self._waiting.take()) is not None:
            user_id, turn = following
            if turn.cancelled():
                self._waiting.done(user_id)
            else:
                turn.set_result(self._idle.pop())

    def _end(self, user_id: str, process: Process) -> None:
        self._waiting.done(user_id)
        if self._closed:
            return
        if process.busy or process.peak > _WORN:
            process.kill()
            self._threads.submit(process.end)
            self._processes.remove(process)
            process = Process()
            self._processes.add(process)
        self._idle.append(process)
        self._begin_next()


class Process:
    """A worker's process. Only one thread calls at a time; any thread may `kill`.

    busy: a call was handed over, and its result has not come. peak: the most memory that the
    process has had, in bytes.
    """

    def __init__(self) -> None:
        self.busy = False
        self.peak = 0
        self._killed = False
        self._popen: subprocess.Popen[bytes] | None = None

    def call(self, name: str, arguments: tuple[Any, ...]) -> Any:
        """Call a function, and wait for its result.

        Raises:
            WorkFailed: the process died of the call, or lacks time or memory.
        """
        call = b"[%b,%b]" % (_encoded(name), _encoded(arguments))
        try:
            if self._popen is None:
                self._popen = _start()
            if self._killed:
                raise EOFError
            answer = orjson.loads(_exchange(self._popen, call))
        except (OSError, EOFError):
            self.end()
            raise WorkFailed("it takes too much time or memory") from None
        finally:
            self.busy = False
        self.peak = answer["peak"]
        if "failed" in answer:
            # Nobody knows what state the process is in.
            self.end()
            raise WorkFailed(answer["failed"])
        return answer["result"]

    def kill(self) -> None:
        """End the process without waiting for its end. A call that waits for the process fails."""
        self._killed = True
        if self._popen is not None:
            self._popen.kill()

    def end(self) -> None:
        """End the process, if there is one. The next call starts another one."""
        popen, self._popen = self._popen, None
        self.peak = 0
        if popen is not None:
            popen.kill()
            # Another thread may be ending the process too.
            with contextlib.suppress(OSError, ValueError):
                popen.communicate()


def _encoded(value: Any) -> bytes:
    """Return a value as JSON. No other thread runs while a long text is encoded, up to 6 ms a
    megabyte, so the text is encoded part by part.
    """
    if isinstance(value, str) and len(value) > _ENCODED_AT_ONCE:
        starts = range(0, len(value), _ENCODED_AT_ONCE)
        parts = (orjson.dumps(value[at : at + _ENCODED_AT_ONCE])[1:-1] for at in starts)
        return b'"%b"' % b"".join(parts)
    if isinstance(value, list | tuple):
        return b"[%b]" % b",".join(map(_encoded, value))
    return orjson.dumps(value)


def _start() -> subprocess.Popen[bytes]:
    environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    return subprocess.Popen(
        [sys.executable, "-I", "-S", background_worker.__file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
        # A signal from the terminal is for the server, which ends its workers.
        start_new_session=True,
    )


def _exchange(popen: subprocess.Popen[bytes], call: bytes) -> bytes:
    assert popen.stdin is not None
    assert popen.stdout is not None
    popen.stdin.write(len(call).to_bytes(background_worker.LENGTH_BYTES, "big") + call)
    popen.stdin.flush()
    length = int.from_bytes(popen.stdout.read(background_worker.LENGTH_BYTES), "big")
    if not 0 < length <= MAX_ANSWER:
        raise EOFError
    answer = popen.stdout.read(length)
    if len(answer) < length:
        raise EOFError
    return answer

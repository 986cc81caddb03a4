"""Python programs that run beside a test, each forked from one process that has imported what they
need: Python and the imports are most of what a start costs.

What a test is not about may be started so. A process of tests has one process to fork from, which
begins with its first program and ends with it.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, nullcontext
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import TextIO, TypeAlias, cast

ROOT = Path(__file__).parent.parent

# Not the programs themselves: each is executed in its fork.
IMPORTED = (
    "conformance.js.fixtures.python_behaviour",
    "conformance.js.fixtures.python_options",
    "conformance.targets.cluster_command",
    "conformance.targets.reference",
    "server.application",
    "server.commands",
    "server.workers",
    "socketio",
    "tests.server.running",
    "uvicorn",
    "uvloop",
)


def context() -> ForkServerContext:
    """Return what forks."""
    made = multiprocessing.get_context("forkserver")
    made.set_forkserver_preload(list(IMPORTED))
    return made


class Forked:
    """A module, or a file of Python, that runs as a program; with what tests use of
    `subprocess.Popen`, whose constants say where its error output goes.
    """

    def __init__(
        self,
        program: str,
        *arguments: str,
        environment: Mapping[str, str] | None = None,
        errors: int | None = subprocess.PIPE,
    ) -> None:
        processes = context()
        read, typed = processes.Pipe(duplex=False)
        out, written = processes.Pipe(duplex=False)
        theirs = [read, written]
        self.stdin, self.stdout = _opened(typed, "w"), _opened(out, "r")
        self.stderr: TextIO | None = None
        if errors == subprocess.PIPE:
            error, complained = processes.Pipe(duplex=False)
            self.stderr = _opened(error, "r")
            theirs.append(complained)
        elif errors == subprocess.STDOUT:
            theirs.append(written)
        variables = {**os.environ, **(environment or {})}
        self._process = processes.Process(
            target=_run, args=(program, arguments, variables, theirs), daemon=True
        )
        self._process.start()
        for end in theirs:
            end.close()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """The exit code: minus the number of a signal, None as long as the program runs."""
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end and return the exit code.

        Raises:
            TimeoutError: so many seconds were not enough.
        """
        self._process.join(timeout)
        if (code := self.returncode) is None:
            raise TimeoutError(f"{self._process} runs after {timeout} seconds")
        return code

    def communicate(self, typed: str = "", timeout: float | None = None) -> tuple[str, str]:
        """Type this, and return all that comes on both outputs until the program has ended.

        Raises:
            TimeoutError: so many seconds were not enough; it is killed.
        """
        with ThreadPoolExecutor() as threads, self.stdin, self.stdout, self.stderr or nullcontext():
            self.stdin.write(typed)
            self.stdin.close()
            errors = threads.submit(self.stderr.read) if self.stderr else None
            out = threads.submit(self.stdout.read)
            try:
                said = (out.result(timeout), errors.result(timeout) if errors else "")
            except TimeoutError:
                self.kill()
                raise
        self.wait(timeout)
        return said

    def send_signal(self, number: int) -> None:
        """Send a signal, unless the program has ended."""
        if self.returncode is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


Program: TypeAlias = subprocess.Popen[str] | Forked


def started(command: Sequence[str]) -> Program:
    """Start a command, whose errors are this process's. Of Python it is a fork."""
    if command[0] == sys.executable:
        rest = command[2:] if command[1] == "-m" else command[1:]
        return Forked(*rest, errors=None)
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True)


@asynccontextmanager
async def beside(*command: str) -> AsyncIterator[Program]:
    """Run a command while the block lasts, and terminate it in the end."""
    process = await asyncio.to_thread(started, command)
    try:
        yield process
    finally:
        process.terminate()
        await asyncio.to_thread(process.communicate)


def _opened(end: Connection, mode: str) -> TextIO:
    with end:
        return cast("TextIO", open(os.dup(end.fileno()), mode, encoding="utf-8"))


def _run(
    program: str,
    arguments: tuple[str, ...],
    variables: dict[str, str],
    ends: Sequence[Connection],
) -> None:
    """Be the program."""
    for number, end in enumerate(ends):
        os.dup2(end.fileno(), number)
    for end in ends:
        end.close()
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    os.environ.clear()
    os.environ.update(variables)
    os.chdir(ROOT)
    sys.argv = [program, *arguments]
    if program.endswith(".py"):
        runpy.run_path(program, run_name="__main__")
    else:
        sys.orig_argv = [sys.executable, "-m", *sys.argv]
        runpy.run_module(program, run_name="__main__", alter_sys=True)

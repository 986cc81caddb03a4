"""One worker as its supervisor sees it: a process, the lines between the two, its last words."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

from engineio_min.workers.place import Place

# Lines of a worker's standard error that are kept, and the characters of one.
_LAST_LINES = 20
_LONGEST_LINE = 500


class WorkerProcess:
    """A worker that was started; it is `here` once it can be reached, `ready` once it serves.

    `began()` is called both times.
    """

    def __init__(
        self,
        name: str,
        slot: int,
        process: asyncio.subprocess.Process,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        began: Callable[[], object],
    ) -> None:
        self.name = name
        self.slot = slot
        self.here = False
        self.ready = asyncio.Event()
        self._process = process
        self._writer = writer
        self._began = began
        self._loop = asyncio.get_running_loop()
        self._started = self._loop.time()
        # When the worker was asked for its health and has not answered yet.
        self._asked: float | None = None
        self._lines: deque[str] = deque(maxlen=_LAST_LINES)
        self._ended = asyncio.gather(self._listen(reader), self._forward(), process.wait())

    @classmethod
    async def start(
        cls,
        command: Sequence[str],
        name: str,
        slot: int,
        listeners: list[socket.socket],
        folder: Path,
        began: Callable[[], object],
    ) -> WorkerProcess:
        """Start `command` as the worker `name` of a slot.

        Raises:
            OSError: the system cannot start it.
        """
        own, other = socket.socketpair()
        place = Place(name, folder, listeners, other)
        with contextlib.ExitStack() as stack, other:
            stack.enter_context(own)
            process = await asyncio.create_subprocess_exec(
                *command,
                env={**os.environ, **place.environment()},
                pass_fds=place.descriptors,
                stderr=asyncio.subprocess.PIPE,
                # A terminal sends its signals to the whole group; the workers are the supervisor's.
                start_new_session=True,
            )
            stack.pop_all()
        reader, writer = await asyncio.open_unix_connection(sock=own)
        return cls(name, slot, process, reader, writer, began)

    # -- what it does

    async def wait(self) -> int:
        """Wait for the worker's end, and return its exit status."""
        await asyncio.shield(self._ended)
        assert self._process.returncode is not None
        return self._process.returncode

    async def serves(self) -> bool:
        """Wait until the worker serves or has ended. Return whether it serves."""
        ready = asyncio.ensure_future(self.ready.wait())
        await asyncio.wait((ready, self._ended), return_when=asyncio.FIRST_COMPLETED)
        ready.cancel()
        return self.ready.is_set() and not self._ended.done()

    @property
    def lived(self) -> float:
        """Return the seconds since its start."""
        return self._loop.time() - self._started

    @property
    def silent(self) -> float:
        """Return the seconds that a question for its health waits for its answer."""
        return 0.0 if self._asked is None else self._loop.time() - self._asked

    @property
    def last_words(self) -> str:
        """Return the last lines of its standard error."""
        return "\n".join(self._lines)

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        # A worker that was killed before it read everything resets the connection.
        with contextlib.suppress(ConnectionError):
            while line := await reader.readline():
                if line == b"here\n":
                    self.here = True
                    self._began()
                elif line == b"ready\n":
                    self.ready.set()
                    self._began()
                else:
                    self._asked = None
        self._writer.close()

    async def _forward(self) -> None:
        """Pass on what the worker writes to its standard error."""
        errors = self._process.stderr
        assert errors is not None
        rest = ""
        while data := await errors.read(65_536):
            text = data.decode(errors="replace")
            sys.stderr.write(text)
            sys.stderr.flush()
            *lines, rest = (rest + text).split("\n")
            self._lines.extend(line[:_LONGEST_LINE] for line in lines)
            rest = rest[:_LONGEST_LINE]
        if rest:
            self._lines.append(rest)

    # -- what it is told

    def tell(self, line: str) -> None:
        """Send the worker a line."""
        if not self._writer.is_closing():
            self._writer.write(line.encode() + b"\n")

    def ask_for_health(self) -> None:
        """Ask the worker's loop for an answer, unless the worker does not serve yet."""
        if self.ready.is_set() and self._asked is None:
            self._asked = self._loop.time()
            self.tell("health")

    def kill(self) -> None:
        """End the worker at once."""
        if self._process.returncode is None:
            self._process.kill()

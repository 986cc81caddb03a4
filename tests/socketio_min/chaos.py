"""A TCP proxy that treats its connections badly, the same way for the same seed.

What passes is delayed at random, cut into slices, even of one byte, and now and then a connection
is reset or swallows everything in silence, as a dead network does. Order within a direction is
kept, as TCP keeps it.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass


@dataclass(frozen=True)
class Chaos:
    """How badly: times in seconds, chances for each piece of data."""

    latency: float = 0.0
    jitter: float = 0.0
    # The largest slice, in bytes.
    slices: int = 65_536
    one_byte: float = 0.0
    reset: float = 0.0
    black_hole: float = 0.0


class ChaosProxy:
    """Forwards connections to `target`; counts what it did to them."""

    def __init__(self, target: int, chaos: Chaos, seed: int) -> None:
        self.target = target
        self.chaos = chaos
        self.port = 0
        self.refusing = False
        self.connections = self.resets = self.black_holes = 0
        # What happens to the n-th piece of data does not depend on which piece that is.
        self._fates = random.Random(seed)
        self._random = random.Random(seed)
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        # Until those that were just accepted are known.
        for _ in range(3):
            await asyncio.sleep(0)
        self.cut()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut(self) -> None:
        """Reset every connection."""
        for writer in self._writers:
            writer.transport.abort()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        # Before the task begins: one that is cancelled until then would close nothing.
        self._writers.add(writer)
        task = asyncio.get_running_loop().create_task(self._pass_on(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ends = [writer]
        try:
            if self.refusing:
                return
            there, back = await asyncio.open_connection("127.0.0.1", self.target)
            ends.append(back)
            self._writers.add(back)
            # The end of one direction, whatever it is, must not leave the other behind.
            async with asyncio.TaskGroup() as directions:
                directions.create_task(self._pass(reader, back, ends))
                directions.create_task(self._pass(there, writer, ends))
        except* (OSError, asyncio.CancelledError):
            pass
        finally:
            for end in ends:
                self._writers.discard(end)
                end.transport.abort()

    async def _pass(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        ends: list[asyncio.StreamWriter],
    ) -> None:
        chaos, draw = self.chaos, self._random
        silent = False
        while data := await reader.read(65_536):
            luck = self._fates.random()
            if luck < chaos.reset:
                self.resets += 1
                for end in ends:
                    end.transport.abort()
                return
            if luck < chaos.reset + chaos.black_hole and not silent:
                self.black_holes += 1
                silent = True
            if silent:
                continue
            if chaos.latency or chaos.jitter:
                await asyncio.sleep(chaos.latency + chaos.jitter * draw.random())
            largest = 1 if draw.random() < chaos.one_byte else chaos.slices
            for start in range(0, len(data), largest):
                writer.write(data[start : start + largest])
                if largest < len(data):
                    # Let the other end see the slices one by one.
                    await asyncio.sleep(0)
            await writer.drain()
        if not silent:
            with contextlib.suppress(OSError):
                writer.write_eof()


@asynccontextmanager
async def chaos_proxy(target: int, chaos: Chaos, seed: int) -> AsyncIterator[ChaosProxy]:
    """A running proxy."""
    proxy = ChaosProxy(target, chaos, seed)
    await proxy.start()
    try:
        yield proxy
    finally:
        await proxy.stop()

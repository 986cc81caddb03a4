"""A proxy before a Redis or a PostgreSQL, which can swallow everything, delay it, or cut it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path


class Proxy:
    """Passes bytes on; while `swallowing` nothing gets through, no end either: a black hole.

    What was on its way arrives when that is over, if the connection is still there, as TCP sends it
    again.
    """

    def __init__(self, target: int | Path) -> None:
        self.port = 0
        self._open = asyncio.Event()
        self._open.set()
        self.delay = 0.0
        self.accepted = 0
        self._target = target
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _accept(self, near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        self.accepted += 1
        try:
            far, forth = await self._open_target()
        except OSError:
            back.transport.abort()
            return
        for reader, writer in ((near, forth), (far, back)):
            self._writers.add(writer)
            task = asyncio.create_task(self._pass(reader, writer))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _open_target(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if isinstance(self._target, Path):
            return await asyncio.open_unix_connection(self._target)
        return await asyncio.open_connection("127.0.0.1", self._target)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                if self.delay:
                    await asyncio.sleep(self.delay)
                await self._open.wait()
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        await self._open.wait()
        writer.close()

    @property
    def swallowing(self) -> bool:
        """Whether nothing gets through."""
        return not self._open.is_set()

    @swallowing.setter
    def swallowing(self, swallowing: bool) -> None:
        if swallowing:
            self._open.clear()
        else:
            self._open.set()

    def cut(self) -> None:
        """Reset all connections."""
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def close(self) -> None:
        assert self._server is not None
        self._server.close()
        self.swallowing = False
        self.cut()
        for task in set(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@asynccontextmanager
async def proxied(target: int | Path) -> AsyncIterator[Proxy]:
    """Run a proxy in front of a port, or of a Unix socket."""
    proxy = Proxy(target)
    await proxy.start()
    try:
        yield proxy
    finally:
        await proxy.close()

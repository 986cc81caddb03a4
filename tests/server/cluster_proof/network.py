"""The ways between machines, which can swallow all that is on them.

They run in a process of their own: a network does not become slow because clients are busy.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from engineio_min.runner import run
from tests.socketio_min.cluster.proxy import Proxy, proxied


@dataclass(frozen=True, slots=True)
class Way:
    """A way to a port or Unix socket; it begins at `port`."""

    number: int
    port: int


class Network:
    """The process with the ways; see `running_network`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._ways: list[Way] = []

    @asynccontextmanager
    async def swallowing(self, ways: Sequence[Way]) -> AsyncIterator[None]:
        """Swallow all that is on these ways for as long as the block lasts."""
        numbers = [way.number for way in ways]
        await self._ask({"swallow": numbers})
        try:
            yield
        finally:
            await self._ask({"pass": numbers})

    async def way(self, target: int | Path) -> Way:
        """Return a new way to a port of this machine, or to a Unix socket."""
        way = Way(
            len(self._ways),
            await self._ask({"to": target if isinstance(target, int) else str(target)}),
        )
        self._ways.append(way)
        return way

    async def _ask(self, question: dict[str, object]) -> int:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(question).encode() + b"\n")
        answer: int = json.loads(await self._process.stdout.readline())
        return answer


@asynccontextmanager
async def running_network() -> AsyncIterator[Network]:
    """Run a network without ways."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.server.cluster_proof.network"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield Network(process)
    finally:
        assert process.stdin is not None
        # It ends with its input.
        process.stdin.close()
        await process.wait()


async def _main() -> None:
    loop = asyncio.get_running_loop()
    questions = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(questions), sys.stdin)
    ways: list[Proxy] = []
    async with AsyncExitStack() as stack:
        while line := await questions.readline():
            [(verb, value)] = json.loads(line).items()
            answer = 0
            if verb == "to":
                target = Path(value) if isinstance(value, str) else value
                ways.append(await stack.enter_async_context(proxied(target)))
                answer = ways[-1].port
            else:
                for number in value:
                    ways[number].swallowing = verb == "swallow"
            print(answer, flush=True)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        # With uvloop it takes less of the processors that the servers need.
        run(_main())

"""A cluster of processes as its users run it: nodes with workers, nginx, Redis and PostgreSQL.

nginx reaches each node, and each node Redis and PostgreSQL, by a network that can swallow
everything.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, suppress
from pathlib import Path

from websockets.exceptions import InvalidStatus

from scripts.cluster import NGINX, program
from tests.listening import free_port
from tests.server.cluster_proof.network import Network, Way, running_network
from tests.server.postgres_server import PostgresServer, running_postgres
from tests.server.wire import connected, http_get
from tests.socketio_min.cluster.redis_server import RedisServer, running_redis
from tests.waiting import PATIENCE

ROOT = Path(__file__).resolve().parent.parent.parent.parent
NAMES = ("AA", "BB")
WORKERS = 2
DATABASE = "assistant"


async def eventually(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait until something is true.

    Raises:
        TimeoutError: it is not, in time.
    """
    async with asyncio.timeout(PATIENCE):
        while not await condition():  # noqa: ASYNC110 - another process tells nobody
            await asyncio.sleep(0.05)


async def takes_clients(port: int) -> bool:
    """Return whether a server behind a port takes clients."""
    with suppress(OSError, IndexError, ValueError):
        return (await http_get(port, "/readyz"))[0] == 200
    return False


class Node:
    """A node with its workers; each start writes on into the same log.

    `from_nginx`, `to_postgres` and `to_redis` are the ways from and to its machine.
    """

    def __init__(
        self,
        command: Sequence[str],
        name: str,
        port: int,
        folder: Path,
        ways: tuple[Way, Way, Way],
    ) -> None:
        self.name = name
        self.port = port
        self.from_nginx, self.to_postgres, self.to_redis = ways
        self.log = folder / f"{name}.log"
        # Characters of the log that were looked at.
        self._read = 0
        self._command = command
        self._folder = folder
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it, and wait until it takes clients."""
        own = {"NODE_NAME": self.name, "PORT": str(self.port), "HOST": "127.0.0.1"}
        own |= {"WORKERS": str(WORKERS), "DATA_DIR": str(self._folder / self.name)}
        place = f"{DATABASE}@127.0.0.1:{self.to_postgres.port}/{DATABASE}"
        redis = f"redis://127.0.0.1:{self.to_redis.port}"
        own |= {"DATABASE_URL": f"postgresql://{place}", "REDIS_URL": redis}
        with self.log.open("ab") as output:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                cwd=ROOT,
                env={**os.environ, **own},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        await eventually(self.is_ready)

    async def is_ready(self) -> bool:
        """Return whether it takes clients.

        Raises:
            AssertionError: it has ended.
        """
        assert self._process is not None
        assert self._process.returncode is None, self.log.read_text()
        return await takes_clients(self.port)

    @property
    def workers(self) -> set[int]:
        """Return the ids of the processes that serve."""
        found = set()
        assert self._process is not None
        for place in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):
                parent = int(place.read_text().rpartition(")")[2].split()[1])
                if parent == self._process.pid:
                    found.add(int(place.parent.name))
        return found

    async def kill_worker(self) -> set[str]:
        """Kill a worker. Return the names of those that were there."""
        former: set[str] = set()
        while len(former) < WORKERS:
            former.add(await self._some_worker())
        with suppress(ProcessLookupError):
            os.kill(random.choice(sorted(self.workers)), signal.SIGKILL)
        return former

    async def _some_worker(self) -> str:
        async with connected(self.port) as client:
            return client.session[2:4]

    async def has_replaced(self, former: set[str]) -> None:
        """Wait until a worker serves that was not there."""

        async def is_there() -> bool:
            # One that waits for its database serves probes only.
            with suppress(InvalidStatus):
                return await self._some_worker() not in former
            return False

        await eventually(is_there)

    async def replace_workers(self) -> None:
        """Replace all workers by new ones; return when the former ones have ended."""
        assert self._process is not None
        former = self.workers
        self._process.send_signal(signal.SIGHUP)

        async def are_new() -> bool:
            return not former & self.workers and len(self.workers) == WORKERS

        await eventually(are_new)

    async def kill(self) -> None:
        """Kill all its processes, as when its machine is switched off."""
        assert self._process is not None
        for one in (*self.workers, self._process.pid):
            with suppress(ProcessLookupError):
                os.kill(one, signal.SIGKILL)
        await self._process.wait()

    def mistakes(self) -> list[str]:
        """Return what is new in its log and tells of a mistake."""
        text = self.log.read_text(errors="replace")
        lines, self._read = text[self._read :].splitlines(), len(text)
        return [
            f"{self.name}: " + "\n".join(lines[max(0, number - 1) : number + 25])
            for number, line in enumerate(lines)
            if "Traceback" in line or "never retrieved" in line
        ]

    async def stop(self) -> None:
        """Let it end as with SIGTERM."""
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
            try:
                async with asyncio.timeout(PATIENCE):
                    await self._process.wait()
            except TimeoutError:
                await self.kill()
                raise


class Stage:
    """All parts. `port` is that of nginx."""

    def __init__(self, network: Network, postgres: PostgresServer, redis: RedisServer) -> None:
        self.network = network
        self.postgres = postgres
        self.redis = redis
        self.port = 0
        self.nodes: list[Node] = []
        # The one that was killed and has not begun again.
        self.absent: Node | None = None

    async def start(self, stack: AsyncExitStack, folder: Path, command: Sequence[str]) -> None:
        """Start the nodes and nginx."""
        await asyncio.to_thread(self.postgres.add_database, DATABASE)
        *ports, self.port = (free_port() for _ in range(1 + len(NAMES)))
        socket = self.postgres.folder / ".s.PGSQL.5432"
        for name, port in zip(NAMES, ports, strict=True):
            ways = (
                await self.network.way(port),
                await self.network.way(socket),
                await self.network.way(self.redis.port),
            )
            node = Node(command, name, port, folder, ways)
            self.nodes.append(node)
            stack.push_async_callback(node.stop)
            await node.start()
        first, second = (node.from_nginx.port for node in self.nodes)
        config = folder / "nginx.conf"
        config.write_text(NGINX.format(first=first, second=second, port=self.port))
        nginx = [program("nginx"), "-p", str(folder), "-e", "stderr", "-c", str(config)]
        with (folder / "nginx.log").open("wb") as output:
            process = await asyncio.create_subprocess_exec(*nginx, stdout=output, stderr=output)
        stack.callback(process.terminate)
        await eventually(lambda: takes_clients(self.port))


async def staged(stack: AsyncExitStack, folder: Path, module: Sequence[str]) -> Stage:
    """Run a cluster until the stack is closed; its nodes run `python -m` of that."""
    postgres = stack.enter_context(running_postgres())
    redis = stack.enter_context(running_redis())
    network = await stack.enter_async_context(running_network())
    stage = Stage(network, postgres, redis)
    await stage.start(stack, folder, [sys.executable, "-m", *module])
    return stage

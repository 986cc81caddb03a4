"""A member on Node.js and two of ours behind nginx without sticky sessions, and what they outlive.

Official clients over each transport send to each other all the time while one member after the
other is killed and comes back, and Redis, too. Each time every client must be in its rooms again
and hear everybody, on whichever member it is; nobody may hear a thing twice or in disorder.
"""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from tests.forked_servers import Program, beside
from tests.listening import free_port, listening
from tests.socketio_min.cluster.clusters import MEMBER
from tests.socketio_min.cluster.redis_server import RedisServer, running_redis
from tests.socketio_min.test_proxies import proxy_command, start
from tests.waiting import PATIENCE

OURS = """
import sys
from conformance.targets.cluster_member import make_member
from socketio_min.cluster.redis import RedisStreamsAdapter

node, port, redis = sys.argv[1:]
make_member(RedisStreamsAdapter.from_url(redis), 60.0, node).run(port=int(port))
"""
NODES = ("AA", "BB", "CC")


class Survival:
    """The members, each by its two characters; "AA" is on Node.js."""

    def __init__(self, stack: AsyncExitStack, redis: RedisServer, folder: Path) -> None:
        self._stack = stack
        self.redis = redis
        self._folder = folder
        self._proxy = free_port()
        self._ports = {node: free_port() for node in NODES}
        (program := folder / "member.py").write_text(OURS)
        self._program = program
        self._members: dict[str, Program] = {}
        self._clients: asyncio.subprocess.Process | None = None

    async def begin(self) -> None:
        await asyncio.gather(*map(self.run, NODES))
        ports = [self._proxy, self._ports["AA"], self._ports["BB"]]
        command = proxy_command("nginx", ports, self._folder)
        self._add_third()
        null = asyncio.subprocess.DEVNULL
        await start(self._stack, *command, stderr=null)
        await listening(self._proxy)
        script = Path(__file__).with_name("survivors_client.mjs")
        url = f"http://127.0.0.1:{self._proxy}"
        pipe = asyncio.subprocess.PIPE
        self._clients = await start(self._stack, "node", str(script), url, stdin=pipe, stdout=pipe)

    def _add_third(self) -> None:
        """The document has two nodes."""
        config = self._folder / "nginx"
        text = config.read_text()
        here, second = f"127.0.0.1:{self._ports['CC']}", f"127.0.0.1:{self._ports['BB']}"
        line = '    "~^BB[\\w-]{18}$" node_b;\n'
        assert line in text
        text = text.replace(line, line + line.replace("BB", "CC").replace("_b", "_c"))
        third = f"upstream node_c {{ server {here}; keepalive 64; }}\n"
        text = text.replace("upstream any", third + "upstream any")
        any_second = f"server {second} max_fails=0;"
        assert any_second in text
        text = text.replace(any_second, f"{any_second} server {here} max_fails=0;")
        config.write_text(text)

    async def run(self, node: str) -> None:
        """Start a member."""
        port = str(self._ports[node])
        if node == "AA":
            options = ("--adapter", "streams", "--redis", self.redis.url, "--recovery", "60")
            command = ["node", str(MEMBER), "--port", port, "--node", node, *options]
        else:
            command = [sys.executable, str(self._program), node, port, self.redis.url]
        self._members[node] = await self._stack.enter_async_context(beside(*command))
        await listening(int(port))

    async def kill(self, node: str) -> None:
        self._members[node].kill()
        await asyncio.to_thread(self._members[node].wait)

    async def everybody_is_back(self) -> set[str]:
        """Wait until all are in their rooms and hear each other; return the members they are on."""
        clients = self._clients
        assert clients is not None
        assert clients.stdin is not None
        assert clients.stdout is not None
        clients.stdin.write(b"\n")
        async with asyncio.timeout(PATIENCE):
            seen: dict[str, Any] = json.loads(await clients.stdout.readline())
        assert (seen["twice"], seen["disordered"]) == (0, 0)
        return set(seen["nodes"])


async def survive(folder: Path, seconds: float) -> None:
    """Let each member and Redis be dead for so many seconds, one after the other."""
    with running_redis("--appendonly", "yes", "--appendfsync", "always") as redis:
        async with AsyncExitStack() as stack:
            stage = Survival(stack, redis, folder)
            await stage.begin()
            assert await stage.everybody_is_back() == {*NODES}
            for node in NODES:
                await stage.kill(node)
                await asyncio.sleep(seconds)
                assert node not in await stage.everybody_is_back()
                await stage.run(node)
            redis.kill()
            await asyncio.sleep(seconds)
            await asyncio.to_thread(redis.start)
            await stage.everybody_is_back()

"""nginx and HAProxy without sticky sessions, configured as in docs/cluster.md, before two nodes."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.forked_servers import beside
from tests.listening import free_port, listening
from tests.waiting import PATIENCE

ROOT = Path(__file__).parents[2]

NODE = """
import sys
from socketio_min import Server

io = Server(node=sys.argv[1], cors="*")
io.on("node", lambda socket: sys.argv[1])
io.run(port=int(sys.argv[2]))
"""


def configuration(language: str, ports: list[int]) -> str:
    """The proxy's configuration in the document, with these ports instead of 3000 to 3002."""
    text = (ROOT / "docs/cluster.md").read_text()
    [block] = re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    for number, port in enumerate(ports):
        block = block.replace(f"127.0.0.1:{3000 + number}", f"127.0.0.1:{port}")
    return str(block)


def proxy_command(name: str, ports: list[int], folder: Path) -> list[str]:
    config = folder / name
    if name == "nginx":
        temporary = "".join(
            f"{kind}_temp_path {folder}/{kind};"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        config.write_text(
            f"daemon off; master_process off; pid {folder}/pid; error_log stderr;"
            "events { worker_connections 1024; }"
            f"http {{ access_log off; {temporary} {configuration(name, ports)} }}"
        )
        return ["nginx", "-p", str(folder), "-e", "stderr", "-c", str(config)]
    config.write_text(configuration(name, ports))
    return ["haproxy", "-db", "-f", str(config)]


async def start(stack: AsyncExitStack, *command: str, **options: Any) -> asyncio.subprocess.Process:
    process = await asyncio.create_subprocess_exec(*command, **options)

    async def end() -> None:
        if process.returncode is None:
            process.terminate()
        await process.wait()

    stack.push_async_callback(end)
    return process


@asynccontextmanager
async def nodes_behind(proxy: str, folder: Path) -> AsyncIterator[tuple[Any, Any]]:
    """The two nodes, and what asks all clients where they are."""
    ports = [free_port() for _ in range(3)]
    async with AsyncExitStack() as stack:
        (program := folder / "node.py").write_text(NODE)
        nodes = [
            await stack.enter_async_context(beside(sys.executable, str(program), name, str(port)))
            for name, port in zip(("AA", "BB"), ports[1:], strict=True)
        ]
        # First: a proxy that finds a node down looks again only seconds later.
        for port in ports[1:]:
            await listening(port)
        await start(stack, *proxy_command(proxy, ports, folder))
        await listening(ports[0])
        script = Path(__file__).with_name("proxies_client.mjs")
        pipe = asyncio.subprocess.PIPE
        url = f"http://127.0.0.1:{ports[0]}"
        clients = await start(stack, "node", str(script), url, stdin=pipe, stdout=pipe)

        async def ask() -> Any:
            assert clients.stdin is not None
            assert clients.stdout is not None
            clients.stdin.write(b"\n")
            async with asyncio.timeout(PATIENCE):
                return json.loads(await clients.stdout.readline())

        yield nodes, ask


@pytest.mark.parametrize("proxy", ["nginx", "haproxy"])
async def test_clients_of_two_nodes_behind_a_proxy(proxy: str, tmp_path: Path) -> None:
    async with nodes_behind(proxy, tmp_path) as (nodes, ask):
        answer = await ask()
        assert set(answer["first"]) == {"AA", "BB"}
        # Nobody lost its session on the way, not with the upgrade either.
        assert answer["second"] == answer["first"]
        assert answer["transports"] == ["polling", "websocket", "websocket"] * 4
        nodes[0].kill()
        await asyncio.to_thread(nodes[0].wait)
        answer = await ask()
        assert answer["second"] == ["BB"] * 12

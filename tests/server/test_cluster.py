"""`make cluster`: two nodes with two workers each behind nginx, and what people do on them."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
import tempfile
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from scripts.cluster import NODES, WORKERS
from tests.server.wire import Client, connected, http_get
from tests.waiting import PATIENCE, eventually

ROOT = Path(__file__).resolve().parent.parent.parent
PROJECT = {"projectId": "project-123"}


@asynccontextmanager
async def cluster(**variables: str) -> AsyncIterator[Process]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(ROOT / "scripts/cluster.py"), "--port", "0"),
        env={**os.environ, **variables},
        stdout=PIPE,
        stderr=PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()


def left_behind(folder: str) -> list[str]:
    """The programs that have the folder in their command or their environment."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            told = (place / "cmdline").read_bytes() + (place / "environ").read_bytes()
        except OSError:
            continue
        if folder.encode() in told:
            found.append(told.decode(errors="replace").replace("\0", " ")[:200])
    return found


async def two_on_different_nodes(stack: AsyncExitStack, port: int) -> tuple[Client, Client]:
    """Clients of the nodes AA and BB."""
    found: dict[str, Client] = {}
    for _ in range(50):
        client = await stack.enter_async_context(connected(port))
        found.setdefault(client.session[:2], client)
        if len(found) == 2:
            return found["AA"], found["BB"]
    raise AssertionError(found)


async def test_people_on_two_nodes_work_together() -> None:
    async with cluster() as process, AsyncExitStack() as stack:
        assert process.stdout is not None
        async with asyncio.timeout(PATIENCE):
            lines = [(await process.stdout.readline()).decode() for _ in range(3)]
        at = re.fullmatch(r"Cluster listening on http://localhost:(\d+)\n", lines[0])
        assert at is not None, lines
        where = re.fullmatch(r"Nodes: AA and BB, 2 workers each; logs in (\S+)\n", lines[1])
        assert where is not None, lines
        port, folder = int(at[1]), where[1]
        assert "<title>" in (await http_get(port, "/"))[2]
        ada, bob = await two_on_different_nodes(stack, port)
        await ada.ask("project:join", {**PROJECT, "userId": "ada"})
        joined = await bob.ask("project:join", {**PROJECT, "userId": "bob"})
        assert sorted(one["id"] for one in joined["users"]) == ["ada", "bob"]
        assert (await ada.hear("user:joined"))[0]["user"]["id"] == "bob"
        # They lock.
        path = "src/together.js"
        lock = (await ada.ask("file:lock", {**PROJECT, "filePath": path}))["lock"]
        assert (await bob.hear("file:locked"))[0]["lock"]["token"] == lock["token"]
        refused = await bob.ask("file:lock", {**PROJECT, "filePath": path})
        assert refused["error"]["code"] == "FILE_LOCKED"
        file = {"path": path, "action": "created", "content": "one"}
        refused = await bob.ask("file:change", {**PROJECT, "file": file})
        assert refused["error"]["code"] == "FILE_LOCKED"
        # They edit.
        change = {**PROJECT, "file": file, "lockToken": lock["token"]}
        assert (await ada.ask("file:change", change))["ok"]
        assert (await bob.hear("file:created"))[0]["file"]["path"] == path
        assert (await bob.ask("file:read", {**PROJECT, "filePath": path}))["content"] == "one"
        await ada.ask("file:unlock", {**PROJECT, "filePath": path})
        assert (await bob.hear("file:unlocked"))[0]["filePath"] == path
        assert (await bob.ask("file:lock", {**PROJECT, "filePath": path}))["lock"]["token"] > lock[
            "token"
        ]
        # They talk, and see each other type.
        await bob.ask("chat:message", {**PROJECT, "message": "Done, @ada"})
        assert (await ada.hear("chat:message"))[0]["message"]["content"] == "Done, @ada"
        await ada.ask("user:typing", {**PROJECT, "isTyping": True})
        assert (await bob.hear("user:typing"))[0]["user"]["id"] == "ada"
        process.send_signal(signal.SIGINT)
        async with asyncio.timeout(PATIENCE):
            assert await process.wait() == 0
        assert not Path(folder).exists()
        assert left_behind(folder) == []


async def test_the_parts_die_with_a_cluster_that_is_killed() -> None:
    async with cluster() as process:
        assert process.stdout is not None
        async with asyncio.timeout(PATIENCE):
            lines = [(await process.stdout.readline()).decode() for _ in range(3)]
        folder = lines[1].split()[-1]
        assert len(left_behind(folder)) > len(NODES) * WORKERS
        process.kill()
        await process.wait()
        await eventually(lambda: not Path(folder).exists())
        await eventually(lambda: left_behind(folder) == [])


async def test_a_part_that_fails_to_start_leaves_nothing_behind() -> None:
    # Its nodes refuse their settings, when all else has begun.
    with tempfile.TemporaryDirectory() as place:
        # PostgreSQL may run as somebody else.
        Path(place).chmod(0o711)
        async with cluster(TMPDIR=place, SOCKET_MAX_HELD="none") as process:
            async with asyncio.timeout(PATIENCE):
                _, error = await process.communicate()
        assert process.returncode == 1
        assert error.decode().startswith("cluster: node AA has ended:\nserver: SOCKET_MAX_HELD: ")
        assert list(Path(place).iterdir()) == []
        assert left_behind(place) == []

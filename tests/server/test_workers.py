"""`python -m server --workers N`: processes that are one server, without Redis."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Collection
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from tests.server.test_operations import block, run
from tests.server.test_process import announcement, ending, server
from tests.server.wire import connected, http_get
from tests.waiting import PATIENCE

if TYPE_CHECKING:
    from server.store.postgres import Postgres

PROJECT = {"projectId": "project-123"}


async def workers_at(port: int, *, but: Collection[str] = ()) -> set[str]:
    """The names of two workers, apart from some: the kernel spreads connections by chance."""
    found: set[str] = set()
    deadline = time.monotonic() + PATIENCE
    while len(found) < 2:
        assert time.monotonic() < deadline, found
        status, _, text = await http_get(port, "/metrics")
        assert status == 200
        found.update(re.findall(r'process_uptime_seconds\{worker="(\w\w)"\}', text))
        found.difference_update(but)
    return found


async def test_workers_are_one_server(postgres: Postgres, tmp_path: Path) -> None:
    flags = ("--workers", "2", "--port", "0", "--host", "127.0.0.1")
    async with server(*flags, DATABASE_URL=postgres.url) as process, AsyncExitStack() as stack:
        found = re.search(r":(\d+)\n", (await announcement(process))[0])
        assert found is not None
        port = int(found[1])
        assert await workers_at(port) == {"AA", "AB"}
        clients = []
        for number in range(12):
            client = await stack.enter_async_context(connected(port))
            await client.ask("project:join", {**PROJECT, "userId": f"user-{number}"})
            clients.append(client)
        first, *_, last = clients
        there = await last.ask("user:list", PROJECT)
        assert sorted(one["user"]["id"] for one in there["presence"]) == sorted(
            f"user-{number}" for number in range(12)
        )
        await first.ask("chat:message", {**PROJECT, "message": "Hello"})
        for client in clients:
            assert (await client.hear("chat:message"))[0]["message"]["content"] == "Hello"
        # All are replaced, and nobody is refused meanwhile.
        server_id = {"SERVER": str(process.pid)}
        assert await asyncio.to_thread(run, block("kill -HUP"), tmp_path, **server_id) == (0, "")
        assert await workers_at(port, but={"AA", "AB"}) == {"AC", "AD"}
        for client in clients:
            await client.ended()
        client = await stack.enter_async_context(connected(port))
        said = await client.ask("chat:history", {**PROJECT, "userId": "user-0"})
        assert [one["content"] for one in said["messages"]] == ["Hello"]
        assert await asyncio.to_thread(run, block("kill -TERM"), tmp_path, **server_id) == (0, "")
        assert await ending(process) == (0, "", "")


async def test_a_database_that_cannot_be_reached_is_one_line() -> None:
    url = "postgresql://ada:secret@127.0.0.1:1/shop"
    async with server("--workers", "2", DATABASE_URL=url, PORT="0") as process:
        code, out, error = await ending(process)
    assert (code, out) == (1, "")
    assert error.startswith("server: DATABASE_URL: cannot use 'ada@127.0.0.1:1/shop': ")
    assert error.count("\n") == 1

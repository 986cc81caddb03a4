"""Two nodes of a cluster in one process, which share a Redis and a PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from server.application import Application
from tests.server.running import running
from tests.server.wire import Client, connected

PROJECT = {"projectId": "project-123"}


@dataclass
class Nodes:
    """The nodes, and their clients as long as the test lasts."""

    here: Application
    there: Application
    stack: AsyncExitStack
    database_url: str

    async def client(
        self, node: Application, user: str | None = None, *, joins: bool = True, auth: Any = None
    ) -> Client:
        """A client of a node; it acts as `user`, unless a session says as whom."""
        client = await self.stack.enter_async_context(connected(node.port, auth))
        named = {} if user is None else {"userId": user}
        if joins:
            await client.ask("project:join", {**PROJECT, **named})
        elif user is not None:
            await client.ask("user:join", named)
        return client

    async def settled(self) -> None:
        """Wait until each node has heard what the other has told until now."""
        for node in (self.here, self.there):
            # The answers come after all that was told before.
            await asyncio.sleep(0)
            await node.cluster_presence.ask()


@asynccontextmanager
async def two_nodes(
    directory: Path, redis_url: str, database_url: str, **options: Any
) -> AsyncIterator[Nodes]:
    """Run two nodes."""
    settings: dict[str, Any] = {
        "redis_url": redis_url,
        "database_url": database_url,
        "event_rate": 0,
        **options,
    }
    async with (
        running(directory / "here", **settings) as here,
        running(directory / "there", **settings) as there,
        AsyncExitStack() as stack,
    ):
        yield Nodes(here, there, stack, database_url)

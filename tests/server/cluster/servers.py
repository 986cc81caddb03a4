"""Several servers on one PostgreSQL."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from server.application import Application
from tests.server.running import running
from tests.server.wire import Client, connected
from tests.waiting import PATIENCE

PROJECT = {"projectId": "project-123"}


async def answered(client: Client, event: str, payload: Any, *, ok: bool = True) -> Any:
    """Ask again and again until the answer is a success, or else a failure. Return it."""
    async with asyncio.timeout(PATIENCE):
        while True:
            answer = await client.ask(event, payload)
            if answer["ok"] is ok:
                return answer
            await asyncio.sleep(0.01)


class Cluster:
    """Two servers; ada is on the first one, bob on the second."""

    def __init__(self, stack: AsyncExitStack, url: str, folder: Path) -> None:
        self.stack = stack
        self.url = url
        self.folder = folder
        self.nodes: list[Application] = []

    async def add(self, **tuning: float) -> Application:
        folder = self.folder / str(len(self.nodes))
        settings: dict[str, Any] = {"database_url": self.url, "workers": 2, "event_rate": 0}
        node = await self.stack.enter_async_context(running(folder, tuning=tuning, **settings))
        self.nodes.append(node)
        return node

    async def enter(self, node: int) -> Client:
        return await self.stack.enter_async_context(connected(self.nodes[node].port))

    async def client(self, node: int, user: str) -> Client:
        client = await self.enter(node)
        await client.ask("project:join", {**PROJECT, "userId": user})
        await client.news()
        return client

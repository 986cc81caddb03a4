"""What the tests of the Python SDK connect with, and wait for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from ai_coding_assistant import AsyncAICodingAssistantSocket
from ai_coding_assistant.signatures import AnyEvent
from server.application import Application
from tests.waiting import PATIENCE

PROJECT = "project-123"
APP = "src/components/App.jsx"
ADA = {"id": "user-456", "name": "user-456"}

Servers = tuple[Application, Application]
Connect = Callable[..., Awaitable[AsyncAICodingAssistantSocket]]


def heard(socket: AsyncAICodingAssistantSocket, event: str) -> Callable[[], Awaitable[Any]]:
    """Listen for an event; what is returned waits for its data."""
    data: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    def keep(*args: Any) -> None:
        if not data.done():
            data.set_result(args[0] if args else None)

    socket.on(AnyEvent(event), keep)

    async def wait() -> Any:
        async with asyncio.timeout(PATIENCE):
            return await data

    return wait

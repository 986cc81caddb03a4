"""Servers, and clients of the Python SDK that are closed at the end."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from ai_coding_assistant import AsyncAICodingAssistantSocket
from tests.sdk.connecting import Connect, Servers
from tests.sdk.serving import serving


@pytest.fixture
async def servers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Servers]:
    async with serving(tmp_path, monkeypatch) as both:
        yield both


@pytest.fixture
async def connect(servers: Servers) -> AsyncIterator[Connect]:
    async with AsyncExitStack() as sockets:

        async def connect_one(
            user_id: str | None = "user-456", **options: Any
        ) -> AsyncAICodingAssistantSocket:
            url = options.pop("url", servers[0].url)
            options.setdefault("reconnection_delay", 0.01)
            socket = AsyncAICodingAssistantSocket(url, user_id=user_id, **options)
            return await sockets.enter_async_context(socket)

        yield connect_one

"""Servers, and clients of the Python SDK that are closed at the end. In every test what such a
client is told must be what its types say.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from ai_coding_assistant import AsyncAICodingAssistantSocket
from ai_coding_assistant.sending import Sending
from ai_coding_assistant.signatures import Payload
from socketio_min import Client
from tests.sdk.connecting import Connect, Servers
from tests.sdk.matching import Told
from tests.sdk.serving import serving


@pytest.fixture(autouse=True)
def told(monkeypatch: pytest.MonkeyPatch) -> Iterator[Told]:
    """What all clients of a test are told; in the end it must be what the types say."""
    told = Told()
    call, start = Sending.call, Sending.__init__

    async def watched(self: Sending, event: str, payload: Payload) -> dict[str, Any]:
        answer = await call(self, event, payload)
        told.answer(event, answer)
        return answer

    def begin(self: Sending, client: Client) -> None:
        start(self, client)
        client.on_any(told.hear)

    monkeypatch.setattr(Sending, "call", watched)
    monkeypatch.setattr(Sending, "__init__", begin)
    yield told
    assert told.faults == []


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

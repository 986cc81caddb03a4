"""python-socketio's client: `python -m benchmarks.clients.python_socketio LOAD URL COUNT`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import socketio  # type: ignore[import-untyped]

from benchmarks.clients.work import measure


class Client:
    """See `work.Client`."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def on(self, event: str, handler: Callable[..., None]) -> None:
        self._client.on(event, handler)

    async def emit(self, event: str, *args: Any) -> None:
        await self._client.emit(event, args)

    async def call(self, event: str, *args: Any) -> Any:
        return await self._client.call(event, args)

    async def close(self) -> None:
        await self._client.disconnect()


async def connect(url: str) -> Client:
    client = socketio.AsyncClient()
    await client.connect(url, transports=["websocket"])
    return Client(client)


if __name__ == "__main__":
    measure(connect, sys.argv[1:])

"""This project's client: `python -m benchmarks.clients.this LOAD URL COUNT`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import socketio_min
from benchmarks.clients.work import measure


class Client:
    """See `work.Client`."""

    def __init__(self, client: socketio_min.Client) -> None:
        self._client = client
        self.call = client.call
        self.close = client.close

    def on(self, event: str, handler: Callable[..., None]) -> None:
        self._client.on(event, handler)

    async def emit(self, event: str, *args: Any) -> None:
        self._client.emit(event, *args)


async def connect(url: str) -> Client:
    client = socketio_min.Client(url, transports=["websocket"])
    await client.connect()
    return Client(client)


if __name__ == "__main__":
    measure(connect, sys.argv[1:])

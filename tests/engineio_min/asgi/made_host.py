"""An ASGI host that a test controls event by event."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from engineio_min.asgi.application import AsgiApplication
from engineio_min.asgi.scope import AsgiEvent, Scope
from tests.engineio_min.asgi.real_host import (
    Engine,
)
from tests.waiting import patient, until


@dataclass
class Host:
    """An ASGI host that a test controls: what the application receives, and how it sends."""

    application: AsgiApplication
    scope: Scope
    inbox: asyncio.Queue[AsgiEvent] = field(default_factory=asyncio.Queue)
    sent: list[AsgiEvent] = field(default_factory=list)
    # Sending waits here.
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    attempts: int = 0
    fault: Exception | None = None

    def __post_init__(self) -> None:
        self.gate.set()
        if self.scope["type"] == "websocket":
            self.inbox.put_nowait({"type": "websocket.connect"})

    async def receive(self) -> AsgiEvent:
        event = await self.inbox.get()
        if event["type"] == "fault":
            raise RuntimeError("the host cannot receive")
        return event

    async def send(self, event: AsgiEvent) -> None:
        self.attempts += 1
        await self.gate.wait()
        if self.fault is not None:
            raise self.fault
        self.sent.append(event)

    def start(self) -> asyncio.Task[None]:
        return asyncio.create_task(self.run())

    async def run(self) -> None:
        await patient(self.application(self.scope, self.receive, self.send))

    def text(self, *packets: str) -> None:
        for packet in packets:
            self.inbox.put_nowait({"type": "websocket.receive", "text": packet})

    def disconnect(self, code: int = 1005) -> None:
        self.inbox.put_nowait({"type": "websocket.disconnect", "code": code})

    @property
    def packets(self) -> list[Any]:
        """What was sent as WebSocket messages, without the handshake."""
        found = [
            event.get("text", event.get("bytes"))
            for event in self.sent
            if event["type"] == "websocket.send"
        ]
        return found[1:]


def http_scope(query: str = "EIO=4&transport=polling", **changes: Any) -> Scope:
    return {
        "type": "http",
        "method": "GET",
        "path": "/engine.io/",
        "query_string": query.encode(),
        "headers": [(b"host", b"localhost")],
        **changes,
    }


def websocket_scope(query: str = "EIO=4&transport=websocket", **changes: Any) -> Scope:
    scope = http_scope(query, **changes)
    scope["type"] = "websocket"
    del scope["method"]
    return scope


@contextmanager
def closed_at_the_end(engine: Engine) -> Iterator[None]:
    try:
        yield
    finally:
        engine.server.close()


async def opened(engine: Engine, scope: Scope | None = None) -> tuple[Host, asyncio.Task[None]]:
    """A session on a WebSocket of a host made by hand."""
    host = Host(engine.server.asgi_app(), websocket_scope() if scope is None else scope)
    task = host.start()
    await until(lambda: len(host.sent) == 2)
    return host, task


async def parked(engine: Engine) -> tuple[Host, asyncio.Task[None]]:
    """A poll that waits for a message, on a host made by hand."""
    await Host(engine.server.asgi_app(), http_scope()).run()
    query = f"EIO=4&transport=polling&sid={engine.connections[0].sid}"
    host = Host(engine.server.asgi_app(), http_scope(query))
    task = host.start()
    await until(lambda: engine.connections[0].session.waiting)
    return host, task

"""A server with recovery, and clients that lose their connection."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from socketio_min import (
    Recovery,
    Server,
)
from tests.socketio_min.serving import Serving
from tests.socketio_min.serving import serving as started
from tests.socketio_min.wire import Client
from tests.waiting import until


@asynccontextmanager
async def serving(io: Server) -> AsyncIterator[Serving]:
    """Run `io` on a free port; at the end it keeps nothing."""
    async with started(io, recovers=True) as clients:
        yield clients
    memory = io._memory
    assert memory is not None
    assert len(memory) == 0
    assert memory._ids == set()
    assert io.recoveries is not None
    assert io.recoveries._present == {}


def server(recovery: Recovery | None = None, **options: Any) -> Server:
    return Server(connection_state_recovery=recovery or Recovery(), **options)


async def connect(client: Client, auth: object = None, namespace: str = "/") -> dict[str, str]:
    """Send CONNECT and return the payload of its answer, which must be the next packet."""
    head = "40" if namespace == "/" else f"40{namespace},"
    await client.send(head + ("" if auth is None else json.dumps(auth)))
    reply = await client.receive_text()
    assert reply.startswith(head + "{"), reply
    payload: dict[str, str] = json.loads(reply[len(head) :])
    assert list(payload) == ["sid", "pid"]
    return payload


def offset_of(packet: object) -> str:
    """The offset at the end of an event."""
    found = re.fullmatch(r'4[25].*"([\w-]{8}\.\d+)"\]', str(packet))
    assert found is not None, packet
    return found[1]


async def lose(clients: Serving, client: Client) -> None:
    """Break the client's connection, and wait until the server has noticed."""
    sockets = len(clients.io.sockets)
    await client.finish()
    await until(lambda: len(clients.io.sockets) < sockets)


async def gone(clients: Serving) -> dict[str, str]:
    """Let a client connect and lose its connection. Return the payload of its answer."""
    client = await clients.open()
    first = await connect(client)
    await lose(clients, client)
    return first


async def coming_back(clients: Serving, first: dict[str, str]) -> Client:
    """Return a connection that has sent the CONNECT of a client that was there, without waiting for
    the answer.
    """
    client = await clients.open()
    await client.send("40" + json.dumps({"pid": first["pid"]}))
    return client

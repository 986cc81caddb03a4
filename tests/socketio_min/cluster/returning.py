"""Servers on a stream of Redis, and raw clients that lose their connection and come back."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from socketio_min import (
    Recovery,
    Server,
)
from socketio_min.cluster.redis import RedisStreamsAdapter
from socketio_min.cluster.redis.stream_reader import StreamReader
from tests.socketio_min.cluster.redis_server import RedisServer
from tests.socketio_min.serving import Serving
from tests.socketio_min.wire import Client as Wire
from tests.socketio_min.wire import WebSocketClient
from tests.waiting import eventually as until


@asynccontextmanager
async def servers(
    redis: RedisServer, count: int = 2, recovery: Recovery | None = None, **options: Any
) -> AsyncIterator[list[Serving]]:
    recovery = recovery or Recovery(max_disconnection=30.0)
    made = [
        Server(
            adapter=RedisStreamsAdapter.from_url(redis.url, **options),
            connection_state_recovery=recovery,
        )
        for _ in range(count)
    ]
    nets = [Serving(io) for io in made]
    try:
        for io in made:
            io.of("/side")
            await io.listen(port=0)
        yield nets
    finally:
        for net in nets:
            net.abort()
            await net.io.close()


class Away:
    """What a client remembers of its connection."""

    def __init__(self, client: Wire, answer: dict[str, str]) -> None:
        self.client = client
        self.id = answer["sid"]
        self.pid = answer["pid"]
        self.offset: str | None = None

    async def event(self) -> list[Any]:
        """Return the next event, without its offset, which is remembered."""
        packet = await self.client.receive_text()
        assert packet.startswith("42"), packet
        *args, self.offset = json.loads(packet[2:])
        return list(args)

    @property
    def auth(self) -> str:
        offset = {} if self.offset is None else {"offset": self.offset}
        return json.dumps({"pid": self.pid, **offset})


async def arrive(
    net: Serving | int, auth: str = "", namespace: str = ""
) -> tuple[list[list[Any]], Away]:
    """Connect; return the events that were missed, and the connection."""
    port = net if isinstance(net, int) else net.port
    client = await WebSocketClient.open(port)
    if isinstance(net, Serving):
        net._clients.append(client)
    await client.send(f"40{namespace}{auth}")
    missed = []
    while not (packet := await client.receive_text()).startswith("40"):
        missed.append(json.loads(packet[2:]))
    back = Away(client, json.loads(packet[len(f"40{namespace}") :]))
    if missed:
        back.offset = missed[-1][-1]
    return [event[:-1] for event in missed], back


async def lose(net: Serving, away: Away) -> None:
    """Lose the connection, and wait until the server has noticed."""
    away.client.abort()
    await until(lambda: away.id not in net.io.sockets)


async def gone(redis: RedisServer, away: Away) -> None:
    """Wait until the session is in Redis."""
    await until(lambda: redis.command("EXISTS", f"sio:session:{away.pid}") == 1)


async def move(
    redis: RedisServer, before: Serving, after: Serving, away: Away
) -> tuple[list[list[Any]], Away]:
    """Lose the connection, and come back to another server; return what `arrive` does."""
    await lose(before, away)
    await gone(redis, away)
    return await arrive(after, away.auth)


def sessions(net: Serving) -> Any:
    adapter = net.io.adapter
    assert isinstance(adapter, RedisStreamsAdapter)
    return adapter._sessions


async def begun(net: Serving, stream: str) -> None:
    """Wait until a stream is read."""
    await until(lambda: readers(net)[stream]._task and readers(net)[stream].began.is_set())


def readers(net: Serving) -> dict[str, StreamReader]:
    adapter = net.io.adapter
    assert isinstance(adapter, RedisStreamsAdapter)
    return adapter._hub._readers

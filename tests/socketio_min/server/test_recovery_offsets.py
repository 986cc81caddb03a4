"""recovery_memory.py: what has an offset, what is kept, and for whom."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest

from socketio_min import (
    MemoryAdapter,
    Recovery,
    Server,
    Session,
    UsageError,
)
from socketio_min.cluster.recovery_memory import MemoryRecovery
from tests.socketio_min.server.recovering import connect, gone, lose, offset_of, server, serving
from tests.socketio_min.wire import WebSocketClient
from tests.waiting import until


async def test_who_missed_more_than_may_wait_for_a_client_begins_anew() -> None:
    ended: list[Session] = []
    io = server(Recovery(expired=ended.append), max_buffered=1000)
    async with serving(io) as clients:
        first = await gone(clients)
        io.emit("large", "x" * 1000)
        again = await clients.open()
        assert (await connect(again, {"pid": first["pid"]}))["sid"] != first["sid"]
        assert [session.id for session in ended] == [first["sid"]]


async def test_a_volatile_event_has_an_offset_only_behind_a_text() -> None:
    io = server()
    async with serving(io) as clients:
        client = await clients.open()
        first = await connect(client)
        socket = io.sockets[first["sid"]]
        io.emit("kept")
        offset = offset_of(await client.receive())
        for target in (io, socket):
            target.volatile.emit("v", 1)
            assert await client.receive() == '42["v",1]'
            target.volatile.emit("v", "text")
            assert await client.receive() == f'42["v","text","{offset}"]'
            target.volatile.emit("v")
            assert await client.receive() == '42["v"]'
        await lose(clients, client)
        again = await clients.open()
        assert await connect(again, {"pid": first["pid"], "offset": offset}) == first


async def test_a_volatile_event_is_not_kept() -> None:
    io = server()
    async with serving(io) as clients:
        client = await clients.open()
        first = await connect(client)
        socket = io.sockets[first["sid"]]
        await lose(clients, client)
        io.volatile.emit("v")
        socket.volatile.emit("v")
        again = await clients.open()
        assert await connect(again, {"pid": first["pid"]}) == first


async def test_events_that_ask_for_acknowledgement_have_no_offset() -> None:
    io = server()
    async with serving(io) as clients:
        client = await clients.open()
        first = await connect(client)
        call = asyncio.create_task(io.sockets[first["sid"]].call("ask", "a"))
        assert await client.receive() == '420["ask","a"]'
        await client.send('430["b"]')
        assert await call == "b"


async def test_what_nobody_gets_is_not_kept() -> None:
    io = server()
    async with serving(io):
        io.emit("nobody")
        with pytest.raises(UsageError, match="'connect'"):
            io.emit("connect")
        assert io._memory is not None
        assert len(io._memory.log) == 0


async def test_nobody_reads_along_with_who_is_away() -> None:
    io = server()
    async with serving(io) as clients:
        client, other = await clients.open(), await clients.open()
        first, second = await connect(client), await connect(other)
        await lose(clients, client)
        with pytest.raises(UsageError, match="may come back"):
            io.sockets[second["sid"]].join(["a", first["sid"]])
        assert io.sockets[second["sid"]].rooms == {second["sid"]}


async def test_a_dynamic_namespace_remembers_without_sockets() -> None:
    io = server()
    io.of(re.compile("^/room-"))
    async with serving(io) as clients:
        client = await clients.open()
        first = await connect(client, namespace="/room-1")
        await client.finish()
        await until(lambda: not io.connections)
        again = await clients.open()
        assert await connect(again, {"pid": first["pid"]}, "/room-1") == first


async def test_without_recovery_a_private_id_means_nothing() -> None:
    io = Server()
    await io.listen(port=0)
    client = await WebSocketClient.open(io.port)
    sid = await client.join("/", '{"pid":"x","offset":"y"}')
    assert not io.sockets[sid].recovered
    client.abort()
    await io.close()


async def test_an_adapter_that_cannot_recover_is_refused() -> None:
    with pytest.raises(UsageError, match="MemoryAdapter, that cannot recover"):
        Server(connection_state_recovery=Recovery(), adapter=MemoryAdapter)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_disconnection": 0}, "max_disconnection: got 0"),
        ({"max_packets": -1}, "max_packets: got -1"),
        ({"max_bytes": "1"}, "max_bytes: got '1'"),
        ({"max_sessions": 0}, "max_sessions: got 0"),
        ({"skip_middlewares": 1}, "skip_middlewares: got 1"),
        ({"expired": 1}, "expired: got 1"),
    ],
)
def test_options_are_checked(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Recovery(**options)


def test_the_option_is_a_recovery() -> None:
    with pytest.raises(UsageError, match="connection_state_recovery: got a value of type dict"):
        Server(connection_state_recovery={"max_disconnection": 1})  # type: ignore[arg-type]


def test_each_log_has_its_own_name() -> None:
    names = {MemoryRecovery(Recovery(), Server().engine, print).log.offset for _ in range(20)}
    assert len(names) == 20

"""streams.py, stream_reader.py and stream_sessions.py, whose commands Redis refuses for good."""

from __future__ import annotations

import asyncio
import logging

import pytest

from socketio_min import Recovery, Session
from socketio_min.cluster.redis import RedisStreamsAdapter, stream_reader
from socketio_min.cluster.redis.link import Link
from tests.socketio_min.cluster.redis_server import RedisServer
from tests.socketio_min.cluster.returning import arrive, gone, lose, move, readers, servers
from tests.socketio_min.serving import Serving
from tests.waiting import eventually as until

STREAM = "socket.io"
LARGE = "x" * 1_100_000
# What makes Redis refuse to add to the stream, its error, and what ends that.
REFUSALS: dict[str, tuple[list[str], list[str]]] = {
    "OOM": (["CONFIG SET maxmemory 1"], ["CONFIG SET maxmemory 0"]),
    "WRONGTYPE": ([f"RENAME {STREAM} kept", f"SET {STREAM} x"], [f"RENAME kept {STREAM}"]),
    "READONLY": (["REPLICAOF 127.0.0.1 1"], ["REPLICAOF NO ONE"]),
    "NOPERM": (["ACL SETUSER default -xadd"], ["ACL SETUSER default +xadd"]),
}


@pytest.fixture(autouse=True)
def tries_again_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_reader, "RETRY", 0.001)


def order(redis: RedisServer, commands: list[str]) -> None:
    for command in commands:
        assert redis.command(*command.split()) == b"OK"


def adapter_of(net: Serving) -> RedisStreamsAdapter:
    adapter = net.io.adapter
    assert isinstance(adapter, RedisStreamsAdapter)
    return adapter


@pytest.mark.parametrize("error", REFUSALS)
async def test_local_clients_get_what_redis_does_not_take(
    redis: RedisServer, error: str, caplog: pytest.LogCaptureFixture
) -> None:
    begin, end = REFUSALS[error]
    async with servers(redis) as (a, b):
        _, here = await arrive(a)
        _, there = await arrive(b)
        a.io.emit("before")
        assert await here.event() == ["before"]
        assert await there.event() == ["before"]
        order(redis, begin)
        try:
            for number in range(3):
                a.io.emit("refused", number)
                assert await here.client.receive() == f'42["refused",{number}]'
        finally:
            order(redis, end)
        assert adapter_of(a)._sent == {}
        await until(lambda: readers(a)[STREAM].reads and readers(b)[STREAM].reads)
        a.io.emit("after")
        assert await here.event() == ["after"]
        assert await there.event() == ["after"]
    assert caplog.text.count(f"refused a message to other servers ({error}") == 1


async def test_an_event_above_what_redis_reads_reaches_local_clients(redis: RedisServer) -> None:
    """Redis ends the connection by which it came."""
    order(redis, ["CONFIG SET proto-max-bulk-len 1048576"])
    async with servers(redis, 1) as (a,):
        _, here = await arrive(a)
        a.io.emit("before")
        a.io.emit("large", LARGE)
        assert '"before"' in await here.client.receive_text()
        assert await here.client.receive() == f'42["large","{LARGE}"]'
        assert adapter_of(a)._sent == {}
        await until(lambda: a.io.cluster.connected)
        a.io.emit("after")
        assert await here.event() == ["after"]
    order(redis, ["CONFIG SET proto-max-bulk-len 536870912"])


async def test_local_clients_do_not_wait_for_a_stream_that_may_not_be_read(
    redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with servers(redis, 1) as (a,):
        _, here = await arrive(a)
        order(redis, ["ACL SETUSER default -xread"])
        # The present reading ends.
        a.io.emit("read")
        assert await here.event() == ["read"]
        await until(lambda: not readers(a)[STREAM].reads)
        a.io.emit("not read")
        assert await here.client.receive() == '42["not read"]'
        await until(lambda: refused_readings(redis) > 5)
        order(redis, ["ACL SETUSER default +xread"])
        await until(lambda: readers(a)[STREAM].reads)
        a.io.emit("next")
        assert await here.event() == ["next"]
        assert caplog.text.count("does not let the stream socket.io be read: NOPERM") == 1
        assert adapter_of(a)._sent == {}


def refused_readings(redis: RedisServer) -> int:
    stats = redis.command("INFO", "commandstats")
    assert isinstance(stats, bytes)
    line = next(one for one in stats.decode().splitlines() if one.startswith("cmdstat_xread:"))
    return int(line.partition("rejected_calls=")[2].partition(",")[0])


async def test_local_clients_do_not_wait_for_a_reader_that_is_away(redis: RedisServer) -> None:
    async with servers(redis) as (a, b):
        _, here = await arrive(a)
        reader = readers(a)[STREAM]
        assert isinstance(reader._link, Link)
        assert reader._link._connection is not None
        reader._link._connection.abort("cut")
        a.io.emit("on its way")
        assert await here.client.receive() == '42["on its way"]'
        await until(lambda: reader.reads)
        a.io.emit("next")
        assert await here.event() == ["next"]
        # Who comes back without having had "next" is not given the other one again.
        here.offset = None
        missed, back = await move(redis, a, b, here)
        assert (missed, back.id) == ([["next"]], here.id)


async def test_local_clients_get_what_was_taken_out_of_the_stream(redis: RedisServer) -> None:
    async with servers(redis, 1) as (a,):
        _, here = await arrive(a)
        reader = readers(a)[STREAM]
        assert reader._task is not None
        reader._task.cancel()
        await asyncio.gather(reader._task, return_exceptions=True)
        a.io.emit("trimmed")
        await a.io.adapter.server_count()
        redis.command("XTRIM", STREAM, "MAXLEN", "0")
        a.io.emit("next")
        reader._task = asyncio.get_running_loop().create_task(reader._read())
        assert await here.client.receive() == '42["trimmed"]'
        assert await here.event() == ["next"]


async def test_sessions_that_may_not_be_read_are_told_once(
    redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    async with servers(redis) as (a, b):
        aways = [(await arrive(a))[1] for _ in range(2)]
        for away in aways:
            await lose(a, away)
            await gone(redis, away)
        order(redis, ["ACL SETUSER default -getdel"])
        try:
            for away in aways:
                _, back = await arrive(b, away.auth)
                assert back.id != away.id
        finally:
            order(redis, ["ACL SETUSER default +getdel"])
    assert caplog.text.count("Redis refuses what sessions need: NOPERM") == 1


async def test_nobody_is_told_of_a_session_that_may_not_be_ended(
    redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    expired: list[Session] = []
    recovery = Recovery(max_disconnection=0.001, expired=expired.append)
    order(redis, ["ACL SETUSER default -eval"])
    try:
        async with servers(redis, 1, recovery) as (a,):
            _, away = await arrive(a)
            await lose(a, away)
            await until(lambda: "Redis refuses what sessions need: NOPERM" in caplog.text)
    finally:
        order(redis, ["ACL SETUSER default +eval"])
    assert not expired

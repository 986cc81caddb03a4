"""streams.py and stream_reader.py under load, and while Redis is away."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest

from socketio_min import (
    Server,
)
from socketio_min.cluster.redis import RedisStreamsAdapter, stream_reader, stream_sessions
from socketio_min.cluster.redis import stream_wire as wire
from socketio_min.cluster.redis.address import parse_url
from socketio_min.cluster.redis.link import Link
from socketio_min.cluster.redis.stream_hub import StreamHub
from tests.socketio_min.cluster.redis_server import RedisServer, running_redis
from tests.socketio_min.cluster.returning import (
    arrive,
    begun,
    gone,
    lose,
    move,
    readers,
    servers,
    sessions,
)
from tests.socketio_min.serving import Serving
from tests.waiting import eventually as until


async def test_nothing_is_lost_or_repeated_under_load(redis: RedisServer) -> None:
    """Two servers send numbers all the time while a client changes between them."""
    async with servers(redis) as (a, b):
        nets = [a, b]
        running = True

        async def send(net: Serving, sign: int) -> None:
            number = 0
            while running:
                number += 1
                net.io.emit("n", sign * number)
                await asyncio.sleep(0.002)

        tasks = [asyncio.ensure_future(send(a, 1)), asyncio.ensure_future(send(b, -1))]
        numbers: list[int] = []
        _, away = await arrive(a)
        for turn in range(6):
            for _ in range(5):
                _, number = await away.event()
                numbers.append(number)
            await lose(nets[turn % 2], away)
            await gone(redis, away)
            id_ = away.id
            missed, away = await arrive(nets[(turn + 1) % 2], away.auth)
            assert away.id == id_
            numbers += [number for _, number in missed]
        running = False
        await asyncio.gather(*tasks)
        for sign in (1, -1):
            got = [sign * number for number in numbers if sign * number > 0]
            assert got == list(range(got[0], got[0] + len(got)))


class Growing:
    """A link to Redis, beside which others add to the stream before each reading of it."""

    def __init__(self, link: Any) -> None:
        self._link = link

    def __getattr__(self, name: str) -> Any:
        return getattr(self._link, name)

    async def call(self, *words: Any, key: str) -> Any:
        if words[0] == "XRANGE":
            await self._link.call("XADD", key, "*", "nsp", "/other", key=key)
        return await self._link.call(*words, key=key)


async def test_a_client_comes_back_while_the_stream_grows_all_the_time(
    redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with servers(redis) as (a, b):
        _, away = await arrive(a)
        a.io.emit("had")
        assert await away.event() == ["had"]
        await lose(a, away)
        await gone(redis, away)
        a.io.emit("missed")
        monkeypatch.setattr(sessions(b), "_link", Growing(sessions(b)._link))
        missed, back = await arrive(b, away.auth)
        assert (missed, back.id) == ([["missed"]], away.id)


async def test_local_clients_are_reached_while_redis_is_away() -> None:
    # A kill loses nothing that was answered: the file is written before each answer.
    with running_redis("--appendonly", "yes", "--appendfsync", "always") as server:
        async with servers(server) as (a, b):
            _, here = await arrive(a)
            _, there = await arrive(b)
            a.io.emit("with Redis")
            assert await here.event() == ["with Redis"]
            assert await there.event() == ["with Redis"]
            server.kill()
            # It is on its way when the loss is noticed.
            a.io.emit("sent in vain")
            assert await here.client.receive() == '42["sent in vain"]'
            await until(lambda: not a.io.cluster.connected and not b.io.cluster.connected)
            a.io.emit("without Redis")
            assert await here.client.receive() == '42["without Redis"]'
            server.start()
            await until(lambda: a.io.cluster.connected and b.io.cluster.connected)
            await until(lambda: readers(a)["socket.io"].reads)
            assert await there.event() == ["without Redis"]
            a.io.emit("again")
            assert await here.event() == ["again"]
            assert await there.event() == ["again"]
            # What it had while Redis was away does not come once more.
            here.offset = None
            missed, back = await move(server, a, b, here)
            assert (missed, back.id) == ([["with Redis"], ["again"]], here.id)


async def test_what_was_given_without_redis_is_not_given_again(redis: RedisServer) -> None:
    async with servers(redis) as (a, b):
        _, here = await arrive(a)
        _, there = await arrive(b)
        adapter = a.io.adapter
        assert isinstance(adapter, RedisStreamsAdapter)
        a.io.emit("on its way")
        adapter._changed(False)
        assert await here.client.receive() == '42["on its way"]'
        assert await there.event() == ["on its way"]
        adapter._changed(True)
        a.io.emit("next")
        assert await here.event() == ["next"]
        # Who comes back without having had "next" is not given the other one again.
        here.offset = None
        missed, back = await move(redis, a, b, here)
        assert (missed, back.id) == ([["next"]], here.id)


async def test_a_restore_goes_on_until_it_has_passed_the_reader(redis: RedisServer) -> None:
    async with servers(redis) as (a, b):
        _, away = await arrive(a)
        a.io.emit("one")
        await away.event()
        await lose(a, away)
        await gone(redis, away)
        adapter = b.io.adapter
        assert isinstance(adapter, RedisStreamsAdapter)
        reader = adapter._reader
        last, reader.last = reader.last, "9999999999999-0"
        coming = asyncio.ensure_future(arrive(b, away.auth))
        await until(lambda: redis.command("EXISTS", f"sio:session:{away.pid}") == 0)
        reader.last = last
        missed, back = await coming
        assert (missed, back.id) == ([], away.id)


async def test_a_client_that_comes_back_waits_until_the_stream_is_read(redis: RedisServer) -> None:
    async with servers(redis) as (a, b):
        _, away = await arrive(a)
        await lose(a, away)
        await gone(redis, away)
        reader = readers(b)["socket.io"]
        last, reader.last = reader.last, stream_reader.UNKNOWN
        reader.began.clear()
        coming = asyncio.ensure_future(arrive(b, away.auth))
        await until(lambda: b.io.of("/").deciding)
        reader.last = last
        reader.began.set()
        _, back = await coming
        assert back.id == away.id


async def test_what_was_missed_is_not_brought_by_the_reader_again(redis: RedisServer) -> None:
    async with servers(redis) as (a, b):
        _, away = await arrive(a)
        await lose(a, away)
        await gone(redis, away)
        adapter = b.io.adapter
        assert isinstance(adapter, RedisStreamsAdapter)
        reader = adapter._reader
        assert reader._task is not None
        reader._task.cancel()
        await asyncio.gather(reader._task, return_exceptions=True)
        a.io.emit("one")
        await a.io.adapter.server_count()
        missed, back = await arrive(b, away.auth)
        assert (missed, back.id) == ([["one"]], away.id)
        reader._task = asyncio.get_running_loop().create_task(reader._read())
        a.io.emit("two")
        assert await back.event() == ["two"]
        assert adapter._skipping == {}


async def test_nothing_stays_of_a_dynamic_namespace(redis: RedisServer) -> None:
    async with servers(redis, 1) as (a,):
        a.io.of(re.compile("^/room-"))
        adapter = a.io.adapter
        assert isinstance(adapter, RedisStreamsAdapter)
        link, reader = adapter._hub.link, adapter._reader
        assert isinstance(link, Link)
        before = len(link.status._hooks), len(link._subscriptions), len(reader._adapters)
        _, away = await arrive(a, "", "/room-1,")
        await until(lambda: b"/room-1" in reader._adapters)
        await away.client.send("41/room-1,")
        await until(
            lambda: (
                (len(link.status._hooks), len(link._subscriptions), len(reader._adapters)) == before
            )
        )


async def test_a_server_may_listen_again(redis: RedisServer) -> None:
    io = Server(adapter=RedisStreamsAdapter.from_url(redis.url))
    await io.listen(port=0)
    io.emit("before")
    await io.close()
    await io.listen(port=0)
    net = Serving(io)
    client = await net.open()
    await client.send("40")
    await client.receive()
    io.emit("x")
    await client.expect('42["x"]')
    assert await io.adapter.server_count() == 1
    net.abort()
    await io.close()


class Notes:
    """An adapter that notes what it is given."""

    def __init__(self) -> None:
        self.entries: list[wire.Entry] = []

    def take_entry(self, entry: wire.Entry) -> None:
        self.entries.append(entry)

    def give_up(self) -> None:
        """Nothing is on its way."""


async def test_a_namespace_may_come_back_before_it_has_gone(redis: RedisServer) -> None:
    hub = StreamHub(parse_url(redis.url), "a stream", 1, 100)
    old, new = Notes(), Notes()
    await hub.open("/", old)
    await hub.open("/", new)
    redis.command("XADD", "a stream", "*", "nsp", "/")
    await until(lambda: old.entries and new.entries)
    await hub.close("/", old)
    redis.command("XADD", "a stream", "*", "nsp", "/")
    await until(lambda: len(new.entries) == 2)
    assert len(old.entries) == 1
    await hub.close("/", new)


async def test_a_server_starts_without_redis(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socketio_min.cluster.redis.link.CONNECT_TIMEOUT", 0.05)
    io = Server(adapter=RedisStreamsAdapter.from_url("redis://127.0.0.1:1"))
    await io.listen(port=0)
    assert not io.cluster.connected
    await io.close()


async def test_local_clients_are_reached_before_the_stream_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As when a server has started without Redis, and one of its links is back first."""
    monkeypatch.setattr("socketio_min.cluster.redis.link.CONNECT_TIMEOUT", 0.05)
    monkeypatch.setattr("socketio_min.cluster.redis.stream_reader.RETRY", 0.01)
    with running_redis() as server:
        server.command("XADD", "socket.io", "*", "nsp", "/")
        server.command("ACL", "SETUSER", "default", "-xrevrange")
        async with servers(server, 2) as (a, b):
            _, here = await arrive(a)
            a.io.emit("early", "a text")
            assert await here.client.receive() == '42["early","a text"]'
            server.command("ACL", "SETUSER", "default", "+xrevrange")
            await begun(a, "socket.io")
            await begun(b, "socket.io")
            a.io.emit("later")
            assert await here.event() == ["later"]
            # Nobody knows where in the stream the session of the client began.
            here.offset = None
            _, back = await move(server, a, b, here)
            assert back.id != here.id


async def test_what_has_no_place_reaches_local_clients() -> None:
    with running_redis() as server:
        async with servers(server, 1) as (a,):
            _, here = await arrive(a)
            adapter = a.io.adapter
            assert isinstance(adapter, RedisStreamsAdapter)
            link = adapter._hub.link
            assert isinstance(link, Link)
            link._max_waiting = 0
            link._paused = True
            a.io.emit("x")
            assert await here.client.receive() == '42["x"]'
            assert a.io.cluster.dropped == 1
            link._paused = False


async def test_a_restore_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_sessions, "RESTORE_TIMEOUT", 0.05)
    with running_redis() as server:
        async with servers(server, 1) as (a,):
            server.kill()
            await until(lambda: not a.io.cluster.connected)
            _, back = await arrive(a, '{"pid":"p"}')
            assert back.id


async def test_a_stream_that_cannot_be_read_is_told(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("socketio_min.cluster.redis.stream_reader.RETRY", 0.01)
    with running_redis() as server:
        async with servers(server, 1) as (a,):
            server.command("SET", "socket.io", "no stream")
            a.io.emit("x")
            await until(lambda: "does not let the stream socket.io be read" in caplog.text)
            server.command("DEL", "socket.io")
            _, here = await arrive(a)
            await until(lambda: readers(a)["socket.io"].reads)
            a.io.emit("y")
            assert await here.event() == ["y"]

"""stream_sessions_ahead.py: sessions in Redis while their clients are here, in case of a crash."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from functools import partial
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from socketio_min import Recovery, Session
from socketio_min.cluster.redis import RedisStreamsAdapter
from socketio_min.cluster.redis.stream_sessions_ahead import SessionsAhead
from tests.socketio_min.cluster.redis_server import RedisServer, running_redis
from tests.socketio_min.cluster.returning import Away, arrive, gone, lose, move, servers, sessions
from tests.socketio_min.serving import Serving
from tests.socketio_min.wire import Ended
from tests.waiting import eventually as until


def stored(redis: RedisServer, away: Away) -> dict[str, Any] | None:
    """Return what Redis has of a client, None if nothing."""
    value = redis.command("GET", f"sio:session:{away.pid}")
    assert value is None or isinstance(value, bytes)
    return None if value is None else msgspec.msgpack.decode(base64.b64decode(value))


def nothing_stored(redis: RedisServer, away: Away) -> bool:
    return stored(redis, away) is None


async def test_a_client_comes_back_that_nobody_misses_yet(redis: RedisServer) -> None:
    """As from a server that was killed; one that runs ends the connection that was left."""
    async with servers(redis) as (a, b):
        _, left = await arrive(a)
        a.io.sockets[left.id].data["name"] = "Ada"
        a.io.sockets[left.id].join("red")
        b.io.emit("one", 1)
        assert await left.event() == ["one", 1]
        await until(lambda: "red" in (stored(redis, left) or {"rooms": ()})["rooms"])
        a.io.sockets[left.id].join("blue")
        a.io.sockets[left.id].leave("blue")
        b.io.to("red").emit("two")
        missed, back = await arrive(b, left.auth)
        assert (missed, back.id, back.pid) == ([["two"]], left.id, left.pid)
        assert b.io.sockets[back.id].rooms == {back.id, "red"}
        assert b.io.sockets[back.id].data == {"name": "Ada"}
        await until(lambda: left.id not in a.io.sockets)
        assert await left.event() == ["two"]
        assert await left.client.receive() == "41"
        with pytest.raises(Ended):
            await left.client.receive()
        # The first server has deleted nothing: what there is now is the second one's.
        a.io.emit("three")
        assert await back.event() == ["three"]
        await lose(b, back)
        a.io.to("red").emit("four")
        missed, again = await arrive(a, back.auth)
        assert (missed, again.id) == ([["four"]], left.id)


async def test_nothing_is_kept_of_a_client_that_has_left(redis: RedisServer) -> None:
    async with servers(redis) as (a, b):
        leave: list[Any] = [
            lambda away: away.client.send("41"),
            lambda away: async_call(a.io.sockets[away.id].disconnect),
            lambda away: async_call(b.io.in_(away.id).disconnect_sockets),
        ]
        for how in leave:
            _, away = await arrive(a)
            await gone(redis, away)
            await how(away)
            await until(partial(nothing_stored, redis, away))
            _, other = await arrive(b, away.auth)
            assert other.id != away.id


async def async_call(function: Any) -> None:
    function()


async def test_a_session_is_written_again_before_it_expires(
    redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with servers(redis, 1, Recovery(max_disconnection=0.2)) as (a,):
        _, here = await arrive(a)
        a.io.sockets[here.id].join("red")
        await until(lambda: "red" in (stored(redis, here) or {"rooms": ()})["rooms"])
        a.io.sockets[here.id].leave("red")
        await until(lambda: "red" not in (stored(redis, here) or {"rooms": ["red"]})["rooms"])
        # What cannot be kept is told once, when the client has gone.
        a.io.sockets[here.id].data["lock"] = object()
        a.io.sockets[here.id].join("blue")
        await until(lambda: "blue" in (stored(redis, here) or {"rooms": ()})["rooms"])
        assert caplog.text == ""
        del a.io.sockets[here.id].data["lock"]
        await gone(redis, here)
        # Nobody tells of what is written into `data`.
        a.io.sockets[here.id].data["n"] = 1
        await until(lambda: (stored(redis, here) or {"data": {}})["data"] == {"n": 1})
        # Half of the time of a session, and what outlasts it.
        left = redis.command("PTTL", f"sio:session:{here.pid}")
        assert isinstance(left, int)
        assert 0 < left <= 5_300


async def test_a_server_may_leave_it(redis: RedisServer) -> None:
    async with servers(redis, survive_crashes=False) as (a, b):
        _, left = await arrive(a)
        a.io.sockets[left.id].join("red")
        a.io.emit("one")
        await left.event()
        assert stored(redis, left) is None
        _, other = await arrive(b, left.auth)
        assert other.id != left.id
        _, back = await move(redis, a, b, left)
        assert back.id == left.id


async def test_sessions_are_written_again_when_redis_has_lost_them() -> None:
    with running_redis() as server:
        async with servers(server, 1) as (a,):
            _, here = await arrive(a)
            await gone(server, here)
            server.kill()
            await until(lambda: not a.io.cluster.connected)
            # It waits in no queue, and has left before anything was written of it.
            a.io.sockets[here.id].join("red")
            _, shy = await arrive(a)
            await shy.client.send("41")
            await until(lambda: shy.id not in a.io.sockets)
            await asyncio.to_thread(server.start)
            await gone(server, here)
            assert "red" in (stored(server, here) or {})["rooms"]
            assert stored(server, shy) is None


async def test_an_event_that_the_client_may_have_gives_a_new_socket(redis: RedisServer) -> None:
    """A server gives an event to its clients when Redis is away; whether this one was there?"""
    async with servers(redis) as (a, b):
        _, left = await arrive(a)
        await gone(redis, left)
        send_late(redis, a)
        _, other = await arrive(b, left.auth)
        assert other.id != left.id
        # Of one that was missed at that time it is known.
        _, away = await arrive(a)
        await lose(a, away)
        await asyncio.sleep(0.002)
        send_late(redis, a)
        missed, back = await arrive(b, away.auth)
        assert (missed, back.id) == ([["late"]], away.id)


def send_late(redis: RedisServer, net: Serving) -> None:
    """Send an event as a server whose Redis was away just now."""
    adapter = net.io.adapter
    assert isinstance(adapter, RedisStreamsAdapter)
    data = json.dumps({"packet": {"type": 2, "data": ["late"]}, "opts": {"rooms": []}})
    fields = ("uid", adapter.uid, "nsp", "/", "type", "3", "data", data)
    late = ("late", str(round(time.time() * 1000)))
    redis.command("XADD", "socket.io", "*", *fields, *late)


async def test_a_server_ends_no_session_that_another_one_has_written(redis: RedisServer) -> None:
    expired: list[str] = []
    short = Recovery(max_disconnection=0.2, expired=lambda one: expired.append(one.id))
    async with servers(redis, 1, short) as (a,), servers(redis, 1) as (b,):
        _, away = await arrive(a)
        await lose(a, away)
        _, back = await arrive(b, away.auth)
        assert back.id == away.id
        await lose(b, back)
        await gone(redis, back)
        await until(lambda: not sessions(a)._tasks)
        assert expired == []
        _, again = await arrive(b, back.auth)
        assert again.id == away.id


async def test_who_goes_while_it_comes_back_has_missed_nothing(redis: RedisServer) -> None:
    async with servers(redis) as (a, b):
        _, away = await arrive(a)
        await lose(a, away)
        a.io.emit("one")
        await a.io.adapter.server_count()
        adapter = b.io.adapter
        assert isinstance(adapter, RedisStreamsAdapter)
        restored = await adapter.restore_session(away.pid, None)
        assert restored is not None
        assert len(restored.missed) == 1
        adapter.persist_session(restored.session)
        missed, back = await arrive(b, away.auth)
        assert (missed, back.id) == ([["one"]], away.id)


# --- what is written when


class Writings:
    """What was written of sockets, in order."""

    def __init__(self, interval: float = 60.0) -> None:
        self.ids: list[str] = []
        self.ahead = SessionsAhead(lambda session: self.ids.append(session.id), interval)

    def begin(self, socket_id: str) -> None:
        session = Session("/", socket_id, socket_id, (), {})
        self.ahead.begin(SimpleNamespace(id=socket_id, pid=socket_id, session=session))


async def test_a_turn_writes_a_session_once() -> None:
    writings = Writings()
    writings.begin("a")
    writings.begin("b")
    writings.ahead.note("a")
    writings.ahead.note("nobody")
    ended = writings.ahead.end("b")
    assert ended is not None
    assert ended.id == "b"
    assert writings.ahead.end("b") is None
    await asyncio.sleep(0)
    assert writings.ids == ["a"]
    writings.ahead.close()


async def test_a_look_writes_its_share_of_what_is_due() -> None:
    """Who came at the same time does not cost a long turn of the loop."""
    writings = Writings()
    for number in range(1_000):
        writings.begin(str(number))
    await asyncio.sleep(0)
    assert len(writings.ids) == 1_000
    writings.ahead._look()
    assert len(writings.ids) == 1_000
    writings.ahead.all_due()
    writings.ahead._look()
    assert len(writings.ids) == 1_011
    for _ in range(91):
        writings.ahead._look()
    assert sorted(map(int, writings.ids[1_000:])) == [*range(1_000)]
    writings.ahead.close()


async def test_nobody_is_looked_after_when_all_have_gone() -> None:
    writings = Writings()
    writings.begin("a")
    await asyncio.sleep(0)
    writings.ahead.end("a")
    writings.ahead._look()
    assert writings.ahead._timer is None
    writings.ahead.close()

"""stream_sessions.py and stream_sessions_ahead.py: clients come back on any server."""

from __future__ import annotations

import base64
import json
from typing import Any

import msgspec
import pytest

from socketio_min import (
    Client,
    Recovery,
    Session,
    Socket,
)
from socketio_min.cluster.redis import stream_sessions
from tests.socketio_min.cluster.clusters import node_member
from tests.socketio_min.cluster.redis_server import RedisServer, running_redis
from tests.socketio_min.cluster.returning import (
    arrive,
    gone,
    lose,
    servers,
    sessions,
)
from tests.socketio_min.wire import WebSocketClient
from tests.waiting import eventually as until


async def test_a_client_comes_back_on_another_server(redis: RedisServer) -> None:
    async with servers(redis) as (a, b):
        _, away = await arrive(a)
        socket = a.io.sockets[away.id]
        socket.join("red")
        socket.data["name"] = "Ada"
        a.io.emit("one", 1)
        b.io.to("red").emit("two", b"\x00")
        assert await away.event() == ["one", 1]
        packet = await away.client.receive_text()
        away.offset = json.loads(packet[4:])[-1]
        assert await away.client.receive() == b"\x00"
        await lose(a, away)
        await gone(redis, away)
        b.io.to("red").emit("three")
        # Of two senders, the order is that of their writes.
        await b.io.adapter.server_count()
        a.io.to("blue").emit("not for it")
        a.io.to("red").except_(away.id).emit("not for it either")
        b.io.of("/side").emit("nor this")
        b.io.volatile.emit("nor this")
        a.io.emit("four")
        await a.io.adapter.server_count()
        missed, back = await arrive(b, away.auth)
        assert missed == [["three"], ["four"]]
        assert (back.id, back.pid) == (away.id, away.pid)
        found = b.io.sockets[back.id]
        assert found.recovered
        assert found.rooms == {back.id, "red"}
        assert found.data == {"name": "Ada"}
        # Whoever presents the private id has the socket, and nobody else: the other one ends.
        missed, third = await arrive(a, away.auth)
        assert (missed, third.id) == ([["three"], ["four"]], away.id)
        assert await back.client.receive() == "41"
        # No event twice.
        a.io.to("red").emit("five")
        assert await third.event() == ["five"]


async def test_what_was_missed_is_read_in_parts(
    redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_sessions, "PAGE", 1)
    async with servers(redis) as (a, b):
        _, away = await arrive(a)
        _, other = await arrive(b)
        a.io.emit("before")
        assert [await away.event(), await other.event()] == [["before"], ["before"]]
        await lose(a, away)
        await gone(redis, away)
        for name in ("one", "two", "three"):
            a.io.emit(name)
        # The server has read all of them when the client comes.
        assert [await other.event() for _ in range(3)] == [["one"], ["two"], ["three"]]
        missed, _ = await arrive(b, away.auth)
        assert missed == [["one"], ["two"], ["three"]]


async def test_a_client_without_an_event_comes_back(redis: RedisServer) -> None:
    async with servers(redis) as (a, b):
        _, other = await arrive(a)
        a.io.emit("before it came")
        # A server gives an event to the sockets that it has when it reads the event.
        await other.event()
        _, away = await arrive(a, '{"offset":"1-1"}')
        await lose(a, away)
        await gone(redis, away)
        b.io.to(away.id).emit("for it", "text")
        missed, back = await arrive(b, away.auth)
        assert missed == [["for it", "text"]]
        assert back.id == away.id
        await lose(b, back)
        await gone(redis, back)
        missed, again = await arrive(a, back.auth)
        assert (missed, again.id) == ([], away.id)


async def test_events_of_a_socket_wait_for_it(redis: RedisServer) -> None:
    async with servers(redis) as (a, b):
        _, away = await arrive(a)
        socket = a.io.sockets[away.id]
        socket.emit("one", "x")
        assert await away.event() == ["one", "x"]
        socket.volatile.emit("volatile", "text")
        last = away.offset
        assert await away.event() == ["volatile", "text"]
        assert away.offset == last
        socket.volatile.emit("volatile", 1)
        assert await away.client.receive() == '42["volatile",1]'
        a.io.volatile.emit("to all", "text")
        assert await away.event() == ["to all", "text"]
        a.io.local.emit("local", 1)
        assert await away.client.receive() == '42["local",1]'
        await lose(a, away)
        await gone(redis, away)
        socket.volatile.emit("nobody")
        socket.emit("two")
        missed, back = await arrive(b, away.auth)
        assert missed == [["two"]]
        # A handler may hold the socket that was.
        socket.emit("three")
        assert await back.event() == ["three"]


async def test_node_and_this_project_take_each_other_s_sessions(redis: RedisServer) -> None:
    with node_member("--adapter", "streams", "--redis", redis.url, "--recovery", "30") as url:
        node = int(url.rsplit(":", 1)[1])
        async with servers(redis, 1) as (a,):
            _, away = await arrive(node)
            await away.client.send('421["join","red"]', '422["data",{"n":[1]}]')
            await away.client.expect("431[]", "432[]")
            a.io.to("red").emit("one")
            assert await away.event() == ["one"]
            await away.client.send('42["drop"]')
            await gone(redis, away)
            away.client.abort()
            a.io.to("red").emit("two", b"2")
            a.io.to("red").emit("three")
            await a.io.adapter.server_count()
            client = await WebSocketClient.open(a.port)
            a._clients.append(client)
            await client.send(f"40{away.auth}")
            assert (await client.receive_text()).startswith('451-["two",')
            assert await client.receive() == b"2"
            assert (await client.receive_text()).startswith('42["three",')
            assert f'"sid":"{away.id}"' in await client.receive_text()
            assert a.io.sockets[away.id].data == {"n": [1]}

            _, mine = await arrive(a)
            a.io.sockets[mine.id].join("red")
            a.io.to("red").emit("four")
            assert await mine.event() == ["four"]
            await lose(a, mine)
            await gone(redis, mine)
            a.io.to("red").emit("five")
            await a.io.adapter.server_count()
            missed, back = await arrive(node, mine.auth)
            assert (missed, back.id) == ([["five"]], mine.id)
            back.client.abort()


@pytest.mark.parametrize("offset", ["x", "1-1", "-", "9999999999999-0", "1-" + "9" * 30])
async def test_an_unknown_offset_gives_a_new_socket(redis: RedisServer, offset: str) -> None:
    async with servers(redis) as (a, b):
        _, away = await arrive(a)
        await lose(a, away)
        await gone(redis, away)
        away.offset = offset
        _, back = await arrive(b, away.auth)
        assert back.id != away.id


@pytest.mark.parametrize("pid", ["unknown", "x" * 65])
async def test_an_unknown_pid_gives_a_new_socket(redis: RedisServer, pid: str) -> None:
    async with servers(redis, 1) as (a,):
        missed, back = await arrive(a, json.dumps({"pid": pid}))
        assert (missed, len(back.id)) == ([], 20)


def session(**fields: Any) -> bytes:
    whole = {"sid": "s" * 20, "pid": "p", "rooms": [], "data": {}, "begun": "0-0", **fields}
    return base64.b64encode(msgspec.msgpack.encode(whole))


@pytest.mark.parametrize(
    "value",
    [
        b"\xff",
        b"wQ==",
        base64.b64encode(msgspec.msgpack.encode([1])),
        session(sid=1),
        session(rooms=1),
        session(begun=1),
        session(begun="x"),
        session(data=[1]),
    ],
)
async def test_a_malformed_session_gives_a_new_socket(redis: RedisServer, value: bytes) -> None:
    async with servers(redis, 1) as (a,):
        redis.command("SET", "sio:session:p", value)
        _, back = await arrive(a, '{"pid":"p"}')
        assert back.id != "s" * 20


async def test_a_session_is_of_its_namespace(redis: RedisServer) -> None:
    async with servers(redis) as (a, b):
        _, away = await arrive(a)
        await lose(a, away)
        await gone(redis, away)
        _, other = await arrive(b, away.auth, "/side,")
        assert other.id != away.id
        await gone(redis, away)
        _, back = await arrive(b, away.auth)
        assert back.id == away.id


async def test_what_was_dropped_from_the_stream_gives_a_new_socket(redis: RedisServer) -> None:
    async with servers(redis, max_length=1) as (a, b):
        _, away = await arrive(a)
        a.io.emit("one")
        await away.event()
        await lose(a, away)
        await gone(redis, away)
        redis.command("XTRIM", "socket.io", "MAXLEN", "=", "0")
        _, back = await arrive(b, away.auth)
        assert back.id != away.id


async def test_the_stream_may_be_empty() -> None:
    with running_redis() as server:
        async with servers(server, 1) as (a,):
            _, away = await arrive(a)
            await lose(a, away)
            await gone(server, away)
            a.io.emit("first")
            missed, back = await arrive(a, away.auth)
            assert (missed, back.id) == ([["first"]], away.id)
        async with servers(server, 1, max_length=1) as (a,):
            server.command("SET", "sio:session:p", session())
            _, back = await arrive(a, '{"pid":"p"}')
            assert back.id != "s" * 20


async def test_what_cannot_be_kept_is_left_out(
    redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with servers(redis) as (a, b):
        _, away = await arrive(a)
        a.io.sockets[away.id].data["lock"] = object()
        await lose(a, away)
        await gone(redis, away)
        _, back = await arrive(b, away.auth)
        assert b.io.sockets[back.id].data == {}
    assert "the data of a socket cannot be kept" in caplog.text


async def test_a_session_expires(redis: RedisServer, caplog: pytest.LogCaptureFixture) -> None:
    expired: list[str] = []

    async def note(one: Session) -> None:
        expired.append(one.id)

    def broken(one: Session) -> None:
        expired.append(one.id)
        raise RuntimeError("no")

    for handler in (note, lambda one: expired.append(one.id), broken):
        recovery = Recovery(max_disconnection=0.2, expired=handler)
        async with servers(redis, 2, recovery) as (a, b):
            _, away = await arrive(a)
            _, other = await arrive(a)
            await lose(a, away)
            await lose(a, other)
            await gone(redis, other)
            _, back = await arrive(b, other.auth)
            assert back.id == other.id
            await until(lambda: expired)
            assert expired == [away.id]
            assert redis.command("EXISTS", f"sio:session:{away.pid}") == 0
            await until(lambda: not sessions(a)._tasks)
            expired.clear()
    assert caplog.text.count("the handler of expired sessions failed") == 1


async def test_who_waits_for_an_end_ends_with_the_server(redis: RedisServer) -> None:
    recovery = Recovery(max_disconnection=30.0, expired=lambda one: None)
    async with servers(redis, 1, recovery) as (a,):
        _, away = await arrive(a)
        await lose(a, away)
        assert len(sessions(a)._tasks) == 1
    assert not sessions(a)._tasks


async def test_our_client_comes_back_by_itself(redis: RedisServer) -> None:
    async with servers(redis, 1) as (a,):
        client = Client(f"http://127.0.0.1:{a.port}", reconnection_delay=0.01)
        heard: list[Any] = []
        client.on_any(lambda event, *args: heard.append((event, args[0])))
        await client.connect()
        id_ = client.id
        a.io.emit("n", 1)
        await until(lambda: heard)
        socket: Socket = a.io.sockets[str(id_)]
        socket.connection.close()
        await until(lambda: not client.connected)
        a.io.emit("n", 2)
        await until(lambda: len(heard) == 2)
        assert client.recovered
        assert client.id == id_
        assert heard == [("n", 1), ("n", 2)]
        await client.close()

"""streams.py and stream_*.py: clients come back on any server."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from socketio_min import (
    BroadcastOptions,
    Client,
    EncodeError,
    Recovery,
    Server,
    Session,
    Socket,
    UsageError,
)
from socketio_min.cluster.messages import Broadcast
from socketio_min.cluster.redis import RedisStreamsAdapter, stream_sessions
from socketio_min.cluster.redis import stream_wire as wire
from socketio_min.cluster.redis.address import parse_url
from socketio_min.cluster.redis.link import Link
from socketio_min.cluster.redis.stream_hub import StreamHub, hash_code, remainder
from socketio_min.cluster.redis.stream_reader import StreamReader
from socketio_min.errors import PacketError
from tests.socketio_min.cluster.clusters import node_member
from tests.socketio_min.cluster.redis_server import RedisServer, running_redis
from tests.socketio_min.serving import Serving
from tests.socketio_min.wire import Client as Wire
from tests.socketio_min.wire import WebSocketClient
from tests.waiting import eventually as until


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    with running_redis() as server:
        yield server


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
        # Once only, and no event twice.
        _, third = await arrive(a, away.auth)
        assert third.id != away.id
        a.io.to("red").emit("five")
        assert await back.event() == ["five"]


async def test_a_client_without_an_event_comes_back(redis: RedisServer) -> None:
    async with servers(redis) as (a, b):
        a.io.emit("before it came")
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


def sessions(net: Serving) -> Any:
    adapter = net.io.adapter
    assert isinstance(adapter, RedisStreamsAdapter)
    return adapter._sessions


async def test_who_waits_for_an_end_ends_with_the_server(redis: RedisServer) -> None:
    recovery = Recovery(max_disconnection=30.0, expired=lambda one: None)
    async with servers(redis, 1, recovery) as (a,):
        _, away = await arrive(a)
        await lose(a, away)
        assert len(sessions(a)._tasks) == 1
    assert not sessions(a)._tasks


# --- under load, and while Redis is away


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
                await asyncio.sleep(0.001)

        tasks = [asyncio.ensure_future(send(a, 1)), asyncio.ensure_future(send(b, -1))]
        numbers: list[int] = []
        _, away = await arrive(a)
        for turn in range(12):
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


async def test_local_clients_are_reached_while_redis_is_away() -> None:
    with running_redis("--appendonly", "yes") as server:
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
            assert await there.event() == ["without Redis"]
            a.io.emit("again")
            assert await here.event() == ["again"]
            assert await there.event() == ["again"]
            # What it had while Redis was away does not come once more.
            here.offset = None
            await lose(a, here)
            await gone(server, here)
            missed, back = await arrive(b, here.auth)
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
            a.io.emit("y")
            assert await here.event() == ["y"]


# --- what others write


GARBAGE: list[dict[str, str | bytes]] = [
    {"nsp": "/"},
    {"nsp": "/", "uid": "u", "type": "3"},
    {"nsp": "/", "uid": "u", "type": "3", "data": "{"},
    {"nsp": "/", "uid": "u", "type": "3", "data": "?"},
    {"nsp": "/", "uid": b"\xff", "type": "3", "data": "{}"},
    {"nsp": "/", "uid": "u", "type": "3", "data": '{"packet":{"type":2,"data":["connect"]}}'},
    {"nsp": "/other", "uid": "u", "type": "3", "data": "{}"},
    {"nsp": "/", "uid": "u", "type": "x" * 30, "data": "{}"},
    {"nsp": "/", "uid": "u", "type": "1"},
]


async def test_garbage_ends_nothing(redis: RedisServer, caplog: pytest.LogCaptureFixture) -> None:
    async with servers(redis) as (a, b):
        _, here = await arrive(a)
        for fields in GARBAGE:
            parts = [part for pair in fields.items() for part in pair]
            redis.command("XADD", "socket.io", "*", *parts)
        redis.command("PUBLISH", "socket.io#/#", b"\xc1")
        other = {"type": 3, "uid": "u", "nsp": "/other", "data": {}}
        redis.command("PUBLISH", "socket.io#/#", msgspec.msgpack.encode({**other, "type": 1}))
        await lose(a, here)
        await gone(redis, here)
        b.io.emit("fence")
        missed, back = await arrive(b, here.auth)
        assert (missed, back.id) == ([["fence"]], here.id)
        assert a.io.cluster.rejected >= 6


async def test_a_fault_of_one_adapter_is_logged(
    redis: RedisServer, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.ERROR)
    async with servers(redis) as (a, b):
        _, here = await arrive(a)
        monkeypatch.setattr(RedisStreamsAdapter, "_take_other", lambda self, entry: 1 // 0)
        b.io.emit("x")
        await until(lambda: "an entry of the stream could not be handled" in caplog.text)
        monkeypatch.undo()
        b.io.emit("y")
        assert await here.event() == ["y"]


async def test_another_namespace_or_an_unknown_message_is_ignored(redis: RedisServer) -> None:
    async with servers(redis, 1) as (a,):
        _, here = await arrive(a)
        join = {"opts": {"rooms": [], "except": []}, "rooms": ["red"]}
        for nsp, kind in (("/other", 4), ("/", 1), ("/", 4)):
            message = {"type": kind, "data": join, "uid": "u", "nsp": nsp}
            redis.command("PUBLISH", "socket.io#/#", msgspec.msgpack.encode(message))
        await until(lambda: "red" in a.io.sockets[here.id].rooms)
        assert a.io.cluster.rejected == 0


# --- the wire


def test_entries_have_the_official_fields() -> None:
    message = Broadcast(["a", 1], BroadcastOptions(("r",)), body='["a",1]')
    data = b'{"packet":{"type":2,"data":["a",1]},"opts":{"rooms":["r"],"except":[],"flags":{}}}'
    fields = ["uid", "u", "nsp", b"/", "type", "3", "data", data]
    assert wire.encode_entry("u", "/", message) == fields
    assert wire.encode_entry("u", "/", message._replace(body=None)) == fields
    binary = wire.encode_entry("u", "/", Broadcast([b"1"], BroadcastOptions()))
    assert msgspec.msgpack.decode(base64.b64decode(binary[-1])) == {  # type: ignore[arg-type]
        "packet": {"type": 2, "data": [b"1"]},
        "opts": {"rooms": [], "except": [], "flags": {}},
    }


@pytest.mark.parametrize(
    ("namespace", "code", "of_three", "of_four"),
    [
        ("/", 47, 2, 3),
        ("/side", 46935558, 0, 2),
        ("/notifications", -1014064871, -2, -3),
        ("/ä😀", 3392184, 0, 0),
    ],
)
def test_a_namespace_has_the_stream_of_the_official_adapter(
    namespace: str, code: int, of_three: int, of_four: int
) -> None:
    assert hash_code(namespace) == code
    assert remainder(code, 3) == of_three
    assert remainder(code, 4) == of_four


async def test_a_stream_of_a_negative_hash_is_read(redis: RedisServer) -> None:
    async with servers(redis, stream_count=3) as nets:
        for net in nets:
            net.io.of("/notifications")
            await begun(net, "socket.io--2")
        _, there = await arrive(nets[1], "", "/notifications,")
        nets[0].io.of("/notifications").emit("n")
        assert (await there.client.receive_text()).startswith('42/notifications,["n","')
        assert readers(nets[0]).keys() == {"socket.io-2", "socket.io-0", "socket.io--2"}


async def begun(net: Serving, stream: str) -> None:
    """Wait until a stream is read."""
    await until(lambda: readers(net)[stream]._task and readers(net)[stream]._began.is_set())


def readers(net: Serving) -> dict[str, StreamReader]:
    adapter = net.io.adapter
    assert isinstance(adapter, RedisStreamsAdapter)
    return adapter._hub._readers


async def test_bytes_cannot_travel_as_plain_text(redis: RedisServer) -> None:
    async with servers(redis, 1, only_plaintext=True) as (a,):
        _, here = await arrive(a)
        with pytest.raises(EncodeError, match="JSON cannot hold"):
            a.io.emit("x", b"1")
        a.io.emit("x", 1)
        assert await here.event() == ["x", 1]


@pytest.mark.parametrize("option", ["stream_count", "max_length"])
def test_numbers_are_checked(option: str) -> None:
    wrong: dict[str, Any] = {option: 0}
    with pytest.raises(UsageError, match=f"{option}: got 0, expected a whole number above 0"):
        RedisStreamsAdapter.from_url("redis://a", **wrong)


def test_ids_are_in_order() -> None:
    assert wire.position("9-10") > wire.position("9-9") > wire.position("8-99")
    with pytest.raises(PacketError):
        wire.position("²-1")


# --- the client of this project


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

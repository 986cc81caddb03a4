"""cluster_adapter.py and classic.py: two servers in one process, and what others may send them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from socketio_min import (
    AcknowledgementTimeout,
    BroadcastOptions,
    EncodeError,
    Limits,
    RemoteSocket,
    Server,
    UsageError,
)
from socketio_min.cluster.messages import Acknowledgement, Broadcast
from socketio_min.cluster.redis import RedisAdapter
from socketio_min.cluster.redis.address import parse_url
from socketio_min.cluster.redis.link import Link
from tests.engineio_min.harness import Clock
from tests.socketio_min.cluster.redis_server import RedisServer, running_redis
from tests.socketio_min.cluster.test_link import Inbox
from tests.socketio_min.serving import Serving, serving
from tests.socketio_min.wire import Client
from tests.waiting import eventually as until

REQUESTS = b"socket.io-request#/#"
RESPONSES = b"socket.io-response#/#"
BROADCASTS = b"socket.io#/#"


@asynccontextmanager
async def pair(redis: RedisServer, **options: Any) -> AsyncIterator[tuple[Serving, Serving]]:
    first = Server(adapter=RedisAdapter.from_url(redis.url, **options), limits=LIMITS)
    second = Server(adapter=RedisAdapter.from_url(redis.url, **options), limits=LIMITS)
    async with serving(first) as a, serving(second) as b:
        yield a, b


@asynccontextmanager
async def outsider(redis: RedisServer) -> AsyncIterator[Link]:
    """Somebody on Redis who may write anything."""
    link = Link(parse_url(redis.url))
    link.open()
    await link.settle()
    try:
        yield link
    finally:
        await link.close()


LIMITS = Limits(max_pending_acks=1, max_rooms=3)


def adapter(net: Serving) -> RedisAdapter:
    found = net.io.adapter
    assert isinstance(found, RedisAdapter)
    return found


async def fence(a: Serving, *clients: Client) -> None:
    """Wait until all that was published before has come."""
    a.io.emit("fence")
    for client in clients:
        await client.expect('42["fence"]')


# --- requests


async def test_what_is_local_is_not_published(redis: RedisServer) -> None:
    async with pair(redis) as (a, b):
        here, socket = await a.join()
        there, other = await b.join()
        local = a.io.local
        local.emit("x")
        local.sockets_join("room")
        assert "room" in socket.rooms
        local.sockets_leave("room")
        assert await local.fetch_sockets() == [socket]
        call = asyncio.ensure_future(local.timeout(5.0).call("ask"))
        await here.expect('42["x"]', '420["ask"]')
        await here.send("430[1]")
        assert await call == [1]
        local.disconnect_sockets()
        await here.expect("41")
        await fence(a, there)
        assert other.rooms == {other.id}


async def test_answers_may_come_in_a_channel_of_their_own(redis: RedisServer) -> None:
    async with pair(redis, specific_responses=True, key="mine") as (a, b), outsider(redis) as link:
        inbox = Inbox()
        link.subscribe_prefix(b"mine-response#", inbox)
        await link.settle()
        _, socket = await b.join()
        b.io.on_server("hello", lambda: "hi")
        [remote] = await a.io.fetch_sockets()
        assert remote.id == socket.id
        assert await a.io.server_side_call("hello") == ["hi"]
        await until(lambda: len(inbox.messages) == 2)
        own = f"mine-response#/#{adapter(a).uid}#".encode()
        assert [channel for channel, _ in inbox.messages] == [own, b"mine-response#/#"]


async def test_a_server_that_is_silent_costs_the_timeout_only(
    redis: RedisServer, clock: Clock
) -> None:
    async with pair(redis, request_timeout=2.0) as (a, b), outsider(redis) as link:
        requests, responses = Inbox(), Inbox()
        link.subscribe(REQUESTS, requests)
        link.subscribe_prefix(RESPONSES, responses)
        await link.settle()
        here, own = await a.join()
        _, other = await b.join()
        b.io.on_server("hello", lambda: "hi")

        async def late(question: Coroutine[Any, Any, Any], seconds: float) -> Any:
            """Wait until the other server has answered, then for so long. Return the question."""
            responses.messages.clear()
            task = asyncio.ensure_future(question)
            await until(lambda: responses.messages)
            await adapter(a)._bus.call("PING", key=b"")
            await clock.advance(seconds)
            return task

        with pytest.raises(
            AcknowledgementTimeout,
            match="got 2 sockets: 1 of 2 other servers did not answer in time",
        ) as error:
            await (await late(a.io.fetch_sockets(), 2.0))
        found, remote = error.value.responses
        assert found is own
        assert isinstance(remote, RemoteSocket)
        assert remote.id == other.id
        with pytest.raises(AcknowledgementTimeout) as error:
            await (await late(a.io.timeout(1.0).fetch_sockets(), 1.0))
        with pytest.raises(AcknowledgementTimeout, match="1 answers to 'hello': 1 of 2") as error:
            await (await late(a.io.server_side_call("hello", timeout=1.0), 1.0))
        assert error.value.responses == ["hi"]
        with pytest.raises(AcknowledgementTimeout, match="1 servers did not report") as error:
            await (await late(a.io.to(own.id).timeout(1.0).call("ask"), 1.0))
        await here.expect('420["ask"]')


async def test_requests_without_redis_end_in_time() -> None:
    with running_redis() as server:
        async with pair(server) as (a, _):
            _, socket = await a.join()
            server.kill()
            await until(lambda: not a.io.cluster.connected)
            with pytest.raises(AcknowledgementTimeout, match="cannot be reached") as error:
                await a.io.timeout(0.05).fetch_sockets()
            assert error.value.responses == [socket]
            with pytest.raises(AcknowledgementTimeout, match="got 0 of 1"):
                await a.io.timeout(0.05).call("ask")
            a.io.sockets_join("here")
            assert "here" in socket.rooms
            server.start()
            await until(lambda: a.io.cluster.connected)


async def test_one_server_waits_for_nobody(redis: RedisServer) -> None:
    io = Server(adapter=RedisAdapter.from_url(redis.url))
    async with serving(io) as net:
        _, socket = await net.join()
        assert await io.fetch_sockets() == [socket]
        assert await io.server_side_call("hello") == []


async def test_values_are_checked_before_they_are_published(redis: RedisServer) -> None:
    async with pair(redis) as (a, b):
        here, _ = await a.join()
        there, _ = await b.join()
        with pytest.raises(EncodeError):
            a.io.emit("x", {1})
        with pytest.raises(UsageError):
            a.io.emit("connect")
        with pytest.raises(EncodeError):
            a.io.server_side_emit("x", {1})
        with pytest.raises(EncodeError):
            await a.io.timeout(1.0).call("x", {1})
        with pytest.raises(UsageError):
            await a.io.to("nobody").timeout(1.0).call("connect")
        with pytest.raises(EncodeError):
            await a.io.to("nobody").timeout(1.0).call("x", {1})
        assert adapter(a)._pending == {}
        await fence(a, here, there)


async def test_data_that_cannot_travel_is_left_out(
    redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with pair(redis) as (a, b):
        _, socket = await b.join()
        socket.data["lock"] = object()
        [remote] = await a.io.fetch_sockets()
        assert remote.data == {}
        socket.data["lock"] = b"\x00"
        [remote] = await a.io.fetch_sockets()
        assert remote.data == {"lock": b"\x00"}
    assert "the data of a socket cannot travel to another server" in caplog.text


async def test_an_answer_that_cannot_travel_is_logged(
    redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with pair(redis) as (a, b):
        b.io.on_server("hello", lambda: {1})
        with pytest.raises(AcknowledgementTimeout):
            await a.io.server_side_call("hello", timeout=0.1)
    assert "the answer to the servers' event 'hello' cannot be sent" in caplog.text


async def test_a_socket_that_owes_too_much_is_not_counted(redis: RedisServer) -> None:
    async with pair(redis) as (a, b):
        one, busy = await b.join()
        two, _ = await b.join()
        owed = asyncio.ensure_future(busy.call("owed", timeout=5.0))
        await one.expect('420["owed"]')
        call = asyncio.ensure_future(a.io.timeout(5.0).call("ask"))
        await two.expect('421["ask"]')
        await two.send("431[1,2]")
        assert await call == [1]
        call = asyncio.ensure_future(a.io.timeout(5.0).call("ask"))
        await two.expect('422["ask"]')
        await two.send("432[]")
        assert await call == [None]
        await one.send("430[]")
        await owed


async def test_a_socket_that_goes_says_nothing_and_what_it_owed_is_forgotten(
    redis: RedisServer,
) -> None:
    async with pair(redis) as (a, b):
        one, leaving = await b.join()
        two, silent = await b.join()
        call = asyncio.ensure_future(a.io.timeout(0.1).call("ask"))
        await one.expect('420["ask"]')
        await two.expect('420["ask"]')
        leaving.disconnect()
        with pytest.raises(AcknowledgementTimeout, match="got 0 of 2"):
            await call
        await until(lambda: silent.pending_acks == 0)


# --- what others send


async def test_lists_are_answered(redis: RedisServer) -> None:
    async with pair(redis) as (a, _), outsider(redis) as link:
        _, socket = await a.join()
        socket.join("red")
        inbox = Inbox()
        link.subscribe(RESPONSES, inbox)
        await link.settle()
        link.publish(REQUESTS, b'{"uid":"x","requestId":"1","type":0,"rooms":["red"]}')
        link.publish(REQUESTS, b'{"uid":"x","requestId":"2","type":1}')
        await until(lambda: len(inbox.messages) == 4)
        texts = set(inbox.texts)
        assert b'{"requestId":"1","sockets":["%s"]}' % socket.id.encode() in texts
        assert b'{"requestId":"2","rooms":["%s","red"]}' % socket.id.encode() in texts
        assert b'{"requestId":"1","sockets":[]}' in texts
        assert b'{"requestId":"2","rooms":[]}' in texts


async def test_an_emitter_has_no_name(redis: RedisServer) -> None:
    async with pair(redis, specific_responses=True) as (a, _), outsider(redis) as link:
        client, socket = await a.join()
        link.publish(REQUESTS, b'{"type":2,"opts":{"rooms":[],"except":[]},"rooms":["red"]}')
        await until(lambda: "red" in socket.rooms)
        link.publish(REQUESTS, b'{"type":5,"requestId":"1","opts":{}}')
        link.publish(REQUESTS, b'{"type":4,"opts":{"rooms":["red"]},"close":true}')
        await client.expect("41")


GARBAGE = [
    b"",
    b"{",
    b"\xc1",
    b"[]",
    b"\x90",
    b"{}",
    b'{"requestId":"q","type":8,"clientCount":"x"}',
    b'{"type":2,"opts":{"rooms":[null]},"rooms":[]}',
    b'{"type":6,"data":[]}',
    b"\x91" * 100_000,
    msgspec.msgpack.encode(["u", {"type": 2, "data": ["connect"], "nsp": "/"}, {}]),
    msgspec.msgpack.encode(["u", {"type": 2, "data": ["x", {1: 2}], "nsp": "/other"}, {}]),
]


async def test_garbage_ends_nothing(redis: RedisServer, caplog: pytest.LogCaptureFixture) -> None:
    async with pair(redis) as (a, b), outsider(redis) as link:
        here, _ = await a.join()
        there, _ = await b.join()
        call = asyncio.ensure_future(a.io.timeout(5.0).call("ask"))
        await here.expect('420["ask"]')
        await there.expect('420["ask"]')
        for message in GARBAGE:
            for channel in (
                REQUESTS,
                RESPONSES,
                BROADCASTS,
                BROADCASTS + b"\xff#",
                b"socket.io#/#x",
            ):
                link.publish(channel, message)
        await fence(a, here, there)
        await here.send("430[1]")
        await there.send("430[2]")
        assert sorted(await call) == [1, 2]
        assert a.io.cluster.rejected > 10
    assert caplog.text.count("a message of another server was refused") == 2


async def test_a_message_is_for_its_namespace_and_room(redis: RedisServer) -> None:
    async with pair(redis) as (a, _), outsider(redis) as link:
        client, _ = await a.join()

        def message(namespace: str, *args: Any) -> bytes:
            packet = {"type": 2, "data": [*args], "nsp": namespace}
            return msgspec.msgpack.encode(["u", packet, {"rooms": [], "except": []}])

        link.publish(BROADCASTS, message("/other", "no"))
        link.publish(BROADCASTS + b"red#", message("/", "no"))
        link.publish(BROADCASTS, message("/", "yes", {2: b"1"}))
        await client.expect('451-["yes",{"2":{"_placeholder":true,"num":0}}]', b"1")


async def test_limits_hold_for_what_others_ask(
    redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with pair(redis) as (a, b):
        client, socket = await b.join()
        a.io.sockets_join(["1", "2", "3"])
        a.io.sockets_join(["1"])
        await until(lambda: "1" in socket.rooms)
        assert socket.rooms == {socket.id, "1"}
        assert b.io.cluster.rejected == 1
        await fence(a, client)


async def test_a_fault_of_our_own_is_logged(
    redis: RedisServer, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.ERROR)
    async with pair(redis) as (a, b):
        client, _ = await b.join()
        monkeypatch.setattr(type(b.io), "next_ack_id", lambda self: 1 // 0)
        adapter(b).handle("x", Broadcast(["e"], BroadcastOptions(), "q"))
        monkeypatch.undo()
        await fence(a, client)
    assert "a message of another server could not be handled" in caplog.text


async def test_answers_of_another_kind_are_not_taken(redis: RedisServer) -> None:
    async with pair(redis, request_timeout=0.2) as (a, b), outsider(redis) as link:
        _, own = await a.join()
        there, _ = await b.join()
        requests = Inbox()
        link.subscribe(REQUESTS, requests)
        await link.settle()
        fetching = asyncio.ensure_future(a.io.fetch_sockets())
        await until(lambda: requests.messages)
        [request] = [msgspec.json.decode(text) for text in requests.texts]
        adapter(a).settle(Acknowledgement("unknown", 1))
        link.publish(RESPONSES, b'{"type":6,"requestId":"%s"}' % request["requestId"].encode())
        assert len(await fetching) == 2

        requests.messages.clear()
        fetching = asyncio.ensure_future(a.io.fetch_sockets())
        await until(lambda: requests.messages)
        [request] = [msgspec.json.decode(text) for text in requests.texts]
        sockets = b'[1,{"id":1},{"id":"x"},{"id":"y","handshake":{},"rooms":[1,"r"],"data":null}]'
        answer = b'{"requestId":"%s","sockets":%s}'
        link.publish(RESPONSES, answer % (request["requestId"].encode(), sockets))
        found = await fetching
        assert [one.rooms for one in found if one.id == "y"] == [frozenset(("1", "r"))]

        requests.messages.clear()
        call = asyncio.ensure_future(a.io.timeout(5.0).call("ask"))
        await there.expect('420["ask"]')
        await until(lambda: requests.messages)
        asked = msgspec.msgpack.decode(requests.texts[0])
        link.publish(RESPONSES, b'{"type":6,"requestId":"%s"}' % asked["requestId"].encode())
        own.disconnect()
        await there.send("430[]")
        link.publish(
            RESPONSES, b'{"type":8,"requestId":"%s","clientCount":0}' % asked["requestId"].encode()
        )
        with pytest.raises(AcknowledgementTimeout, match="got 1 of 2"):
            await call

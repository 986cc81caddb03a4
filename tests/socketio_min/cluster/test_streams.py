"""streams.py, stream_wire.py and stream_hub.py: entries of others, and their own."""

from __future__ import annotations

import base64
import logging
from typing import Any

import msgspec
import pytest

from socketio_min import (
    BroadcastOptions,
    EncodeError,
    UsageError,
)
from socketio_min.cluster.messages import Broadcast
from socketio_min.cluster.redis import RedisStreamsAdapter
from socketio_min.cluster.redis import stream_wire as wire
from socketio_min.cluster.redis.stream_hub import hash_code, remainder
from socketio_min.errors import PacketError
from tests.socketio_min.cluster.redis_server import RedisServer
from tests.socketio_min.cluster.returning import (
    arrive,
    begun,
    gone,
    lose,
    readers,
    servers,
)
from tests.waiting import eventually as until

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

"""cluster_wire.py: the text of the official sharded adapter, and what is refused of it."""

from __future__ import annotations

import contextlib
from typing import Any

import msgspec
import pytest
from hypothesis import given

from socketio_min import BroadcastOptions
from socketio_min.cluster.messages import (
    Acknowledgement,
    Broadcast,
    ClientCount,
    Disconnect,
    Fetch,
    Fetched,
    Join,
    Leave,
    ServerAnswer,
    ServerEvent,
)
from socketio_min.cluster.redis.cluster_wire import Message, encode, read_message
from socketio_min.cluster.redis.msgpack import unpack_any
from socketio_min.errors import PacketError
from tests.socketio_min.cluster.test_classic_wire import VALUES

ALL = BroadcastOptions()
SOME = BroadcastOptions(("a",), ("b",), volatile=True)
ALL_JSON = '{"rooms":[],"except":[],"flags":{}}'
SOME_JSON = '{"rooms":["a"],"except":["b"],"flags":{"volatile":true}}'

MESSAGES: list[tuple[Message, int, str]] = [
    (
        Broadcast(["hello", 1, "x"], ALL),
        3,
        '{"packet":{"type":2,"data":["hello",1,"x"]},"opts":' + ALL_JSON + "}",
    ),
    (
        Broadcast(["e"], ALL._replace(timeout=1.0), "q"),
        3,
        '{"packet":{"type":2,"data":["e"]},"requestId":"q",'
        '"opts":{"rooms":[],"except":[],"flags":{"timeout":1000}}}',
    ),
    (Join(SOME, ("x",)), 4, '{"opts":' + SOME_JSON + ',"rooms":["x"]}'),
    (Leave(SOME, ("x",)), 5, '{"opts":' + SOME_JSON + ',"rooms":["x"]}'),
    (Disconnect(SOME, True), 6, '{"opts":' + SOME_JSON + ',"close":true}'),
    (Fetch(SOME, "q"), 7, '{"opts":' + SOME_JSON + ',"requestId":"q"}'),
    (Fetched("q", [{"id": "i"}]), 8, '{"requestId":"q","sockets":[{"id":"i"}]}'),
    (ServerEvent(["e", 1]), 9, '{"packet":["e",1]}'),
    (ServerEvent(["e"], "q"), 9, '{"requestId":"q","packet":["e"]}'),
    (ServerAnswer("q", 1), 10, '{"requestId":"q","packet":1}'),
    (ClientCount("q", 2), 11, '{"requestId":"q","clientCount":2}'),
    (Acknowledgement("q", "v"), 12, '{"requestId":"q","packet":"v"}'),
]


@pytest.mark.parametrize(("message", "kind", "data"), MESSAGES)
def test_messages_have_the_official_text(message: Message, kind: int, data: str) -> None:
    text = f'{{"type":{kind},"data":{data},"uid":"8717bf6027adc385","nsp":"/"}}'
    encoded = encode("8717bf6027adc385", "/", message)
    assert encoded.decode() == text
    assert read_message(unpack_any(encoded)) == ("8717bf6027adc385", "/", message)


def test_the_json_of_an_event_is_used_again() -> None:
    plain, _, _ = MESSAGES[0]
    assert isinstance(plain, Broadcast)
    fast = encode("u", "/ä", plain._replace(body='["hello",1,"x"]'))
    assert fast == encode("u", "/ä", plain)
    ask = plain._replace(request_id="q", body='["hello",1,"x"]')
    assert encode("u", "/", ask) == encode("u", "/", ask._replace(body=None))


@pytest.mark.parametrize(
    "message",
    [Broadcast(["e", [b"1"]], ALL), ServerEvent(["e", b"1"]), Acknowledgement("q", b"1")],
)
def test_bytes_travel_as_messagepack(message: Message) -> None:
    encoded = encode("u", "/", message)
    assert encoded[0] != ord("{")
    assert list(msgspec.msgpack.decode(encoded)) == ["type", "data", "uid", "nsp"]
    assert read_message(unpack_any(encoded)) == ("u", "/", message)


@pytest.mark.parametrize("kind", [1, 2, 13, "3", None])
def test_unknown_types_are_ignored(kind: Any) -> None:
    assert read_message({"type": kind, "uid": "u", "nsp": "/"}) == ("u", "/", None)


@pytest.mark.parametrize(
    "fields",
    [
        {"uid": 1},
        {"nsp": None},
        {"data": None},
        {"data": {"packet": {"type": 3, "data": ["e"]}, "opts": {}}},
        {"data": {"packet": {"type": 2, "data": ["connect"]}, "opts": {}}},
        {"type": 9, "data": {"packet": []}},
        {"type": 7, "data": {"opts": {}}},
    ],
)
def test_malformed_messages_are_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(PacketError):
        read_message({"type": 3, "uid": "u", "nsp": "/", "data": {}, **fields})


@given(VALUES)
def test_any_message_is_read_or_refused(value: Any) -> None:
    for kind in range(3, 13):
        with contextlib.suppress(PacketError):
            read_message({"type": kind, "uid": "u", "nsp": "/", "data": value})

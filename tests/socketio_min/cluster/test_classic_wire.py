"""classic_wire.py and message_fields.py: the official adapter's bytes, and what is refused."""

from __future__ import annotations

import contextlib
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from socketio_min import BroadcastOptions, Handshake
from socketio_min.cluster import message_fields
from socketio_min.cluster.messages import (
    Acknowledgement,
    Broadcast,
    ClientCount,
    Disconnect,
    Fetch,
    Fetched,
    Join,
    Leave,
    ListRooms,
    ListSockets,
    Request,
    Response,
    RoomNames,
    ServerAnswer,
    ServerEvent,
    SocketIds,
)
from socketio_min.cluster.redis import classic_wire as wire
from socketio_min.errors import PacketError

ALL = BroadcastOptions()
SOME = BroadcastOptions(("a", "b"), ("c",))
SOME_JSON = b'{"rooms":["a","b"],"except":["c"]}'

# As the official adapter publishes `io.emit("hello", 1, "x")`.
HELLO = bytes.fromhex(
    "93a64e3532717a4383a47479706502a46461746193a568656c6c6f01a178a36e7370a12f"
    "83a5726f6f6d7390a665786365707490a5666c61677380"
)


def test_a_broadcast_has_the_official_bytes() -> None:
    message = Broadcast(["hello", 1, "x"], ALL, body='["hello",1,"x"]')
    assert wire.encode_broadcast("N52qzC", "/", message) == HELLO
    assert wire.encode_broadcast("N52qzC", "/", message._replace(body=None)) == HELLO
    assert wire.decode_broadcast(HELLO, "/") == ("N52qzC", Broadcast(["hello", 1, "x"], ALL))
    assert wire.decode_broadcast(HELLO, "/other") is None


def test_options_travel() -> None:
    options = BroadcastOptions(("a",), ("b",), volatile=True, compress=False, timeout=1.5)
    data = wire.encode_broadcast("uid", "/x", Broadcast(["e"], options))
    assert msgspec.msgpack.decode(data)[2] == {
        "rooms": ["a"],
        "except": ["b"],
        "flags": {"volatile": True, "compress": False, "timeout": 1500},
    }
    assert wire.decode_broadcast(data, "/x") == ("uid", Broadcast(["e"], options))


def test_a_broadcast_without_a_namespace_is_of_the_main_one() -> None:
    data = msgspec.msgpack.encode(["u", {"type": 2, "data": ["e"]}, {"rooms": [5, 6.0, "x"]}])
    message = Broadcast(["e"], BroadcastOptions(("5", "6", "x")))
    assert wire.decode_broadcast(data, "/") == ("u", message)


REQUESTS: list[tuple[Request, bytes]] = [
    (Join(SOME, ["x"]), b'{"uid":"me","type":2,"opts":%s,"rooms":["x"]}' % SOME_JSON),
    (Leave(SOME, ["x"]), b'{"uid":"me","type":3,"opts":%s,"rooms":["x"]}' % SOME_JSON),
    (Disconnect(SOME, True), b'{"uid":"me","type":4,"opts":%s,"close":true}' % SOME_JSON),
    (Fetch(SOME, "q"), b'{"uid":"me","requestId":"q","type":5,"opts":%s}' % SOME_JSON),
    (ListSockets(SOME, "q"), b'{"uid":"me","requestId":"q","type":0,"rooms":["a","b"]}'),
    (ListRooms("q"), b'{"uid":"me","requestId":"q","type":1}'),
    (ServerEvent(["e", 1]), b'{"uid":"me","type":6,"data":["e",1]}'),
    (ServerEvent(["e"], "q"), b'{"uid":"me","requestId":"q","type":6,"data":["e"]}'),
]


@pytest.mark.parametrize(("message", "data"), REQUESTS)
def test_requests_have_the_official_text(message: Request, data: bytes) -> None:
    assert wire.encode_request("me", "/", message) == data
    decoded = wire.decode_request(data)
    assert decoded is not None
    uid, back = decoded
    assert uid == "me"
    if isinstance(message, ListSockets):
        assert back == ListSockets(BroadcastOptions(("a", "b")), "q")
    elif isinstance(message, Join | Leave):
        assert back == message._replace(rooms=("x",))
    else:
        assert back == message


def test_what_may_hold_bytes_is_messagepack() -> None:
    ask = Broadcast(["e", b"1"], ALL._replace(timeout=2.0), "q")
    data = wire.encode_request("me", "/", ask)
    assert msgspec.msgpack.decode(data) == {
        "uid": "me",
        "requestId": "q",
        "type": 7,
        "packet": {"type": 2, "data": ["e", b"1"], "nsp": "/"},
        "opts": {"rooms": [], "except": [], "flags": {"timeout": 2000}},
    }
    assert wire.decode_request(data) == ("me", ask)
    event = ServerEvent(["e", b"1"], "q")
    assert wire.decode_request(wire.encode_request("me", "/", event)) == ("me", event)


RESPONSES: list[tuple[Response, bytes]] = [
    (ClientCount("q", 2), b'{"type":8,"requestId":"q","clientCount":2}'),
    (ServerAnswer("q", {"a": 1}), b'{"type":6,"requestId":"q","data":{"a":1}}'),
    (Fetched("q", [{"id": "i"}]), b'{"requestId":"q","sockets":[{"id":"i"}]}'),
    (
        Acknowledgement("q", "v"),
        bytes.fromhex("83a47479706509a9726571756573744964a171a67061636b6574a176"),
    ),
]


@pytest.mark.parametrize(("message", "data"), RESPONSES)
def test_responses_have_the_official_bytes(message: Response, data: bytes) -> None:
    assert wire.encode_response(message) == data
    assert wire.decode_response(data) == message


def test_lists_are_answered() -> None:
    assert wire.encode_response(SocketIds("q", ["i"])) == b'{"requestId":"q","sockets":["i"]}'
    assert wire.encode_response(RoomNames("q", ["r"])) == b'{"requestId":"q","rooms":["r"]}'
    for answer in (ServerAnswer("q", b"1"), Acknowledgement("q", [b"1"])):
        assert wire.decode_response(wire.encode_response(answer)) == answer


@pytest.mark.parametrize(
    "fields",
    [
        {"type": 99},
        {"type": "2"},
        {"type": [1]},
        {"type": 2, "sid": "i", "room": "r", "requestId": "q"},
        {},
    ],
)
def test_unknown_requests_are_ignored(fields: dict[str, Any]) -> None:
    assert wire.decode_request(msgspec.json.encode({"uid": "u", **fields})) is None


@pytest.mark.parametrize("fields", [{}, {"requestId": 1}, {"requestId": "q"}])
def test_unknown_responses_are_ignored(fields: dict[str, Any]) -> None:
    assert wire.decode_response(msgspec.json.encode(fields)) is None


PACKET = {"type": 2, "data": ["e"], "nsp": "/"}


@pytest.mark.parametrize(
    "message",
    [
        1,
        [],
        ["u", PACKET],
        [1, PACKET, {}],
        ["u", 1, {}],
        ["u", PACKET, 1],
        ["u", PACKET, {"rooms": 1}],
        ["u", PACKET, {"rooms": [None]}],
        ["u", PACKET, {"rooms": [1.5]}],
        ["u", PACKET, {"rooms": [True]}],
        ["u", PACKET, {"flags": [1]}],
        ["u", PACKET, {"flags": {"timeout": "1"}}],
        ["u", PACKET, {"flags": {"timeout": -1}}],
        ["u", PACKET, {"flags": {"timeout": float("nan")}}],
        ["u", {**PACKET, "type": 0}, {}],
        ["u", {**PACKET, "data": 1}, {}],
        ["u", {**PACKET, "data": []}, {}],
        ["u", {**PACKET, "data": [1]}, {}],
        ["u", {**PACKET, "data": ["connect"]}, {}],
        ["u", {**PACKET, "data": ["e" * 129]}, {}],
    ],
)
def test_malformed_broadcasts_are_refused(message: Any) -> None:
    with pytest.raises(PacketError):
        wire.decode_broadcast(msgspec.msgpack.encode(message), "/")


@pytest.mark.parametrize(
    "fields",
    [
        {"uid": 1, "type": 1, "requestId": "q"},
        {"type": 1},
        {"type": 0, "rooms": "x", "requestId": "q"},
        {"type": 0},
        {"type": 2, "opts": 1},
        {"type": 5, "opts": {}},
        {"type": 6, "data": {}},
        {"type": 6, "data": []},
        {"type": 6, "data": ["e"], "requestId": 1},
        {"type": 7, "packet": 1},
        {"type": 7, "packet": {"data": ["e"]}, "opts": {}},
    ],
)
def test_malformed_requests_are_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(PacketError):
        wire.decode_request(msgspec.json.encode(fields))


@pytest.mark.parametrize(
    "fields",
    [
        {"type": 8, "clientCount": -1},
        {"type": 8, "clientCount": True},
        {"type": 8},
        {"sockets": 1},
    ],
)
def test_malformed_responses_are_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(PacketError):
        wire.decode_response(msgspec.json.encode({"requestId": "q", **fields}))


def test_rooms_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(message_fields, "MAX_ROOMS", 1)
    with pytest.raises(PacketError, match="got 2 rooms, expected at most 1"):
        message_fields.read_rooms(["a", "b"])


def test_timeouts_are_bounded() -> None:
    assert message_fields.read_options({"flags": {"volatile": True}}).timeout is None
    assert message_fields.read_options({"flags": {"timeout": 10**12}}).timeout == 600.0


HANDSHAKE = Handshake({"a": "b"}, "now", "::1", True, False, 5, "/x", {"q": "1"}, {"t": 1})


def test_handshakes_travel() -> None:
    assert message_fields.read_handshake(message_fields.write_handshake(HANDSHAKE)) == HANDSHAKE
    assert message_fields.read_handshake({}) == Handshake({}, "", "", False, False, 0, "", {}, {})
    node = message_fields.read_handshake({"headers": {"a": ["b", "c", 1], "d": 1}, "issued": 1.5})
    assert (dict(node.headers), node.issued) == ({"a": "b, c"}, 2)


@pytest.mark.parametrize(
    "fields",
    [
        1,
        {"issued": "x"},
        {"issued": 1e999},
        {"time": 1},
        {"headers": 1},
        {"auth": [1]},
        {"url": {}},
    ],
)
def test_malformed_handshakes_are_refused(fields: Any) -> None:
    with pytest.raises(PacketError):
        message_fields.read_handshake(fields)


FIELDS = [
    "uid",
    "type",
    "data",
    "opts",
    "rooms",
    "except",
    "flags",
    "requestId",
    "packet",
    "nsp",
    "close",
    "clientCount",
    "sockets",
    "timeout",
]
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 9)
    | st.floats()
    | st.text(max_size=3)
    | st.binary(max_size=3)
    | st.sampled_from(["e", "connect", "/", "q"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(FIELDS),
            inner,
        )
    ),
    max_leaves=12,
)


@given(VALUES)
def test_any_message_is_read_or_refused(value: Any) -> None:
    data = msgspec.msgpack.encode(value)
    for decode in (
        lambda: wire.decode_broadcast(data, "/"),
        lambda: wire.decode_request(data),
        lambda: wire.decode_response(data),
        lambda: message_fields.read_handshake(value),
    ):
        with contextlib.suppress(PacketError):
            decode()

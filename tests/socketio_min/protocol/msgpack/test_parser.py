"""protocol/msgpack: literals of MessagePack and notepack.io, limits, and arbitrary input."""

from __future__ import annotations

import importlib
import json
import math
import sys
from collections import OrderedDict
from datetime import UTC, date, datetime, timedelta, timezone
from enum import IntEnum
from typing import Any, NamedTuple

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import socketio_min.protocol.msgpack
from socketio_min.errors import EncodeError, PacketError, UsageError
from socketio_min.protocol.msgpack import MsgpackParser
from socketio_min.protocol.packets import (
    ACK,
    CONNECT,
    CONNECT_ERROR,
    DISCONNECT,
    EVENT,
    RESERVED_EVENTS,
    Packet,
)
from socketio_min.protocol.parser import PacketEncoder
from tests.socketio_min.protocol.values import ack_ids, names, namespaces, values

PARSER = MsgpackParser()
MAIN = PARSER.encoder("/")
pack = msgspec.msgpack.encode


def read(message: str | bytes, max_values: int = 1_000_000) -> Packet:
    return PARSER.rest(message, PARSER.head(message, 10), max_values)


def packet(data: bytes | None = None, **members: Any) -> bytes:
    """An event to "/" with other members, and its data as these bytes."""
    found: dict[str, Any] = {"type": EVENT, "nsp": "/", **members}
    if data is not None:
        found["data"] = msgspec.Raw(data)
    return pack(found)


def event(value: bytes) -> bytes:
    """The event "x" with one argument."""
    return packet(b"\x92\xa1x" + value)


def argument(value: bytes) -> Any:
    return read(event(value))[2][1]


# -- literals


@pytest.mark.parametrize(
    ("packets", "message"),
    [
        (MAIN.event(["x", 1, b"a"]), b"\x83\xa4type\x02\xa3nsp\xa1/\xa4data\x93\xa1x\x01\xc4\x01a"),
        (MAIN.event(["x"], 7), b"\x84\xa4type\x02\xa3nsp\xa1/\xa2id\x07\xa4data\x91\xa1x"),
        (MAIN.ack([], 200), b"\x84\xa4type\x03\xa3nsp\xa1/\xa2id\xcc\xc8\xa4data\x90"),
        (MAIN.connect(), b"\x82\xa4type\x00\xa3nsp\xa1/"),
        (MAIN.connect({"a": b""}), b"\x83\xa4type\x00\xa3nsp\xa1/\xa4data\x81\xa1a\xc4\x00"),
        (MAIN.disconnect(), b"\x82\xa4type\x01\xa3nsp\xa1/"),
        (
            MAIN.connect_error("no"),
            b"\x83\xa4type\x04\xa3nsp\xa1/\xa4data\x81\xa7message\xa2no",
        ),
        (
            PARSER.encoder("/a").connect_error("no", 1),
            b"\x83\xa4type\x04\xa3nsp\xa2/a\xa4data\x82\xa7message\xa2no\xa4data\x01",
        ),
    ],
)
def test_packets_are_maps(packets: list[str | bytes], message: bytes) -> None:
    assert packets == [message]


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (packet(b"\x92\xa1x\x01", id=7, options={"compress": True}), (EVENT, "/", ["x", 1], 7, 0)),
        (packet(b"\x91\xa1x", id=None), (EVENT, "/", ["x"], None, 0)),
        (packet(b"\x90", type=ACK, id=0), (ACK, "/", [], 0, 0)),
        (packet(type=CONNECT), (CONNECT, "/", None, None, 0)),
        (packet(b"\xc0", type=CONNECT), (CONNECT, "/", None, None, 0)),
        (packet(b"\xd4\x00\x00", type=CONNECT), (CONNECT, "/", None, None, 0)),
        (packet(b"\x80", type=CONNECT), (CONNECT, "/", {}, None, 0)),
        (packet(type=DISCONNECT, nsp="/a"), (DISCONNECT, "/a", None, None, 0)),
        (packet(b"\xa2no", type=CONNECT_ERROR), (CONNECT_ERROR, "/", "no", None, 0)),
        (packet(b"\x81\xa1a\x01", type=CONNECT_ERROR), (CONNECT_ERROR, "/", {"a": 1}, None, 0)),
    ],
)
def test_packets_are_read(message: bytes, expected: Packet) -> None:
    assert read(message) == expected


@pytest.mark.parametrize(
    ("message", "problem"),
    [
        ("0", "got the text '0', expected MessagePack"),
        (b"", "a map with a type"),
        (b"\xc1", "a map with a type"),
        (b"\x90", "a map with a type"),
        (b"\x91" * 100_000, "a map with a type"),
        (packet(b"\x91\xa1x") + b"\x00", "a map with a type"),
        (packet(b"\x91\xa1x")[:-1], "a map with a type"),
        (b"\x83\xa4type\x02\xa3nsp\xa1/\xa1y" + b"\x91" * 100_000 + b"\xc0", "a map with a type"),
        (b"\x82\xa4type\x02\xa3nsp\xa1\xff", "a map with a type"),
        (packet(b"\x91\xa1x", type=None), "a type from 0 to 4"),
        (packet(b"\x91\xa1x", type=5), "a type from 0 to 4"),
        (packet(b"\x91\xa1x", type=-1), "a type from 0 to 4"),
        (packet(b"\x91\xa1x", type=True), "a type from 0 to 4"),
        (packet(b"\x91\xa1x", type="2"), "a type from 0 to 4"),
        (packet(b"\x91\xa1x", nsp=None), "a namespace of at most 256 characters"),
        (packet(b"\x91\xa1x", nsp=""), "a namespace of at most 256 characters"),
        (packet(b"\x91\xa1x", nsp="a"), "a namespace of at most 256 characters"),
        (packet(b"\x91\xa1x", nsp="/" + "a" * 256), "a namespace of at most 256 characters"),
        (packet(b"\x90", type=CONNECT), "a map as data, or none"),
        (packet(b"\xa1x", type=CONNECT), "a map as data, or none"),
        (packet(pack({"a": "x" * 65_536}), type=CONNECT), "at most 65536 bytes"),
        (packet(b"\x80", type=DISCONNECT), "no data after DISCONNECT"),
        (packet(type=CONNECT_ERROR), "a map or a string as data"),
        (packet(b"\x01", type=CONNECT_ERROR), "a map or a string as data"),
        (packet(), "an array as data"),
        (packet(b"\x80"), "an array as data"),
        (packet(b"\xa1x", type=ACK), "an array as data"),
        (packet(b"\x90"), "an event name first"),
        (packet(b"\x91\x01"), "an event name first"),
        (packet(pack(["x" * 129])), "an event name first"),
        *((packet(pack([name])), "an event name first") for name in sorted(RESERVED_EVENTS)),
        (packet(b"\x91\xa1x", id=-1), "an acknowledgement id from 0"),
        (packet(b"\x91\xa1x", id=2**53), "an acknowledgement id from 0"),
        (packet(b"\x91\xa1x", id=1.0), "an acknowledgement id from 0"),
        (packet(b"\x91\xa1x", id=False), "an acknowledgement id from 0"),
        (packet(b"\x91\xa1x", id="1"), "an acknowledgement id from 0"),
        (event(b"\xd4\x01\x00"), "the extension type 1"),
        (event(b"\x92\xd4\x00\x00\xd5\x02ab"), "the extension type 2"),
        (event(b"\xd7\x00\x7f" + b"\xff" * 7), "no MessagePack"),
        (event(b"\xd7\xff" + b"\xff" * 8), "no MessagePack"),
        (event(b"\xa1\xff"), "no MessagePack"),
        (event(b"\x81\xc4\x01a\x01"), "got a key of type bytes"),
        (event(b"\x81\x90\x01"), "got a key of type tuple"),
        (event(b"\x91" * 64 + b"\xc0"), "more levels than 64"),
        (event(b"\x81\xa1a" * 63 + b"\x80"), "more levels than 64"),
        (event(b"\x91" * 5_000 + b"\xc0"), "a map with a type"),
    ],
)
def test_what_is_no_packet_is_refused(message: str | bytes, problem: str) -> None:
    with pytest.raises(PacketError, match=problem) as caught:
        read(message)
    text = str(caught.value)
    assert text.endswith("close the connection")
    assert len(text) < 400


# -- the values of JavaScript


@pytest.mark.parametrize(
    ("encoded", "value"),
    [
        (b"\xd4\x00\x00", None),
        (b"\xc7\x01\x00\x05", b"\x05"),
        (b"\xc7\x08\x00abcdefgh", b"abcdefgh"),
        (b"\xc7\x03\x00abc", b"abc"),
        (b"\xc8\x00\x08\x00abcdefgh", b"abcdefgh"),
        (b"\xc9\x00\x00\x00\x01\x00a", b"a"),
        (b"\xd7\x00" + bytes(8), datetime(1970, 1, 1, tzinfo=UTC)),
        (b"\xd7\x00" + b"\xff" * 8, datetime(1969, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC)),
        # Version 3 of notepack.io writes timestamps.
        (b"\xd6\xff\x00\x00\x00\x01", datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)),
        (b"\x82\x01\xc0\xcb?\xf8" + bytes(6) + b"\x02", {"1": None, "1.5": 2}),
        (b"\x82\xc0\x01\xc3\x02", {"null": 1, "true": 2}),
        (b"\xcb\x7f\xf0" + bytes(6), math.inf),
        (b"\xcf" + b"\xff" * 8, 2**64 - 1),
        (b"\xd3\x80" + bytes(7), -(2**63)),
        (b"\x91" * 63 + b"\xc0", json.loads("[" * 63 + "null" + "]" * 63)),
    ],
)
def test_the_values_of_notepack_are_read(encoded: bytes, value: Any) -> None:
    assert argument(encoded) == value
    assert type(argument(encoded)) is type(value)


def test_bytes_dates_and_undefined_are_told_apart_in_their_order() -> None:
    """Whatever stands between them: all that has a length, keys, and other extensions."""
    zero, eight = b"\xd7\x00" + bytes(8), b"\xc7\x08\x00abcdefgh"
    between = [
        *(b"\xa1a", b"\xd9\x01a", b"\xda\x00\x01a", b"\xdb\x00\x00\x00\x01a", b"\xe0", b"\x7f"),
        *(b"\xc4\x01a", b"\xc5\x00\x01a", b"\xc6\x00\x00\x00\x01a", b"\xc0", b"\xc2", b"\xc3"),
        *(b"\xca" + bytes(4), b"\xcb" + bytes(8), b"\xcc\xd4", b"\xcd\xd4\x00", b"\xce" + bytes(4)),
        *(b"\xcf" + bytes(8), b"\xd0\xd4", b"\xd1\xd4\x00", b"\xd2" + bytes(4), b"\xd3" + bytes(8)),
        *(b"\xd6\xff" + bytes(4), b"\xd7\xff" + bytes(8), b"\xc7\x0c\xff" + bytes(12)),
        *(
            b"\x90",
            b"\x80",
            b"\x91\xd4\x00\x00",
            b"\x81\xa1a\x01",
            b"\xdc\x00\x00",
            b"\xdd" + bytes(4),
        ),
        *(b"\xde\x00\x00", b"\xdf" + bytes(4), b"\xd5\x00ab", b"\xd8\x00" + b"a" * 16),
    ]
    members = [part for one in between for part in (one, zero, eight, b"\xd4\x00\x00")]
    encoded = b"\xdc" + len(members).to_bytes(2, "big") + b"".join(members)
    found = argument(encoded)
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    assert len(found) == len(members)
    assert found[1::4] == [epoch] * len(between)
    assert found[2::4] == [b"abcdefgh"] * len(between)
    assert found[3::4] == [None] * len(between)


class Color(IntEnum):
    RED = 1


class Point(NamedTuple):
    x: int
    y: bytes


@pytest.mark.parametrize(
    ("value", "encoded"),
    [
        ((1, (b"a",)), b"\x92\x01\x91\xc4\x01a"),
        (Point(1, b"a"), b"\x92\x01\xc4\x01a"),
        (OrderedDict(b=1, a=2), b"\x82\xa1b\x01\xa1a\x02"),
        (memoryview(b"abcd")[::2], b"\xc4\x02ac"),
        (bytearray(b"a"), b"\xc4\x01a"),
        ({1: 2, None: 3}, b"\x82\xa11\x02\xa4null\x03"),
        (Color.RED, b"\x01"),
        ("a\ud800é", b"\xa6a\xef\xbf\xbd\xc3\xa9"),
        (2**64, b"\xcbC\xf0\x00\x00\x00\x00\x00\x00"),
        (math.nan, b"\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00"),
        (
            [2**64, math.inf, True, None],
            b"\x94\xcbC\xf0" + bytes(6) + b"\xcb\x7f\xf0" + bytes(6) + b"\xc3\xc0",
        ),
        (datetime(1970, 1, 1, 1, tzinfo=timezone(timedelta(hours=1))), b"\xd7\x00" + bytes(8)),
        (date(1970, 1, 1), b"\xaa1970-01-01"),
    ],
)
def test_values_of_python_become_those_of_all_languages(value: Any, encoded: bytes) -> None:
    assert MAIN.event(["x", value]) == [event(encoded)]
    assert MAIN.plain_event(["x", value]) in (None, event(encoded))


def test_the_payload_of_a_connect_may_be_a_mapping_of_another_class() -> None:
    assert MAIN.connect(OrderedDict(a=1)) == MAIN.connect({"a": 1})


def circular() -> list[Any]:
    value: list[Any] = []
    value.append(value)
    return value


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ({1, 2}, "got a value of type set"),
        ([object()], "got a value of type object"),
        ({(1, 2): 3}, "got a key of type tuple"),
        ({b"a": 3}, "got a key of type bytes"),
        (circular(), "nested too deeply or contains itself"),
        ([10**5000], "integer of hundreds of digits"),
    ],
)
def test_what_cannot_be_encoded_is_the_callers_mistake(value: Any, problem: str) -> None:
    assert MAIN.plain_event(["x", value]) is None
    with pytest.raises(EncodeError, match=problem):
        MAIN.event(["x", value])
    with pytest.raises(EncodeError, match=problem):
        MAIN.ack([value], 1)
    with pytest.raises(EncodeError, match=problem):
        MAIN.connect({"a": value})
    with pytest.raises(EncodeError, match=problem):
        MAIN.connect_error("no", value)


@pytest.mark.parametrize("args", [[1], ["connect"]])
def test_an_event_needs_a_name(args: list[Any]) -> None:
    assert MAIN.plain_event(args) is None
    with pytest.raises(UsageError, match="event name"):
        MAIN.event(args)
    with pytest.raises(UsageError, match="event name"):
        MAIN.event([])


def test_there_is_no_json() -> None:
    encoder: PacketEncoder = MAIN
    assert encoder.json_of(encoder.event(["x"])) is None


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "msgspec", None)
    expected = r"need msgspec: pip install 'socketio-min\[msgpack\]'"
    with pytest.raises(ImportError, match=expected):
        importlib.reload(socketio_min.protocol.msgpack)


# -- limits


def test_values_are_counted_before_they_are_made() -> None:
    assert len(read(packet(pack(["x", *[0] * 98])), 100)[2]) == 99
    with pytest.raises(PacketError, match=r"expected at most 100 values \(max_values\)"):
        read(packet(pack(["x", *[0] * 99])), 100)
    with pytest.raises(PacketError, match=r"expected at most 100 values \(max_values\)"):
        read(packet(pack(["x", {str(number): [] for number in range(50)}])), 100)
    # One of an extension type is read by Python.
    assert len(read(packet(pack(["x", *[datetime.now(UTC)] * 24])), 100)[2]) == 25
    with pytest.raises(PacketError, match=r"expected at most 100 values \(max_values\)"):
        read(packet(b"\xdc\x00\x1a\xa1x" + b"\xd4\x00\x00" * 25), 100)
    # One value, whatever it has inside.
    assert read(packet(pack(["x", b"\x91" * 1_000, "\x00" * 1_000])), 100)[2][1] == b"\x91" * 1_000


def test_a_head_is_looked_at_before_it_is_read() -> None:
    """Its values are not counted: 70,000 arrays would be made before the type is no number."""
    bomb: list[list[int]] = [[]] * 70_000
    for member in ({"type": bomb}, {"nsp": bomb}, {"id": bomb}, {"nsp": "/" + "x" * 70_000}):
        with pytest.raises(PacketError, match="at most 1029 bytes each of type, namespace and id"):
            read(packet(pack(["x"]), **member))
    long = "/" + "😀" * 255
    assert read(packet(pack(["x", b"x" * 70_000]), nsp=long))[1] == long


def test_what_values_weigh() -> None:
    for short in ("x" * 1_023, b"\x90" * 1_023):
        assert PARSER.weigh(short) == 1_023
    assert PARSER.weigh("x" * 2_000) == 2_000
    message = packet(pack(["x", [[]] * 1_000, {"a": 1.5, "b": {}}, "é" * 500, b"\x80" * 500]))
    # The packet itself is a map of three members.
    lists, maps, others = 1_000 + 3, 2, 5 + 6
    assert PARSER.weigh(message) == len(message) + lists * 64 + maps * 240 + others * 56


# -- properties


@given(namespaces, names, st.lists(values, max_size=4), ack_ids)
def test_an_event_survives_the_round_trip(
    namespace: str, name: str, args: list[Any], ack_id: int | None
) -> None:
    """Decoding an encoded event gives the same namespace, arguments and id."""
    encoder = PARSER.encoder(namespace)
    [message] = encoder.event([name, *args], ack_id)
    data = [well_formed(one) for one in (name, *args)]
    assert read(message) == (EVENT, namespace, data, ack_id, 0)
    plain = encoder.plain_event([name, *args])
    if plain is not None:
        assert [plain] == encoder.event([name, *args])


def well_formed(value: Any) -> Any:
    """The value without lone surrogates, which UTF-8 has not."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {well_formed(key): well_formed(item) for key, item in value.items()}
    return [well_formed(item) for item in value] if isinstance(value, list) else value


@given(namespaces, st.lists(values, max_size=3), ack_ids, st.binary(min_size=1, max_size=3))
def test_a_damaged_packet_is_decoded_or_refused(
    namespace: str, args: list[Any], ack_id: int | None, damage: bytes
) -> None:
    """Cut or damaged anywhere, a packet raises PacketError or nothing; no prefix is a packet."""
    [message] = PARSER.encoder(namespace).event(["x", *args], ack_id)
    assert isinstance(message, bytes)
    for position in range(len(message)):
        with pytest.raises(PacketError):
            read(message[:position])
        for damaged in (damage + message[position:], damage + message[position + len(damage) :]):
            read_or_refuse(message[:position] + damaged)


@given(st.binary(), st.binary())
def test_arbitrary_bytes_are_decoded_or_refused(message: bytes, data: bytes) -> None:
    """Whatever the bytes, decoding raises PacketError or nothing, with few values allowed too."""
    read_or_refuse(message)
    head = b"\x83\xa4type\x02\xa3nsp\xa1/\xa4data\x92\xa1x"
    read_or_refuse(head + data)


def read_or_refuse(message: bytes) -> None:
    for max_values in (1_000_000, 3):
        try:
            found = read(message, max_values)
        except PacketError:
            continue
        assert found[0] in range(5)

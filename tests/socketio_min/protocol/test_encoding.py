"""encoding.py: literals of Socket.IO protocol 5, any Python value, and the way back."""

import json
import math
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from socketio_min.errors import (
    EncodeError,
)
from socketio_min.protocol.decoding import decode
from socketio_min.protocol.encoding import (
    encode_ack,
    encode_connect,
    encode_connect_error,
    encode_disconnect,
    encode_event,
)
from socketio_min.protocol.packets import (
    ACK,
    EVENT,
)
from tests.socketio_min.protocol.values import (
    ack_ids,
    names,
    namespaces,
    values,
    whole,
)

PLACEHOLDER = '{"_placeholder":true,"num":0}'


@pytest.mark.parametrize(
    ("args", "packet"),
    [
        (("/", ["foo"]), '2["foo"]'),
        (("/admin", ["bar"]), '2/admin,["bar"]'),
        (("/", ["foo"], 0), '20["foo"]'),
        (("/", ["foo", 1, None, True, "é"], 12), '212["foo",1,null,true,"é"]'),
        (("/admin", ["foo", {"a": [1.5]}], 9007199254740991), None),
        (("/", ["error", "x"]), '2["error","x"]'),
        (("/", ["__proto__"]), '2["__proto__"]'),
        (("/", [""]), '2[""]'),
        (("/", ["m", {"_placeholder": True, "num": 0}]), f'2["m",{PLACEHOLDER}]'),
    ],
)
def test_events_both_ways(args: tuple[Any, ...], packet: str | None) -> None:
    packet = packet or '2/admin,9007199254740991["foo",{"a":[1.5]}]'
    assert encode_event(*args) == (packet, [])
    namespace, data, ack_id = (*args, None)[:3]
    assert decode(packet) == (EVENT, namespace, data, ack_id, 0)


@pytest.mark.parametrize(
    ("args", "packet"),
    [
        (("/", [], 7), "37[]"),
        (("/", ["ok", {"a": 1}], 13), '313["ok",{"a":1}]'),
        (("/admin", [None], 0), "3/admin,0[null]"),
    ],
)
def test_acknowledgements_both_ways(args: tuple[Any, ...], packet: str) -> None:
    assert encode_ack(*args) == (packet, [])
    namespace, data, ack_id = args
    assert decode(packet) == (ACK, namespace, data, ack_id, 0)


def test_the_other_packets_are_encoded() -> None:
    assert encode_connect("/") == "0"
    assert encode_connect("/custom") == "0/custom,"
    assert encode_connect("/", {}) == "0{}"
    assert encode_connect("/", {"sid": "abc"}) == '0{"sid":"abc"}'
    assert encode_connect("/custom", {"sid": "abc"}) == '0/custom,{"sid":"abc"}'
    assert encode_disconnect("/") == "1"
    assert encode_disconnect("/custom") == "1/custom,"
    assert encode_connect_error("/", "Invalid namespace") == '4{"message":"Invalid namespace"}'
    assert (
        encode_connect_error("/admin", "not authorized", {"code": "E1"})
        == '4/admin,{"message":"not authorized","data":{"code":"E1"}}'
    )


class Color(IntEnum):
    RED = 1


class Point(NamedTuple):
    x: int
    y: bytes


class Pair(NamedTuple):
    x: int
    y: int


@dataclass
class Item:
    name: str


def lists(depth: int) -> str:
    return "[" * depth + "]" * depth


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (math.nan, "null"),
        (math.inf, "null"),
        ((1, (2,)), "[1,[2]]"),
        (datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC), '"2024-01-02T03:04:05+00:00"'),
        (uuid.UUID(int=1), '"00000000-0000-0000-0000-000000000001"'),
        (Item("a"), '{"name":"a"}'),
        (Pair(1, 2), "[1,2]"),
        (Color.RED, "1"),
        ("é😀", '"é😀"'),
        # From here on orjson refuses, and the json module takes over for the whole packet.
        ("\ud800", r'"\ud800"'),
        (["\ud800", "é😀"], r'["\ud800","\u00e9\ud83d\ude00"]'),
        (2**64, "18446744073709551616"),
        (-(2**70), "-1180591620717411303424"),
        ({1: 2}, '{"1":2}'),
        ({-1: 1, 1.5: 1, 2.0: 1, True: 2}, '{"-1":1,"1.5":1,"2":1,"true":2}'),
        ({None: 0, False: 1}, '{"null":0,"false":1}'),
        ({math.nan: 0, math.inf: 1, -math.inf: 2}, '{"NaN":0,"Infinity":1,"-Infinity":2}'),
        ({Color.RED: Color.RED}, '{"1":1}'),
        (
            [2**64, math.nan, -math.inf, 1.5, None, True],
            "[18446744073709551616,null,null,1.5,null,true]",
        ),
        ([2**64, (1, Item("a"))], '[18446744073709551616,[1,{"name":"a"}]]'),
        (
            [2**64, uuid.UUID(int=1)],
            '[18446744073709551616,"00000000-0000-0000-0000-000000000001"]',
        ),
    ],
)
def test_python_values_become_what_javascript_would_write(value: Any, text: str) -> None:
    assert encode_event("/", ["x", value]) == (f'2["x",{text}]', [])
    assert encode_connect("/", {"a": value}) == f'0{{"a":{text}}}'


def test_a_tuple_of_arguments_is_as_good_as_a_list() -> None:
    assert encode_event("/", ("x", 1)) == ('2["x",1]', [])
    assert encode_ack("/", (b"1",), 1) == (f"61-1[{PLACEHOLDER}]", [b"1"])


@pytest.mark.parametrize("depth", [253, 254, 255, 300])
def test_values_deeper_than_orjson_writes_are_still_encoded(depth: int) -> None:
    value: Any = json.loads(lists(depth))
    assert encode_event("/", ["x", value]) == (f'2["x",{lists(depth)}]', [])


def test_attachments_are_numbered_once_when_the_json_module_takes_over() -> None:
    encoded = encode_event("/", ["x", b"a", 2**64, Point(1, b"b"), {1: bytearray(b"c")}])
    assert encoded == (
        '53-["x",{"_placeholder":true,"num":0},18446744073709551616,'
        '[1,{"_placeholder":true,"num":1}],{"1":{"_placeholder":true,"num":2}}]',
        [b"a", b"b", b"c"],
    )


class Opaque:
    pass


def circular() -> list[Any]:
    value: list[Any] = []
    value.append(value)
    return value


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ({1, 2}, "got a value of type set"),
        (frozenset(), "got a value of type frozenset"),
        (Opaque(), "got a value of type Opaque"),
        (1j, "got a value of type complex"),
        ([2**64, {1}], "got a value of type set"),
        ([2**64, Item("\ud800")], "got a value of type Item that JSON cannot hold"),
        ({(1, 2): 3}, "got a key of type tuple"),
        ({b"a": 3}, "got a key of type bytes"),
        (circular(), "nested too deeply or contains itself"),
        ([10**5000], "integer of thousands of digits"),
    ],
)
def test_what_has_no_json_form_is_the_callers_mistake(value: Any, problem: str) -> None:
    for encode in (
        lambda: encode_event("/", ["x", value]),
        lambda: encode_ack("/", [[value]], 1),
        lambda: encode_connect("/", {"a": value}),
        lambda: encode_connect_error("/", "no", value),
    ):
        with pytest.raises(EncodeError, match=problem):
            encode()


@pytest.mark.parametrize("value", [b"", bytearray(b"a"), memoryview(b"a")])
def test_connect_packets_carry_no_binary(value: Any) -> None:
    for data in ({"a": value}, {"a": [2**64, value]}):
        with pytest.raises(EncodeError, match="binary values travel only in events"):
            encode_connect("/", data)
        with pytest.raises(EncodeError, match="binary values travel only in events"):
            encode_connect_error("/", "no", data)


def test_attachments_are_copies_of_what_may_change() -> None:
    value = bytearray(b"before")
    _, attachments = encode_event("/", ["x", value])
    value[:] = b"after!"
    assert attachments == [b"before"]


def count_binary(value: Any) -> int:
    if isinstance(value, bytes):
        return 1
    if isinstance(value, dict):
        return sum(map(count_binary, value.values()))
    return sum(map(count_binary, value)) if isinstance(value, list) else 0


@given(namespaces, names, st.lists(values, max_size=4), ack_ids)
def test_an_event_survives_the_round_trip(
    namespace: str, name: str, args: list[Any], ack_id: int | None
) -> None:
    """Decoding an encoded event gives the same namespace, arguments and id; the text is UTF-8."""
    data = [name, *args]
    text, attachments = encode_event(namespace, data, ack_id)
    text.encode()
    assert text[0] == ("5" if count_binary(data) else "2")
    assert whole(text, attachments) == (EVENT, namespace, data, ack_id, 0)


@given(namespaces, st.lists(values, max_size=4), st.integers(0, 2**53 - 1))
def test_an_acknowledgement_survives_the_round_trip(
    namespace: str, args: list[Any], ack_id: int
) -> None:
    """Decoding an encoded acknowledgement gives the same namespace, arguments and id."""
    text, attachments = encode_ack(namespace, args, ack_id)
    text.encode()
    assert whole(text, attachments) == (ACK, namespace, args, ack_id, 0)

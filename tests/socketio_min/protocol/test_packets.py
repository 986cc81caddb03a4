"""packets.py: literals of Socket.IO protocol 5, limits, and properties over arbitrary input."""

import json
import math
import sys
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum
from typing import Any, NamedTuple

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from socketio_min.errors import (
    AcknowledgementTimeout,
    ConnectionRefused,
    EncodeError,
    PacketError,
    ProtocolError,
    SocketIOError,
    UsageError,
)
from socketio_min.protocol.packets import (
    ACK,
    BINARY_ACK,
    BINARY_EVENT,
    CONNECT,
    CONNECT_ERROR,
    DISCONNECT,
    EVENT,
    RESERVED_EVENTS,
    Packet,
    Reconstructor,
    decode,
    decode_plain_event,
    encode_ack,
    encode_connect,
    encode_connect_error,
    encode_disconnect,
    encode_event,
    encode_plain_event,
    plain_event_head,
)

PLACEHOLDER = '{"_placeholder":true,"num":0}'


def test_types_have_the_numbers_of_the_protocol() -> None:
    types = (CONNECT, DISCONNECT, EVENT, ACK, CONNECT_ERROR, BINARY_EVENT, BINARY_ACK)
    assert types == (0, 1, 2, 3, 4, 5, 6)


# --- plain packets, both ways


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


@pytest.mark.parametrize(
    ("text", "packet"),
    [
        ("0", (CONNECT, "/", None, None, 0)),
        ("0/custom", (CONNECT, "/custom", None, None, 0)),
        ("0/custom,", (CONNECT, "/custom", None, None, 0)),
        ("0/custom?token=1,", (CONNECT, "/custom?token=1", None, None, 0)),
        ('0/,{"a":1}', (CONNECT, "/", {"a": 1}, None, 0)),
        ('0{"token":1}', (CONNECT, "/", {"token": 1}, None, 0)),
        ('0/custom,{"token":1}', (CONNECT, "/custom", {"token": 1}, None, 0)),
        ("0{}", (CONNECT, "/", {}, None, 0)),
        ("1", (DISCONNECT, "/", None, None, 0)),
        ("1/custom", (DISCONNECT, "/custom", None, None, 0)),
        ("1/custom,", (DISCONNECT, "/custom", None, None, 0)),
        ('4{"message":"no"}', (CONNECT_ERROR, "/", {"message": "no"}, None, 0)),
        ('4/a,"no"', (CONNECT_ERROR, "/a", "no", None, 0)),
        # An acknowledgement that carries nothing, or no id, is the receiver's to ignore.
        ("3", (ACK, "/", [], None, 0)),
        ("37", (ACK, "/", [], 7, 0)),
        ('3["x"]', (ACK, "/", ["x"], None, 0)),
        ("3[[]]", (ACK, "/", [[]], None, 0)),
        ('2007["x"]', (EVENT, "/", ["x"], 7, 0)),
        ('2["x"] ', (EVENT, "/", ["x"], None, 0)),
        (
            '2["x",{"a":1,"a":2,"__proto__":3}]',
            (EVENT, "/", ["x", {"a": 2, "__proto__": 3}], None, 0),
        ),
    ],
)
def test_valid_packets_are_decoded(text: str, packet: Packet) -> None:
    assert decode(text) == packet


@pytest.mark.parametrize(
    "text",
    [
        *("", "7", "8", "9", "a", "２", "-1", " 2", "\ufeff2", "\n", "b"),
        # CONNECT takes an object or nothing, DISCONNECT nothing, CONNECT_ERROR an object or string.
        *("0[1]", '0"x"', "0null", "0{bad", "0,", "0 {}", '0/a,"x"', "0/a,[]", "012"),
        *("1{}", "1/a,{}", "1[]", "1x", "10"),
        *("4", "4/a,", "4[]", "41", "4null", '4"x'),
        # An event is an array that begins with a name.
        *("2", "2/a", "2/a,", "27", '2/a["x"]', "2[]", "2{}", "2null", '2"x"', "2[null]"),
        *("2[true]", "2[{}]", "2[[]]", "2[1]", "2[1,2]", "2[1.5]", f"2[{PLACEHOLDER}]"),
        *(f'2["{name}"]' for name in sorted(RESERVED_EVENTS)),
        *(f'2/a,1["{name}"]' for name in sorted(RESERVED_EVENTS)),
        # JSON, and nothing after it.
        *('2["x",]', '2["x"]]', '2["x"]y', '2["x"', '2["x', '2["x",NaN]', '2["x",Infinity]'),
        *('2["x",-Infinity]', '2["x\n"]', "2['x']", '2["x",01]', '2["x",.5]', '2["\\x"]'),
        *('2 ["x"]', '2\n["x"]', '2\ufeff["x"]'),
        *('2["\\ud800",NaN]', '2["\\ud800"'),
        # Acknowledgement ids: 1 to 16 ASCII digits, at most 2**53 - 1.
        *('2-1["x"]', '2+1["x"]', '21.5["x"]', '2²["x"]', '2٣["x"]', '21 ["x"]', '2abc["x"]'),
        *('21_0["x"]', '29007199254740992["x"]', '29999999999999999["x"]'),
        *(f'2{"1" * 17}["x"]', f'2{"0" * 17}["x"]', f'2{"1" * 5000}["x"]', f"3{'9' * 400}[]"),
        *("31{}", "3{}", "3null", '3"x"', "3-1[]", "3x", "3[", "3/a,x"),
        # Attachments: 1 to 10, ASCII digits, a dash.
        *('5["x"]', '50-["x"]', '511-["x"]', '5-["x"]', '5x-["x"]', '5-1-["x"]', '51.5-["x"]'),
        *('51e0-["x"]', '50x1-["x"]', '5 1-["x"]', '5²-["x"]', '51000000000-["x"]', '51["x"]'),
        *(f'5{"0" * 16}1-["x"]', f'5{"1" * 5000}-["x"]', "5", "6", "51", "60-[]", "611-[]"),
        *("51-", "61-", "61-7", "51-/a,", "51-[]", "51-[1]", f"51-[{PLACEHOLDER}]", "61-{}"),
        '51-["connect"]',
    ],
)
def test_malformed_packets_are_refused(text: str) -> None:
    with pytest.raises(
        PacketError, match=r"^got the packet .*: expected .*; close the connection$"
    ):
        decode(text)


def test_the_error_quotes_a_short_and_printable_part_of_the_packet() -> None:
    with pytest.raises(PacketError) as caught:
        decode("2\n\x1b[31m" + "é" * 1000)
    message = str(caught.value)
    assert message.startswith(r"got the packet '2\n\x1b[31m\xe9")
    assert len(message) < 300
    assert message.isascii()
    assert message.isprintable()


# --- limits


def test_a_namespace_has_at_most_256_characters() -> None:
    longest = "/" + "n" * 255
    assert decode(f"0{longest}") == (CONNECT, longest, None, None, 0)
    assert decode(f'2{longest},["x"]') == (EVENT, longest, ["x"], None, 0)
    for text in (f"0{longest}n", f"0{longest}n,", f'2{longest}n,["x"]', f"1/{'n' * 10_000}"):
        with pytest.raises(PacketError, match="256 characters"):
            decode(text)


def test_an_event_name_has_at_most_128_characters() -> None:
    longest = "e" * 128
    assert decode(f'2["{longest}"]')[2] == [longest]
    for text in (f'2["{longest}e"]', f'2/a,1["{longest}e"]', f'51-["{longest}e"]'):
        with pytest.raises(PacketError, match="128 characters"):
            decode(text)


def test_an_acknowledgement_id_goes_up_to_the_safe_integers() -> None:
    assert decode('29007199254740991["x"]')[3] == 9007199254740991
    assert decode("30000000000000007[]")[3] == 7


def test_the_number_of_attachments_has_a_limit_that_can_be_set() -> None:
    assert decode('510-["x"]')[4] == 10
    assert decode('52-["x"]', 2)[4] == 2
    assert decode('5100-["x"]', 100)[4] == 100
    with pytest.raises(PacketError, match="from 1 to 2"):
        decode('53-["x"]', 2)


def lists(depth: int) -> str:
    return "[" * depth + "]" * depth


def objects(depth: int) -> str:
    return '{"a":' * depth + "1" + "}" * depth


@pytest.mark.parametrize("nested", [lists, objects])
def test_json_nests_64_levels_deep_and_no_deeper(nested: Callable[[int], str]) -> None:
    text = nested(63)
    assert decode(f'2["x",{text}]')[2] == ["x", json.loads(text)]
    # 1,025 is where orjson gives up, 100,000 where the json module does.
    for depth in (64, 100, 500, 1_025, 2_000, 100_000):
        for packet in (
            f'2["x",{nested(depth)}]',
            f"3[{nested(depth)}]",
            f'51-["x",{nested(depth)}]',
            '0{"a":' + nested(depth) + "}",
            f'2["x","\\ud800",{nested(depth)}]',
        ):
            # A CONNECT of the last depth is refused for its length already.
            with pytest.raises(PacketError, match=r"64 levels|65536 characters"):
                decode(packet)


def test_brackets_that_do_not_nest_are_no_depth() -> None:
    flat: list[Any] = ["[" * 1_000, [[]] * 1_000, [{}] * 1_000, [{"a": [1]}] * 100]
    for value in flat:
        assert decode(f'2["x",{json.dumps(value)}]')[2] == ["x", value]


# --- JSON as JavaScript writes it


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (r'"\ud800"', "\ud800"),
        (r'"\udfff\ud800"', "\udfff\ud800"),
        (r'"\ud83d\ude00"', "😀"),
        (
            r'["\ud800",1,-2,1234567890123456,12345678901234567]',
            ["\ud800", 1, -2, 1234567890123456, 12345678901234567],
        ),
        (r'{"\ud800":"\u00e9"}', {"\ud800": "é"}),
        ("1e400", math.inf),
        ("-1e400", -math.inf),
        ("1" * 400, math.inf),
        ("-" + "1" * 400, -math.inf),
        ("1" * 30, float("1" * 30)),
        ('["\\ud800",' + "1" * 30 + "]", ["\ud800", float("1" * 30)]),
        ("1" * 100_000, math.inf),
        ("18446744073709551615", 18446744073709551615),
        ("1.0", 1.0),
        ("-0", 0),
    ],
)
def test_what_javascript_sends_is_decoded(text: str, value: Any) -> None:
    decoded = decode(f'2["x",{text}]')[2][1]
    assert decoded == value
    assert type(decoded) is type(value)


@pytest.mark.parametrize(
    "text", ["0," * 100_001 + "1e999", '"' + "x" * 2_000_000 + '\\ud800"', "1e999," * 100_001 + "0"]
)
def test_what_the_slow_parser_would_take_long_for_is_refused(text: str) -> None:
    with pytest.raises(PacketError, match="expected valid JSON of at most 64 levels"):
        decode(f'2["x",{text}]')


def test_a_packet_has_a_million_values_at_most() -> None:
    text = ",0" * 999_997
    assert len(decode(f'2["x"{text}]')[2]) == 999_998
    with pytest.raises(PacketError, match=r"expected at most 1000000 values \(max_values\)"):
        decode(f'2["x"{text},0,0,0]')
    # One value, whatever it looks like.
    assert decode('2["x","' + "[,{:" * 300_000 + '"]')[2] == ["x", "[,{:" * 300_000]


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


@pytest.mark.parametrize("args", [[], [1], [None], [["x"]], [b"x"], [{}]])
def test_an_event_to_send_needs_a_name(args: list[Any]) -> None:
    with pytest.raises(UsageError, match=r"as event name: expected a str"):
        encode_event("/", args)


@pytest.mark.parametrize(
    "name",
    ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"],
)
def test_reserved_names_are_not_sent(name: str) -> None:
    with pytest.raises(UsageError, match=f"'{name}', which the protocol keeps for itself"):
        encode_event("/", [name])


# --- binary packets


@pytest.mark.parametrize(
    ("encoded", "messages", "namespace", "data", "ack_id"),
    [
        (
            encode_event("/", ["bin", {"a": [{"x": b"0"}], "b": {"c": b"1"}}, b"2"]),
            (
                '53-["bin",{"a":[{"x":{"_placeholder":true,"num":0}}],'
                '"b":{"c":{"_placeholder":true,"num":1}}},{"_placeholder":true,"num":2}]',
                [b"0", b"1", b"2"],
            ),
            "/",
            ["bin", {"a": [{"x": b"0"}], "b": {"c": b"1"}}, b"2"],
            None,
        ),
        (
            encode_event("/admin", ["bin", bytearray(b"\x00\x01")], 5),
            (f'51-/admin,5["bin",{PLACEHOLDER}]', [b"\x00\x01"]),
            "/admin",
            ["bin", b"\x00\x01"],
            5,
        ),
        (
            encode_ack("/", [memoryview(b"abcd")[::2]], 15),
            (f"61-15[{PLACEHOLDER}]", [b"ac"]),
            "/",
            [b"ac"],
            15,
        ),
        (
            encode_ack("/admin", [None, b""], 0),
            (f"61-/admin,0[null,{PLACEHOLDER}]", [b""]),
            "/admin",
            [None, b""],
            0,
        ),
    ],
)
def test_binary_packets_both_ways(
    encoded: tuple[str, list[bytes]],
    messages: tuple[str, list[bytes]],
    namespace: str,
    data: list[Any],
    ack_id: int | None,
) -> None:
    assert encoded == messages
    text, attachments = messages
    packet = decode(text)
    type_ = BINARY_EVENT if text[0] == "5" else BINARY_ACK
    assert (packet[0], packet[1], packet[3], packet[4]) == (
        type_,
        namespace,
        ack_id,
        len(attachments),
    )
    reconstructor = Reconstructor(packet)
    *first, last = [reconstructor.add(attachment) for attachment in attachments]
    assert first == [None] * (len(attachments) - 1)
    assert last == (EVENT if type_ == BINARY_EVENT else ACK, namespace, data, ack_id, 0)


def test_attachments_are_copies_of_what_may_change() -> None:
    value = bytearray(b"before")
    _, attachments = encode_event("/", ["x", value])
    value[:] = b"after!"
    assert attachments == [b"before"]


def rebuilt(text: str, *attachments: bytes) -> Any:
    reconstructor = Reconstructor(decode(text))
    packet = None
    for attachment in attachments:
        assert packet is None
        packet = reconstructor.add(attachment)
    assert packet is not None
    return packet[2]


def placeholder(num: str) -> str:
    return f'{{"_placeholder":true,"num":{num}}}'


def test_placeholders_are_matched_by_num_and_not_by_order() -> None:
    text = f'52-["x",{placeholder("1")},{placeholder("0")}]'
    assert rebuilt(text, b"a", b"b") == ["x", b"b", b"a"]


def test_unused_attachments_are_dropped() -> None:
    assert rebuilt('52-["x"]', b"a", b"b") == ["x"]
    assert rebuilt(f'52-["x",{placeholder("1")}]', b"a", b"b") == ["x", b"b"]


def test_an_attachment_may_be_referred_to_twice_but_a_packet_is_no_bomb() -> None:
    assert rebuilt(f'51-["x",{PLACEHOLDER},{PLACEHOLDER}]', b"a") == ["x", b"a", b"a"]
    four = ",".join([PLACEHOLDER] * 4)
    assert rebuilt(f'52-["x",{four}]', b"a", b"b") == ["x", b"a", b"a", b"a", b"a"]
    with pytest.raises(PacketError, match="more than 2 placeholders for 1 attachments"):
        Reconstructor(decode(f'51-["x",{",".join([PLACEHOLDER] * 3)}]'))
    with pytest.raises(PacketError, match="more than 4 placeholders for 2 attachments"):
        Reconstructor(decode(f'52-["x",{",".join([PLACEHOLDER] * 100_000)}]'))


@pytest.mark.parametrize(
    "num", ["-1", "1", "2", '"0"', "true", "false", "null", "1e400", "0.5", "0.0", "[]", "{}"]
)
def test_a_placeholder_needs_an_index_of_an_attachment(num: str) -> None:
    for value in (placeholder(num), f"[{placeholder(num)}]", f'{{"a":{placeholder(num)}}}'):
        for text in (f'51-["x",{value}]', f"61-1[{value}]"):
            with pytest.raises(PacketError, match="expected an integer from 0 to 0"):
                Reconstructor(decode(text))


def test_a_placeholder_without_num_is_refused() -> None:
    with pytest.raises(PacketError, match="num None"):
        Reconstructor(decode('51-["x",{"_placeholder":true}]'))


@pytest.mark.parametrize("mark", ["1", '"true"', "false", "null", "[true]", '{"a":true}'])
def test_only_true_marks_a_placeholder(mark: str) -> None:
    value = f'{{"_placeholder":{mark},"num":0}}'
    assert rebuilt(f'51-["x",{value}]', b"a") == ["x", json.loads(value)]


def test_placeholders_in_a_packet_without_attachments_are_data() -> None:
    data = [{"_placeholder": True, "num": 9}]
    assert decode('2["x",{"_placeholder":true,"num":9}]')[2] == ["x", *data]
    assert decode('31[{"_placeholder":true,"num":9}]')[2] == data


def test_attachments_share_one_limit_in_bytes() -> None:
    packet = decode('53-["x"]')
    reconstructor = Reconstructor(packet, 10)
    assert reconstructor.add(b"12345") is None
    assert reconstructor.add(b"12345") is None
    assert reconstructor.add(b"") == (EVENT, "/", ["x"], None, 0)
    crossing = Reconstructor(packet, 10)
    assert crossing.add(b"12345") is None
    with pytest.raises(PacketError, match="got attachments of 1 bytes more than the limit"):
        crossing.add(b"123456")
    with pytest.raises(PacketError):
        Reconstructor(packet).add(b"1" * 1_000_001)


# --- properties

namespaces = st.just("/") | st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters=","), max_size=20
).map("/{}".format)
ack_ids = st.none() | st.integers(0, 2**53 - 1)
names = st.text(max_size=128).filter(lambda name: name not in RESERVED_EVENTS)
keys = st.text(max_size=5).filter(lambda key: key != "_placeholder")
any_text = st.text(st.characters(), max_size=10)  # lone surrogates too
leaves = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | any_text
    | st.binary(max_size=10)
)
values = st.recursive(
    leaves,
    lambda children: st.lists(children, max_size=4) | st.dictionaries(keys, children, max_size=4),
    max_leaves=15,
)


def count_binary(value: Any) -> int:
    if isinstance(value, bytes):
        return 1
    if isinstance(value, dict):
        return sum(map(count_binary, value.values()))
    return sum(map(count_binary, value)) if isinstance(value, list) else 0


def whole(text: str, attachments: list[bytes]) -> Packet:
    packet = decode(text, max_attachments=100)
    assert packet[4] == len(attachments)
    if not attachments:
        return packet
    reconstructor = Reconstructor(packet)
    for attachment in attachments[:-1]:
        assert reconstructor.add(attachment) is None
    last = reconstructor.add(attachments[-1])
    assert last is not None
    return last


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


@given(namespaces, names, st.lists(values, max_size=4))
def test_plain_events_are_encoded_as_by_the_long_way(
    namespace: str, name: str, args: list[Any]
) -> None:
    """The way for plain events gives what `encode_event` gives, or leaves the event to it."""
    packet = encode_plain_event(plain_event_head(namespace), [name, *args])
    if packet is not None:
        assert encode_event(namespace, [name, *args]) == (packet, [])


def test_plain_events_are_encoded_without_the_long_way() -> None:
    assert encode_plain_event("42", ["x", 1]) == '42["x",1]'
    assert encode_plain_event(plain_event_head("/a"), ["x"]) == '2/a,["x"]'
    assert encode_plain_event("2", ["x", b""]) is None
    assert encode_plain_event("2", ["connect"]) is None
    assert encode_plain_event("2", [1]) is None


@given(namespaces, st.lists(values, max_size=4), st.integers(0, 2**53 - 1))
def test_an_acknowledgement_survives_the_round_trip(
    namespace: str, args: list[Any], ack_id: int
) -> None:
    """Decoding an encoded acknowledgement gives the same namespace, arguments and id."""
    text, attachments = encode_ack(namespace, args, ack_id)
    text.encode()
    assert whole(text, attachments) == (ACK, namespace, args, ack_id, 0)


def decode_or_refuse(text: str) -> Packet | None:
    """The whole packet when all announced attachments are empty, None when it is refused."""
    try:
        packet = decode(text)
        if not packet[4]:
            return packet
        reconstructor = Reconstructor(packet)
        for _ in range(packet[4] - 1):
            assert reconstructor.add(b"") is None
        return reconstructor.add(b"")
    except PacketError:
        return None


@given(
    namespaces, names, st.lists(values, max_size=3), ack_ids, st.sampled_from('x]}",-0[{ \ud800')
)
def test_a_damaged_packet_is_decoded_or_refused(
    namespace: str, name: str, args: list[Any], ack_id: int | None, damage: str
) -> None:
    """Cut or damaged anywhere, a packet raises PacketError or nothing; no prefix is an event."""
    text, _ = encode_event(namespace, [name, *args], ack_id)
    for position in range(len(text)):
        assert decode_or_refuse(text[:position]) is None
        decode_or_refuse(text[:position] + damage + text[position:])
        decode_or_refuse(text[:position] + damage + text[position + 1 :])


@given(
    st.text(st.characters()) | st.from_regex(r"[0-6](\d+-)?(/[a-z]*,)?\d*[\[{\"].*", fullmatch=True)
)
def test_arbitrary_text_is_decoded_or_refused(text: str) -> None:
    """Whatever the text, decoding raises PacketError or nothing."""
    decode_or_refuse(text)


@given(
    st.sampled_from("0123456"),
    st.sampled_from(["", "1-", "2-"]),
    st.sampled_from(["", "/a,", "7"]),
    values,
)
def test_arbitrary_json_is_decoded_or_refused(
    type_: str, count: str, head: str, value: Any
) -> None:
    """Whatever the JSON, decoding raises PacketError or nothing, and keeps what it accepts."""
    text = json.dumps(value, default=lambda item: {"_placeholder": True, "num": len(item) % 3})
    packet = decode_or_refuse(type_ + count + head + text)
    # A number alone is an acknowledgement id.
    if packet is not None and not count and not text.isdigit():
        assert packet[2] == (json.loads(text) if type_ != "1" else None)


@given(values, st.booleans())
def test_both_parsers_read_the_same(value: Any, escape: bool) -> None:
    """What orjson accepts, the json module, in for the lone surrogate, reads equally."""
    text = json.dumps(value, default=list, ensure_ascii=escape)
    if not escape:
        text = text.encode("utf-8", "replace").decode()
    try:
        expected = orjson.loads(text)
    except orjson.JSONDecodeError:
        return
    assert decode(f'2["x",{text},"\\ud800"]')[2] == ["x", expected, "\ud800"]


# --- errors


def test_every_error_is_under_one_of_two_roots_and_one_base() -> None:
    assert issubclass(PacketError, ProtocolError)
    assert issubclass(EncodeError, UsageError)
    assert issubclass(EncodeError, TypeError)
    assert not issubclass(UsageError, ProtocolError)
    assert not issubclass(ProtocolError, UsageError)
    for error in (ProtocolError, UsageError, ConnectionRefused, AcknowledgementTimeout):
        assert issubclass(error, SocketIOError)


def test_a_refused_connection_says_why() -> None:
    error = ConnectionRefused()
    assert (str(error), error.message, error.data) == ("not authorized", "not authorized", None)
    error = ConnectionRefused("no seat left", {"code": "E1"})
    assert (str(error), error.message, error.data) == (
        "no seat left",
        "no seat left",
        {"code": "E1"},
    )


def test_a_timeout_keeps_the_answers_that_came() -> None:
    assert issubclass(AcknowledgementTimeout, TimeoutError)
    error = AcknowledgementTimeout()
    assert error.responses == []
    assert "give a longer timeout" in str(error)
    error = AcknowledgementTimeout("2 of 3 answered", ["a", "b"])
    assert (str(error), error.responses) == ("2 of 3 answered", ["a", "b"])


@given(
    st.one_of(
        st.lists(values, max_size=4).map(lambda data: "2" + json.dumps(data, default=list)),
        st.text().map(lambda text: "2[" + text),
        st.text("0123456789²٣-.e[").map(lambda text: "2" + text + '["name"]'),
        st.sampled_from(
            [
                "2",
                "2[",
                "2[]",
                "2\\",
                '2["connect"]',
                '2["' + "n" * 128 + '"]',
                '2["' + "n" * 129 + '"]',
                '2["deep",' + "[" * 63 + "]" * 63 + "]",
                '2["deep",' + "[" * 64 + "]" * 64 + "]",
                '2["wide",' + ",".join(["[]"] * 70) + "]",
                '2["huge",1e400]',
                '2123456789012345["n"]',
                '21234567890123456["n"]',
                "21",
                "212",
                "21{}",
                '21/a,["n"]',
                '2²["n"]',
                '2["lone","\\ud800"]',
            ]
        ),
    )
)
def test_plain_events_are_decoded_as_by_the_long_way(text: str) -> None:
    """The way for plain events gives what `decode` gives, or leaves the text to it."""
    event = decode_plain_event(text)
    if event is not None:
        data, ack_id = event
        assert decode(text) == (EVENT, "/", data, ack_id, 0)


def test_plain_events_need_no_long_way() -> None:
    assert decode_plain_event('2["a",[1]]') == (["a", [1]], None)
    assert decode_plain_event('20["a"]') == (["a"], 0)
    assert decode_plain_event('2123456["a"]') == (["a"], 123456)
    assert decode_plain_event('2["' + "n" * 128 + '"]') == (["n" * 128], None)
    assert decode_plain_event('2["long","' + "x" * 1000 + '"]') == (["long", "x" * 1000], None)


def test_json_with_many_values_is_parsed_once() -> None:
    """What may be too deep is left to `decode` before it costs anything."""
    text = '2["x",' + ",".join(["[]"] * 100) + "]"
    parsed = 0

    def step(_frame: object, event: str, argument: object) -> None:
        nonlocal parsed
        parsed += event == "c_call" and argument is orjson.loads

    sys.setprofile(step)
    try:
        packet = decode_plain_event(text) or decode(text)
    finally:
        sys.setprofile(None)
    assert packet == (EVENT, "/", ["x", *[[]] * 100], None, 0)
    assert parsed == 1


@pytest.mark.parametrize(
    "text",
    [
        '2["x"' + ",[]" * 1_000_000 + "]",
        '2["x"' + ",{}" * 1_000_000 + "]",
        '3/a,1["x"' + ",1" * 1_000_001 + "]",
    ],
    ids=["arrays", "objects", "numbers"],
)
def test_values_are_counted_before_they_are_made(text: str) -> None:
    """33 million empty arrays in 100 MB would keep the loop for more than a minute."""
    assert decode_plain_event(text) is None
    with pytest.raises(PacketError, match="expected at most 1000000 values"):
        decode(text)


def test_what_is_kept_of_a_connect_has_a_limit() -> None:
    head, tail = '0/a,{"token":"', '"}'
    most = "x" * (65_536 - len(head + tail))
    assert decode(head + most + tail) == (CONNECT, "/a", {"token": most}, None, 0)
    with pytest.raises(PacketError, match="expected at most 65536 characters"):
        decode(head + most + "x" + tail)
    # What a server says in a refusal is not kept.
    assert decode('4{"message":"' + most * 2 + '"}')[2] == {"message": most * 2}


def test_a_long_text_is_no_crowd_of_values() -> None:
    for content in (",[{" * 300_000 + "x" * 5_000_000, "," * 4_900_000 + "x" * 1_000_000):
        text = f'2["x","{content}"]'
        assert decode_plain_event(text) is None
        assert decode(text) == (EVENT, "/", ["x", content], None, 0)

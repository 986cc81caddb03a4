"""decoding.py: literals of Socket.IO protocol 5, limits, and arbitrary input."""

import json
import math
import sys
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from socketio_min.errors import (
    PacketError,
)
from socketio_min.protocol.attachments import Reconstructor
from socketio_min.protocol.decoding import decode, decode_plain_event
from socketio_min.protocol.encoding import (
    encode_event,
)
from socketio_min.protocol.packets import (
    ACK,
    CONNECT,
    CONNECT_ERROR,
    DISCONNECT,
    EVENT,
    RESERVED_EVENTS,
    Packet,
)
from tests.socketio_min.protocol.values import (
    ack_ids,
    names,
    namespaces,
    values,
)

PLACEHOLDER = '{"_placeholder":true,"num":0}'


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
            # Others have too many values.
            with pytest.raises(PacketError, match=r"64 levels|65536 characters|10000 values"):
                decode(packet)


def test_brackets_that_do_not_nest_are_no_depth() -> None:
    flat: list[Any] = ["[" * 1_000, [[]] * 1_000, [{}] * 1_000, [{"a": [1]}] * 100]
    for value in flat:
        assert decode(f'2["x",{json.dumps(value)}]')[2] == ["x", value]


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
    "text",
    [
        "0," * 3_001 + "1e999",
        "1e999," * 3_001 + "0",
        '"' + "x" * 1_000_000 + '\\ud800"',
        '"' + "\\n" * 100_000 + '\\ud800"',
    ],
)
def test_what_the_slow_parser_would_take_long_for_is_refused(text: str) -> None:
    with pytest.raises(PacketError, match="expected valid JSON of at most 64 levels"):
        decode(f'2["x",{text}]')


def test_what_the_slow_parser_reads_in_time() -> None:
    for value in ([0] * 2_990, "x" * 990_000, "\n" * 99_000):
        text = json.dumps(["x", value, "\ud800"])
        assert decode("2" + text)[2] == ["x", value, "\ud800"]


def test_a_packet_has_ten_thousand_values_at_most() -> None:
    text = ",0" * 9_997
    assert len(decode(f'2["x"{text}]')[2]) == 9_998
    with pytest.raises(PacketError, match=r"expected at most 10000 values \(max_values\)"):
        decode(f'2["x"{text},0,0,0]')
    # One value, whatever it looks like.
    assert decode('2["x","' + "[,{:" * 300_000 + '"]')[2] == ["x", "[,{:" * 300_000]


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
    with pytest.raises(PacketError, match="expected at most 10000 values"):
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

"""decoding.py against the official parser, socket.io-parser 4.2.7, on any other text.

The two agree, or disagree in one direction only: we refuse what it accepts, for one of the reasons
in `STRICTER`. Each reason is shown to be needed by an example.
"""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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
)
from tests.effort import examples
from tests.socketio_min.official_parser import (
    Oracle,
    ack_ids,
    arguments,
    header,
    names,
    namespaces,
    normal,
    official_form,
    ours,
)

PLAIN_NUMBER = re.compile(r"[0-9]{1,16}")


def depth(value: Any) -> int:
    children = value.values() if isinstance(value, dict) else value
    return 1 + max(map(depth, children), default=0) if isinstance(value, dict | list) else 0


def placeholder_nums(text: str) -> list[Any]:
    nums: list[Any] = []

    def collect(value: dict[str, Any]) -> dict[str, Any]:
        if value.get("_placeholder") is True:
            nums.append(value.get("num"))
        return value

    start = text.find("[")
    if start != -1:
        json.loads(text[start:], object_hook=collect)
    return nums


def is_binary(text: str) -> bool:
    return text[:1] in ("5", "6")


def first(packet: dict[str, Any]) -> Any:
    """The name of an event, None for other packets."""
    return packet["data"][0] if packet["type"] == EVENT and "data" in packet else None


# Reason -> whether it applies to a text that the official parser reads as this packet.
STRICTER: dict[str, Callable[[str, dict[str, Any]], bool]] = {
    "a type is one ASCII digit": lambda text, packet: text[:1] not in set("0123456"),
    "only CONNECT, DISCONNECT and ACK may have no payload": lambda text, packet: (
        "data" not in packet and text[:1] in set("2456")
    ),
    "only events and acknowledgements have an id": lambda text, packet: (
        packet["type"] in (CONNECT, DISCONNECT, CONNECT_ERROR) and "id" in packet
    ),
    "an id is 1 to 16 ASCII digits and a safe integer": lambda text, packet: (
        packet["type"] in (EVENT, ACK)
        and "id" in packet
        and (
            PLAIN_NUMBER.fullmatch(header(text, "id")) is None
            or int(header(text, "id")) > 2**53 - 1
        )
    ),
    "a number of attachments is 1 to 16 ASCII digits": lambda text, packet: (
        is_binary(text) and PLAIN_NUMBER.fullmatch(header(text, "count")) is None
    ),
    # A number out of a double's range is null by the time it is here.
    "an event name is a string": lambda text, packet: (
        packet["type"] == EVENT and bool(packet.get("data")) and not isinstance(first(packet), str)
    ),
    "an event name has at most 128 characters": lambda text, packet: (
        isinstance(first(packet), str) and len(first(packet)) > 128
    ),
    "a namespace has at most 256 characters": lambda text, packet: len(packet["nsp"]) > 256,
    "a CONNECT has at most 65,536 characters": lambda text, packet: (
        packet["type"] == CONNECT and len(text) > 65_536
    ),
    "a packet has at most 10,000 values": lambda text, packet: (
        sum(map(text.count, ",[{:")) >= 10_000
    ),
    "JSON has at most 64 levels": lambda text, packet: depth(packet.get("data")) > 64,
    "a placeholder's num is an integer": lambda text, packet: (
        is_binary(text) and any(type(num) is not int for num in placeholder_nums(text))
    ),
    "a packet has at most two placeholders an attachment": lambda text, packet: (
        is_binary(text)
        and PLAIN_NUMBER.fullmatch(header(text, "count")) is not None
        and len(placeholder_nums(text)) > 2 * int(header(text, "count"))
    ),
}
PLACEHOLDER = '{"_placeholder":true,"num":0}'
STRICTER_EXAMPLES = [
    ("a type is one ASCII digit", ""),
    ("a type is one ASCII digit", " "),
    ("a type is one ASCII digit", "\ufeff{}"),
    ("only CONNECT, DISCONNECT and ACK may have no payload", "2"),
    ("only CONNECT, DISCONNECT and ACK may have no payload", "2/a,7"),
    ("only CONNECT, DISCONNECT and ACK may have no payload", "4"),
    ("only CONNECT, DISCONNECT and ACK may have no payload", "51-"),
    ("only CONNECT, DISCONNECT and ACK may have no payload", "61-7"),
    ("only events and acknowledgements have an id", "07"),
    ("only events and acknowledgements have an id", '07{"a":1}'),
    ("only events and acknowledgements have an id", "1/a,7"),
    ("only events and acknowledgements have an id", '47"no"'),
    ("an id is 1 to 16 ASCII digits and a safe integer", '2 ["x"]'),
    ("an id is 1 to 16 ASCII digits and a safe integer", '2\n["x"]'),
    ("an id is 1 to 16 ASCII digits and a safe integer", '21\ufeff["x"]'),
    ("an id is 1 to 16 ASCII digits and a safe integer", "39007199254740992[]"),
    ("an id is 1 to 16 ASCII digits and a safe integer", f'2{"0" * 17}["x"]'),
    ("an id is 1 to 16 ASCII digits and a safe integer", f"3{'9' * 400}[]"),
    ("a number of attachments is 1 to 16 ASCII digits", '51e0-["x"]'),
    ("a number of attachments is 1 to 16 ASCII digits", '50x1-["x"]'),
    ("a number of attachments is 1 to 16 ASCII digits", '5 1-["x"]'),
    ("a number of attachments is 1 to 16 ASCII digits", '5+1-["x"]'),
    ("a number of attachments is 1 to 16 ASCII digits", '51.0-["x"]'),
    ("a number of attachments is 1 to 16 ASCII digits", f'5{"0" * 16}1-["x"]'),
    ("an event name is a string", "2[1]"),
    ("an event name is a string", "2[-1.5,2]"),
    ("an event name is a string", "2[1e400]"),
    ("an event name has at most 128 characters", f'2["{"e" * 129}"]'),
    ("a namespace has at most 256 characters", f"0/{'n' * 256}"),
    ("a CONNECT has at most 65,536 characters", f'0{{"a":"{"b" * 65_536}"}}'),
    ("a packet has at most 10,000 values", f'2["x"{",[]" * 10_000}]'),
    ("JSON has at most 64 levels", f'2["x",{"[" * 64}{"]" * 64}]'),
    ("a placeholder's num is an integer", '51-["x",{"_placeholder":true,"num":0.0}]'),
    ("a placeholder's num is an integer", '51-["x",{"_placeholder":true,"num":0.5}]'),
    (
        "a packet has at most two placeholders an attachment",
        f'51-["x",{",".join([PLACEHOLDER] * 3)}]',
    ),
]


def check_verdicts(oracle: Oracle, text: str) -> None:
    messages, theirs = oracle.decode_with_attachments(text)
    packet = ours(messages)
    if theirs is None:
        assert packet is None
    elif packet is None:
        assert any(applies(text, theirs) for applies in STRICTER.values()), theirs
    else:
        assert official_form(packet) == normal(theirs)


@pytest.mark.parametrize(("reason", "text"), STRICTER_EXAMPLES)
def test_we_are_stricter_for_a_documented_reason(oracle: Oracle, reason: str, text: str) -> None:
    messages, packet = oracle.decode_with_attachments(text)
    assert packet is not None
    assert ours(messages) is None
    assert [name for name, applies in STRICTER.items() if applies(text, packet)] == [reason]


def test_every_reason_has_an_example() -> None:
    assert {reason for reason, _ in STRICTER_EXAMPLES} == set(STRICTER)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "7",
            "a",
            "0",
            "0/custom",
            "0/custom,",
            '0{"token":1}',
            "0[1]",
            '0"x"',
            "0{bad",
            "0,",
        ),
        *(
            "1",
            "1{}",
            "1/a",
            "1/a,{}",
            "2[]",
            "2{}",
            "2null",
            '2"x"',
            "2[null]",
            "2[true]",
            "2[{}]",
        ),
        *(f'2["{name}"]' for name in sorted(RESERVED_EVENTS)),
        *('2[""]', '2["__proto__"]', '2["error"]', "2abc[]", '21.5["x"]', '2-1["x"]', '2007["x"]'),
        *('3999["x"]', '3["x"]', "3", "37", "31{}", "50-", "511-[]", "5-", "5x-", '51["x"]', "5"),
        *(
            '4"no"',
            "4{}",
            "4[]",
            "4null",
            '2["x",]',
            '2["x"] ',
            '2["x"]x',
            '2["x",NaN]',
            '2["x\n"]',
        ),
        *('2["x","\\ud800"]', '2["x",1e400]', '2["x",-1e400]', f'2["x",{"1" * 30}]', '2["x",-0]'),
        *('2["x",{"a":1,"a":2}]', '2["x",{"__proto__":1}]', '2/a["x"]', '2/a,["x"]', '2//,["x"]'),
        f'2["x",{PLACEHOLDER}]',
        f"51-[{PLACEHOLDER}]",
        f'51-["x",{PLACEHOLDER},{PLACEHOLDER}]',
        '52-["x",{"_placeholder":true,"num":1},{"_placeholder":true,"num":0}]',
        *(
            f'51-["x",{{"_placeholder":true,"num":{num}}}]'
            for num in ("-1", "1", '"0"', "true", "null", "1e400", "-0")
        ),
        '51-["x",{"_placeholder":true}]',
        '51-["x",{"_placeholder":1,"num":0}]',
        '61-7[[{"a":{"_placeholder":true,"num":0}}]]',
    ],
)
def test_verdicts_agree_on_the_catalogue(oracle: Oracle, text: str) -> None:
    check_verdicts(oracle, text)


pieces = st.sampled_from(
    [
        *("0", "1", "2", "3", "4", "5", "6", "7", "-", "1-", "2-", "11-", "/", "/a", "/a,", ","),
        *("[", "]", "{", "}", '"', '"x"', '["x"]', '["x",', "[1]", "[]", "{}", "null", "1", "1.5"),
        *(" ", "\n", "\t", "é", "²", "\ufeff", "e0", "0x", "+", ".", "\\ud800", "NaN", "1e400"),
        *(PLACEHOLDER, '{"_placeholder":true,"num":1}', '"num":', '"connect"', '"a":'),
    ]
)


@settings(max_examples=examples(150))
@given(st.lists(pieces, max_size=10).map("".join))
def test_verdicts_agree_on_pieces_of_packets(oracle: Oracle, text: str) -> None:
    check_verdicts(oracle, text)


@st.composite
def damaged(draw: st.DrawFn) -> str:
    data = [draw(names), *draw(arguments)]
    text, _ = encode_event(draw(namespaces), data, draw(ack_ids))
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 3)))
        text = text[:start] + draw(pieces | st.just("")) + text[end:]
    return text


@settings(max_examples=examples(150))
@given(damaged())
def test_verdicts_agree_on_damaged_packets(oracle: Oracle, text: str) -> None:
    check_verdicts(oracle, text)

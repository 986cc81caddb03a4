"""packets.py against the official parser, socket.io-parser 4.2.7, which runs in a Node process.

Three invariants: the official parser reads what we encode, we read what it encodes, and on any
other text the two agree. They may disagree in one direction only: we refuse what it accepts, for
one of the reasons in `STRICTER`. Each reason is shown to be needed by an example.
"""

import base64
import json
import math
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from socketio_min.errors import PacketError
from socketio_min.protocol.attachments import Reconstructor
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
    CONNECT,
    CONNECT_ERROR,
    DISCONNECT,
    EVENT,
    RESERVED_EVENTS,
    Packet,
)

FOLDER = Path(__file__).resolve().parent.parent / "oracle"

Messages = list[str | bytes]


# --- the official parser


def packed(value: Any) -> Any:
    """`value` for the pipe: binary values become {"$base64": ...}."""
    if isinstance(value, bytes):
        return {"$base64": base64.b64encode(value).decode()}
    if isinstance(value, dict):
        return {key: packed(item) for key, item in value.items()}
    return [packed(item) for item in value] if isinstance(value, list) else value


def unpacked(value: Any) -> Any:
    if isinstance(value, dict):
        if "$base64" in value:
            return base64.b64decode(value["$base64"])
        return {key: unpacked(item) for key, item in value.items()}
    return [unpacked(item) for item in value] if isinstance(value, list) else value


class Oracle:
    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def ask(self, **request: Any) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        assert answer, f"the official parser's process died of {request!r}"
        result: dict[str, Any] = unpacked(json.loads(answer))
        return result

    def encode(self, packet: dict[str, Any]) -> Messages:
        messages: Messages = self.ask(encode=packed(packet))["messages"]
        return messages

    def decode(self, *messages: str | bytes) -> dict[str, Any] | None:
        """The packet, or None when it is refused. It must not be left incomplete."""
        answer = self.ask(decode=packed(list(messages)))
        assert "incomplete" not in answer
        return answer.get("packet")

    def decode_with_attachments(self, text: str) -> tuple[Messages, dict[str, Any] | None]:
        """Decode `text`, adding attachments while they are asked for; return them all."""
        messages: Messages = [text]
        for num in range(11):
            answer = self.ask(decode=packed(messages))
            if "incomplete" not in answer:
                break
            messages.append(b"attachment %d" % num)
        assert "incomplete" not in answer
        return messages, answer.get("packet")


@pytest.fixture(scope="module")
def oracle() -> Iterator[Oracle]:
    node = shutil.which("node")
    if node is None:
        pytest.fail("the official parser needs Node 20 or newer: install it", pytrace=False)
    if not (FOLDER / "node_modules" / "socket.io-parser").is_dir():
        pytest.fail("the official parser is missing: run `npm ci` in tests/oracle", pytrace=False)
    with subprocess.Popen(
        [node, "parser.mjs"],
        cwd=FOLDER,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    ) as process:
        yield Oracle(process)


# --- both sides in one form


def comparable(value: Any) -> Any:
    """`value` as JavaScript holds it and JSON then shows it: numbers are doubles or null."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        number = float(value)
        return number if math.isfinite(number) else None
    if isinstance(value, dict):
        return {key: comparable(item) for key, item in value.items()}
    return [comparable(item) for item in value] if isinstance(value, list) else value


def ours(messages: Messages) -> Packet | None:
    """What our side makes of a text and its attachments, None when it refuses them."""
    text, *attachments = messages
    assert isinstance(text, str)
    try:
        packet = decode(text)
        assert packet[4] == len(attachments)
        if attachments:
            reconstructor = Reconstructor(packet)
            for attachment in attachments:
                assert isinstance(attachment, bytes)
                whole = reconstructor.add(attachment)
            assert whole is not None
            packet = whole
    except PacketError:
        return None
    return packet


def official_form(packet: Packet) -> dict[str, Any]:
    type_, namespace, data, ack_id, attachments = packet
    assert attachments == 0
    return {"type": type_, "nsp": namespace, "data": comparable(data), "id": ack_id}


def normal(packet: dict[str, Any]) -> dict[str, Any]:
    """The official parser's packet with absent parts filled in as our side does."""
    absent: list[Any] | None = [] if packet["type"] == ACK else None
    return {
        "type": packet["type"],
        "nsp": packet["nsp"],
        "data": comparable(packet.get("data", absent)),
        "id": packet.get("id"),
    }


# --- valid packets

UNUSABLE_KEYS = {"_placeholder", "__proto__", "toJSON", "$base64"}  # special to either parser

namespaces = st.just("/") | st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters=","), max_size=20
).map("/{}".format)
ack_ids = st.none() | st.integers(0, 2**53 - 1)
names = st.text(max_size=20).filter(lambda name: name not in RESERVED_EVENTS)
any_text = st.text(st.characters(), max_size=10)
keys = any_text.filter(lambda key: key not in UNUSABLE_KEYS)
plain_leaves = st.none() | st.booleans() | st.integers() | st.floats() | any_text


def nested(leaves: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.recursive(
        leaves,
        lambda children: (
            st.lists(children, max_size=3) | st.dictionaries(keys, children, max_size=3)
        ),
        max_leaves=10,
    )


plain_values = nested(plain_leaves)


def few_attachments(args: list[Any]) -> bool:
    return str(packed(args)).count("$base64") <= 10


arguments = st.lists(nested(plain_leaves | st.binary(max_size=10)), max_size=3).filter(
    few_attachments
)


@settings(max_examples=300)
@given(namespaces, names, arguments, ack_ids)
def test_the_official_parser_reads_our_events(
    oracle: Oracle, namespace: str, name: str, args: list[Any], ack_id: int | None
) -> None:
    text, attachments = encode_event(namespace, [name, *args], ack_id)
    packet = oracle.decode(text, *attachments)
    assert packet is not None
    assert normal(packet) == {
        "type": EVENT,
        "nsp": namespace,
        "data": comparable([name, *args]),
        "id": ack_id,
    }


@given(namespaces, arguments, st.integers(0, 2**53 - 1))
def test_the_official_parser_reads_our_acknowledgements(
    oracle: Oracle, namespace: str, args: list[Any], ack_id: int
) -> None:
    text, attachments = encode_ack(namespace, args, ack_id)
    packet = oracle.decode(text, *attachments)
    assert packet is not None
    assert normal(packet) == {
        "type": ACK,
        "nsp": namespace,
        "data": comparable(args),
        "id": ack_id,
    }


@given(namespaces, st.none() | st.dictionaries(keys, plain_values, max_size=3), any_text)
def test_the_official_parser_reads_our_other_packets(
    oracle: Oracle, namespace: str, data: dict[str, Any] | None, message: str
) -> None:
    refusal: dict[str, Any] = {"message": message}
    if data is not None:
        refusal["data"] = data
    for text, type_, payload in (
        (encode_connect(namespace, data), CONNECT, data),
        (encode_disconnect(namespace), DISCONNECT, None),
        (encode_connect_error(namespace, message, data), CONNECT_ERROR, refusal),
    ):
        packet = oracle.decode(text)
        assert packet is not None
        assert normal(packet) == {
            "type": type_,
            "nsp": namespace,
            "data": comparable(payload),
            "id": None,
        }


@settings(max_examples=300)
@given(namespaces, st.sampled_from([EVENT, ACK]), names, arguments, ack_ids)
def test_we_read_the_official_parsers_events_and_acknowledgements(
    oracle: Oracle, namespace: str, type_: int, name: str, args: list[Any], ack_id: int | None
) -> None:
    data = [name, *args] if type_ == EVENT else args
    # The pipe is JSON: infinities and NaN cannot pass through it, and need not.
    packet = {"type": type_, "nsp": namespace, "data": comparable(data), "id": ack_id}
    decoded = ours(oracle.encode(packet))
    assert decoded is not None
    assert official_form(decoded) == packet


@given(namespaces, st.none() | st.dictionaries(keys, plain_values, max_size=3))
def test_we_read_the_official_parsers_other_packets(
    oracle: Oracle, namespace: str, data: dict[str, Any] | None
) -> None:
    for type_, payload in ((CONNECT, data), (DISCONNECT, None), (CONNECT_ERROR, data or {})):
        packet = {"type": type_, "nsp": namespace, "data": comparable(payload), "id": None}
        decoded = ours(oracle.encode(packet))
        assert decoded is not None
        assert official_form(decoded) == packet


@given(namespaces, names, arguments, ack_ids)
def test_both_encode_the_same_attachments(
    oracle: Oracle, namespace: str, name: str, args: list[Any], ack_id: int | None
) -> None:
    """The same values in the same order, under the same header, unless JavaScript reorders keys."""
    args = json.loads(json.dumps(packed(args)).replace("NaN", "0").replace("Infinity", "0"))
    data = [name, *unpacked(lettered(args))]
    text, attachments = encode_event(namespace, data, ack_id)
    their_text, *their_attachments = oracle.encode(
        {"type": EVENT, "nsp": namespace, "data": data, "id": ack_id}
    )
    assert isinstance(their_text, str)
    assert their_attachments == attachments
    header = text[: text.index("[", text.index(namespace) if namespace != "/" else 0)]
    assert their_text.startswith(header + "[")


def lettered(value: Any) -> Any:
    """`value` with no key that looks like an index: JavaScript would move it to the front."""
    if isinstance(value, dict):
        return {
            key if key == "$base64" else f"k{key}": item if key == "$base64" else lettered(item)
            for key, item in value.items()
        }
    return [lettered(item) for item in value] if isinstance(value, list) else value


# --- other text: where we are stricter

HEADER = re.compile(
    r"(?:[56](?P<count>[^-]*)-|[0-4])(?:/[^,]*(?:,|$))?(?P<id>[^\[{\"]*)", re.DOTALL
)
PLAIN_NUMBER = re.compile(r"[0-9]{1,16}")


def header(text: str, part: str) -> str:
    match = HEADER.match(text)
    assert match is not None
    return match[part] or ""


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
    "a packet has at most 1,000,000 arrays and objects": lambda text, packet: (
        text.count("[") + text.count("{") > 1_000_000
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
    ("a packet has at most 1,000,000 arrays and objects", f'2["x"{",[]" * 1_000_000}]'),
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


@settings(max_examples=1_000)
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


@settings(max_examples=1_000)
@given(damaged())
def test_verdicts_agree_on_damaged_packets(oracle: Oracle, text: str) -> None:
    check_verdicts(oracle, text)

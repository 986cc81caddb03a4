"""gradual_decoding.py: in steps comes what comes at once, whatever the text, wherever it is cut."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import engineio_min
from engineio_min.protocol.packets import LongText, decode_base64
from socketio_min.errors import PacketError
from socketio_min.protocol import gradual_decoding
from socketio_min.protocol.decoding import decode, decode_head
from socketio_min.protocol.gradual_decoding import (
    CUT,
    SLICE,
    beginning,
    decode_base64_gradually,
    decode_rest_gradually,
)
from socketio_min.protocol.packets import ACK, BINARY_EVENT, EVENT, Packet
from tests.socketio_min.protocol.values import values

MARKER = "no peer knows this"


def steps_of(text: str | bytes, max_values: int = 10_000) -> tuple[Packet, int, int]:
    """Decode a packet in steps; return it, its weight and the number of steps."""
    data = text.encode() if isinstance(text, str) else text
    long = LongText(b"4" + data)
    head = decode_head(beginning(long), 10)
    steps = decode_rest_gradually(long, head, max_values, MARKER)
    count = 0
    while True:
        try:
            next(steps)
        except StopIteration as end:
            packet, weight = end.value
            return packet, weight, count
        count += 1


def gradually(text: str | bytes, max_values: int = 10_000) -> Packet:
    return steps_of(text, max_values)[0]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut everywhere, and everything."""
    monkeypatch.setattr(gradual_decoding, "SLICE", 16)
    monkeypatch.setattr(gradual_decoding, "CUT", 3)


ESCAPES = [
    "\\\\",
    '\\"',
    "\\n",
    "\\u4e2d",
    "\\ud83d\\ude00",
    "\\uD83D",
    "\\udE00",
    "\\u00e9",
    "\\u",
]
PIECES = st.sampled_from(
    [
        *ESCAPES,
        *("\\", '"', "a", "é", "中", "😀", " ", "   ", "[", "]", "{", "}", ",", ":", "1", "-0"),
        *("1e999", "true", '"a":', '"",', '"x" , ', "\x00", "\n", "1" * 30),
    ]
)
TEXTS = st.lists(PIECES, max_size=60).map("".join)


def outcome(function: Any, *args: Any) -> Any:
    try:
        return repr(function(*args))
    except PacketError:
        return "refused"


@pytest.mark.usefixtures("small")
class TestLikeAtOnce:
    """Each case is cut in slices of 16 bytes."""

    @given(values, values)
    def test_any_value(self, one: Any, other: Any) -> None:
        def plain(value: Any) -> Any:
            match value:
                case bytes():
                    return value.hex()
                case list():
                    return [plain(item) for item in value]
                case dict():
                    return {name: plain(item) for name, item in value.items()}
            return value

        for ascii_only in (True, False):
            text = "2" + json.dumps(["x", plain(one), plain(other)], ensure_ascii=ascii_only)
            # Half of a surrogate pair comes escaped or not at all: it has no bytes.
            text = text.encode(errors="ignore").decode()
            assert repr(gradually(text)) == repr(decode(text))

    @given(TEXTS)
    def test_any_string(self, inside: str) -> None:
        text = f'27["x","{inside}",1]'
        assert outcome(gradually, text) == outcome(decode, text)

    @given(TEXTS)
    def test_any_text(self, inside: str) -> None:
        text = f'2["x",{inside}]'
        assert outcome(gradually, text) == outcome(decode, text)

    @given(st.binary(max_size=40), st.integers(0, 20))
    def test_any_bytes(self, inside: bytes, before: int) -> None:
        data = b'2["x","' + b"a" * before + inside + b'"]'
        try:
            expected = outcome(decode, data.decode())
        except UnicodeDecodeError:
            expected = "refused"
        assert outcome(gradually, data) == expected

    @pytest.mark.parametrize(
        "unit", [*ESCAPES[:-1], "é", "中", "😀", "\\\\\\\\\\\\", "\\ud83d\\ud83d"]
    )
    def test_a_string_of_one_kind(self, unit: str) -> None:
        for before in range(17):
            text = f'2["x","{"a" * before}{unit * 30}"]'
            assert gradually(text) == decode(text)

    def test_names_are_cut_as_well(self) -> None:
        text = '2["x",{"long name":"one","b":"other","long name":["third one"],"":"fourth"}]'
        packet = gradually(text)
        assert packet == decode(text)
        assert list(packet[2][1]) == ["long name", "b", ""]

    @pytest.mark.parametrize(
        "text",
        [
            '2["x","never ends',
            '2["x","no escape \\q"]',
            '2["x","never ends\\"]',
            '2["x"',
            '2["a name of 129 characters' + "." * 129 + '"]',
            '2["connect","reserved name"]',
            "2{}",
            '2 ["x"]',
            '212345678901234567["x"]',
            '0{"token":"long enough"}',
            "1",
            "2",
        ],
    )
    def test_what_is_refused(self, text: str) -> None:
        with pytest.raises(PacketError):
            gradually(text)

    def test_every_kind_of_packet_that_may_be_long(self) -> None:
        assert gradually('3/a,7["a long string"]') == (ACK, "/a", ["a long string"], 7, 0)
        assert gradually('2/中,["x"]') == (EVENT, "/中", ["x"], None, 0)
        attached = '52-["x",{"_placeholder":true,"num":1}]'
        data = ["x", {"_placeholder": True, "num": 1}]
        assert gradually(attached) == (BINARY_EVENT, "/", data, None, 2)


def test_values_are_counted() -> None:
    text = '2["x",' + ",".join(f'"{"," * CUT}"' for _ in range(8)) + "]"
    # The array and nine strings; what is in a string is no value.
    assert gradually(text, 10)[2] == ["x", *["," * CUT] * 8]
    with pytest.raises(PacketError, match="at most 9 values"):
        gradually(text, 9)
    with pytest.raises(PacketError, match="at most 9 values"):
        gradually('2["x",' + '"",' * 30, 9)


def test_numbers_without_end_are_refused() -> None:
    with pytest.raises(PacketError, match="fewer digits"):
        gradually(f'2["x",0.{"1" * 1_000}]', 3)


def test_spaces_cost_nothing() -> None:
    text = '2["x",' + " \n" * 100_000 + "1]"
    assert gradually(text, 3) == decode(text)


def test_a_wide_string_has_fewer_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gradual_decoding, "MAX_WIDE", 200)
    assert gradually(f'2["x","{"a" * 300}"]')[2] == ["x", "a" * 300]
    assert gradually(f'2["x","{"é" * 200}"]')[2] == ["x", "é" * 200]
    with pytest.raises(PacketError, match="at most 200 characters, or ASCII"):
        gradually(f'2["x","{"a" * 200}é"]')


def test_a_step_has_a_slice() -> None:
    text = f'2["x","{"a" * 10 * SLICE}"]'
    packet, weight, count = steps_of(text)
    assert packet == decode(text)
    assert count == 12
    assert 10 * SLICE < weight < 10 * SLICE + 1_000


def test_the_weight_is_that_of_what_is_decoded() -> None:
    # What is in a string weighs its characters; four bytes each if they are not ASCII.
    assert steps_of(f'2["x","{"[" * 1_000}"]')[1] < 1_200
    assert steps_of(f'2["x",{",".join(["[]"] * 1_000)}]')[1] > 64_000
    assert steps_of(f'2["x","{"é" * 1_000}"]')[1] > 4_000


def base64_gradually(text: str) -> bytes:
    steps = decode_base64_gradually(LongText(text.encode()))
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: bytes = end.value
            return result


@given(st.binary(max_size=60), st.sampled_from(["", "=", "=AAA", "A", "\n", "é"]))
def test_base64_is_as_strict_as_at_once(data: bytes, tail: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gradual_decoding, "SLICE", 16)
        text = "b" + base64.b64encode(data).decode() + tail
        assert outcome(base64_gradually, text) == outcome(decode_base64_or_refuse, text)


@pytest.mark.parametrize("text", ["bQR==", "bQQ==QQ==", "bQ", "b!", "b"])
def test_base64_of_one_form(text: str) -> None:
    assert outcome(base64_gradually, text) == outcome(decode_base64_or_refuse, text)


def test_base64_ends_where_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gradual_decoding, "SLICE", 4)
    with pytest.raises(PacketError, match="surplus padding"):
        base64_gradually("bQQ==QQ==")


def decode_base64_or_refuse(text: str) -> bytes:
    try:
        return decode_base64(text)
    except engineio_min.PacketError as error:
        raise PacketError(str(error)) from None

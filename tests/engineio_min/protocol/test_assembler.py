"""`assembler.py`: data frames become messages, within the limits."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import CloseCode, Opcode

from engineio_min.protocol.assembler import (
    MAX_FRAMES,
    MessageAssembler,
    MessageRefused,
    decode_text,
)
from engineio_min.protocol.packets import LONG, LongText


@given(st.text(max_size=30) | st.binary(max_size=30), st.lists(st.integers(0, 30), max_size=4))
def test_a_message_is_the_same_in_any_fragments(message: str | bytes, cuts: list[int]) -> None:
    """A message in any number of fragments, empty ones too, comes out as it went in."""
    data = message.encode() if isinstance(message, str) else message
    places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    opcode = Opcode.TEXT if isinstance(message, str) else Opcode.BINARY
    assembler = MessageAssembler(1_000)
    for start, end in pairwise(places[:-1]):
        assert assembler.add(opcode, data[start:end], fin=False) is None
        assert (assembler.begun, assembler.size) == (True, end)
        opcode = Opcode.CONT
    assert assembler.add(opcode, data[places[-2] :], fin=True) == message
    assert (assembler.begun, assembler.size) == (False, 0)


def test_text_is_refused_with_its_first_bad_byte() -> None:
    assembler = MessageAssembler(1_000)
    assert assembler.add(Opcode.TEXT, b"4\xc3", fin=False) is None
    with pytest.raises(MessageRefused, match="got text that is not UTF-8") as refused:
        assembler.add(Opcode.CONT, b"(", fin=False)
    assert refused.value.code == CloseCode.INVALID_DATA


def test_only_text_has_the_limit_of_text() -> None:
    assembler = MessageAssembler(3)
    assert assembler.add(Opcode.BINARY, b"4abc", fin=True) == b"4abc"
    assert assembler.add(Opcode.TEXT, b"4a", fin=False) is None
    expected = "got a text message of at least 4 bytes, expected at most 3"
    with pytest.raises(MessageRefused, match=expected) as refused:
        assembler.add(Opcode.CONT, b"bc", fin=True)
    assert refused.value.code == CloseCode.MESSAGE_TOO_BIG


def test_a_message_has_a_limited_number_of_frames() -> None:
    assembler = MessageAssembler(1_000)
    assembler.add(Opcode.BINARY, b"", fin=False)
    for _ in range(MAX_FRAMES - 1):
        assembler.add(Opcode.CONT, b"", fin=False)
    expected = "got a message of more than 1024 frames, expected fewer and larger ones"
    with pytest.raises(MessageRefused, match=expected) as refused:
        assembler.add(Opcode.CONT, b"", fin=True)
    assert refused.value.code == CloseCode.POLICY_VIOLATION


def test_a_message_that_was_given_up_leaves_nothing() -> None:
    assembler = MessageAssembler(1_000)
    assembler.add(Opcode.TEXT, b"4\xc3", fin=False)
    assembler.give_up()
    assert (assembler.begun, assembler.size) == (False, 0)
    assert assembler.add(Opcode.TEXT, b"4a", fin=True) == "4a"


def test_a_whole_text() -> None:
    assert decode_text("4é".encode()) == "4é"
    with pytest.raises(MessageRefused, match="got text that is not UTF-8"):
        decode_text(b"4\xed\xa0\x80")


def test_a_long_text_of_one_frame_is_checked_and_not_decoded() -> None:
    """As it comes of websockets where an extension is agreed on."""
    assembler = MessageAssembler(LONG, long_texts=True)
    data = b"4" * LONG
    message = assembler.add(Opcode.TEXT, data, fin=True)
    assert (type(message), message) == (LongText, data)
    assert type(assembler.add(Opcode.TEXT, data[1:], fin=True)) is str
    assert type(assembler.add(Opcode.BINARY, data, fin=True)) is bytes
    with pytest.raises(MessageRefused, match="not UTF-8"):
        assembler.add(Opcode.TEXT, data[:-1] + b"\xff", fin=True)

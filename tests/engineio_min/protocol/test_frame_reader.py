"""`frame_reader.py`: what is read of a frame before it is whole."""

from __future__ import annotations

import pytest
from websockets.frames import Frame, Opcode
from websockets.protocol import CLIENT, SERVER

from engineio_min.protocol.frame_reader import FrameReader


def test_a_frame_in_pieces_is_held_until_it_is_whole() -> None:
    reader = FrameReader(SERVER, 1_000, 1_000, ())
    frame = Frame(Opcode.TEXT, b"4hello").serialize(mask=True)
    messages: list[str | bytes] = []
    assert reader.begin(b"before" + frame[:7], 6, len(frame), messages) == 13
    assert (reader.assembling, reader.missing, reader.held) == (True, 5, 7)
    assert reader.read(frame[7:] + b"next", 0, messages) == 5
    assert (reader.assembling, reader.missing, reader.held) == (False, 0, 0)
    assert messages == ["4hello"]


def test_text_that_is_too_large_is_refused_by_its_head() -> None:
    reader = FrameReader(SERVER, 1_000, 10, ())
    assert reader.begin(b"\x81", 0, 500, []) == 0
    assert reader.failure == "got a text message of at least 486 bytes, expected at most 10"
    assert (reader.closed, reader.missing) == (True, 0)
    assert reader.control()[0][2:4] == (1009).to_bytes(2, "big")


@pytest.mark.parametrize(
    ("first", "size", "taken"),
    [(0x01, 10, True), (0x02, 11, False), (0x80, 1, False), (0x81, 1, False)],
    ids=["text", "too large", "continues nothing", "no fragment"],
)
def test_which_fragments_are_added_directly(first: int, size: int, taken: bool) -> None:
    reader = FrameReader(SERVER, 10, 10, ())
    assert reader.add_fragment(first, b"4" * size, []) is taken
    assert reader.in_message is taken


def test_what_the_server_says_as_it_closes() -> None:
    reader = FrameReader(CLIENT, 1_000, 1_000, ())
    assert not reader.close_received
    reader.await_close(b"\x88\x05\x03\xe9bye")
    assert reader.close_code_and_reason == (1001, "bye")
    reader.await_close(b"\x89\x00")
    assert reader.pings == 0

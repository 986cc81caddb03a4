"""`large_frame.py`: the payload of a large frame, in any pieces; which frames are none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Opcode
from websockets.speedups import apply_mask

from engineio_min.protocol.large_frame import LARGE_HEAD, LargeFrame, large_frame
from engineio_min.protocol.shares import LARGE_SHARE

MASK = b"\x01\x02\xfe\xff"


@given(st.binary(min_size=1, max_size=40), st.lists(st.integers(0, 44), max_size=6).map(sorted))
def test_the_payload_is_the_same_in_any_pieces(payload: bytes, cuts: list[int]) -> None:
    data = MASK + apply_mask(payload, MASK) + b"next"
    frame = LargeFrame(Opcode.BINARY, len(payload), fin=True)
    assert frame.size == len(payload)
    found = b""
    position = 0
    for cut in (*cuts, len(data)):
        while frame.missing and position < min(cut, len(data)):
            piece, position = frame.read(data[:cut], position)
            found += piece
            assert frame.missing == len(payload) + 4 - position
    assert (found, position) == (payload, len(data) - 4)


def test_a_share_is_taken_at_once() -> None:
    frame = LargeFrame(Opcode.TEXT, 3 * LARGE_SHARE, fin=False)
    data = MASK + bytes(3 * LARGE_SHARE)
    sizes = []
    position = 0
    while frame.missing:
        piece, position = frame.read(data, position)
        sizes.append(len(piece))
    assert sizes == [LARGE_SHARE] * 3


@pytest.mark.parametrize(
    ("head", "in_message", "opcode"),
    [
        (b"\x81\xff", False, Opcode.TEXT),
        (b"\x02\xff", False, Opcode.BINARY),
        (b"\x80\xff", True, Opcode.CONT),
        # Out of its place, a reserved bit, no mask, a short form of the length, a control frame.
        (b"\x80\xff", False, None),
        (b"\x81\xff", True, None),
        (b"\xc1\xff", False, None),
        (b"\x81\x7f", False, None),
        (b"\x81\xfe", False, None),
        (b"\x89\xff", False, None),
    ],
)
def test_which_frames_are_large(head: bytes, in_message: bool, opcode: Opcode | None) -> None:
    frame = large_frame(b"before" + head, 6, LARGE_HEAD + 4 + 100, in_message=in_message)
    if opcode is None:
        assert frame is None
    else:
        assert frame is not None
        assert (frame.opcode, frame.size, frame.fin) == (opcode, 100, head[0] >= 0x80)


def test_an_empty_frame_is_not_large() -> None:
    assert large_frame(b"\x81\xff", 0, LARGE_HEAD + 4, in_message=False) is None

"""`frame_heads.py`: where a frame ends, and the numbers of RFC 6455."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import CloseCode, Frame, Opcode

from engineio_min.protocol import frame_heads
from engineio_min.protocol.frame_heads import frame_size

sizes = st.sampled_from([0, 1, 125, 126, 127, 65_535, 65_536])


@given(sizes, st.booleans(), st.integers(0, 3), st.integers(0, 14))
def test_the_size_of_a_frame_is_in_its_head(
    size: int, mask: bool, position: int, given_bytes: int
) -> None:
    """The size is that of the whole frame, wherever the frame begins; it is told as soon as the
    bytes of the length are there, and not before.
    """
    frame = Frame(Opcode.BINARY, bytes(size)).serialize(mask=mask)
    data = b"x" * position + frame[:given_bytes]
    needed = 2 if size < 126 else 4 if size < 65_536 else 10
    assert frame_size(data, position) == (len(frame) if given_bytes >= needed else None)


def test_the_numbers_are_those_of_websockets() -> None:
    for numbers in (Opcode, CloseCode):
        for number in numbers:
            assert getattr(frame_heads, number.name, number) == number
    for opcode in ("CONT", "TEXT", "BINARY"):
        assert getattr(frame_heads, opcode) == Opcode[opcode]

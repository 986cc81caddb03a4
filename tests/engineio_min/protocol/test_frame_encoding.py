"""`frame_encoding.py`: the frames that a server sends."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode

from engineio_min.protocol.frame_encoding import FrameEncoder, encode_frame
from engineio_min.protocol.packets import LongText, Uncompressed


@pytest.mark.parametrize(
    ("packet", "head"),
    [
        ("4hello", b"\x81\x06"),
        ("4" + "x" * 124, b"\x81\x7d"),
        ("4" + "x" * 125, b"\x81\x7e\x00\x7e"),
        (b"x" * 65_535, b"\x82\x7e\xff\xff"),
        (b"x" * 65_536, b"\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00"),
    ],
)
def test_encode_frame(packet: str | bytes, head: bytes) -> None:
    data = packet.encode() if isinstance(packet, str) else packet
    assert encode_frame(packet) == head + data
    opcode = Opcode.TEXT if isinstance(packet, str) else Opcode.BINARY
    assert encode_frame(packet) == Frame(opcode, data).serialize(mask=False)


def test_a_long_text_is_a_text() -> None:
    text = "4" + "é" * 70_000
    assert encode_frame(LongText(text.encode())) == encode_frame(text)


def test_the_encoder_keeps_what_it_encoded() -> None:
    encoder = FrameEncoder()
    encoder.encode(["4a", b"b"])
    assert (encoder.packets, encoder.data) == (["4a", b"b"], b"\x81\x024a\x82\x01b")
    encoder.encode(["4c"])
    assert (encoder.packets, encoder.data) == (["4c"], b"\x81\x024c")
    encoder.forget()
    assert (encoder.packets, encoder.data) == ([], b"")


@given(
    st.lists(
        st.sampled_from(["4" + "x" * 124, "4" + "x" * 125, "4\ud800", b"x" * 126])
        | st.text(max_size=10)
        | st.text(max_size=10).map(Uncompressed)
        | st.binary(max_size=10),
        max_size=5,
    )
)
def test_the_frames_of_several_packets_are_those_of_each(packets: list[str | bytes]) -> None:
    encoder = FrameEncoder()
    encoder.encode(packets)
    assert encoder.data == b"".join(map(encode_frame, packets))


def test_a_lone_surrogate_leaves_as_a_question_mark() -> None:
    """Text frames must be UTF-8, which has no form for it."""
    assert encode_frame("4\ud800") == b"\x81\x024?"


def test_a_lone_surrogate_among_several_packets() -> None:
    encoder = FrameEncoder()
    encoder.encode(["4a", "4\ud800", b"b"])
    assert encoder.data == b"\x81\x024a\x81\x024?\x82\x01b"

"""`frame_compression.py`: the frames of those who have agreed on compression, or asked for text."""

from __future__ import annotations

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engineio_min.protocol import frame_compression
from engineio_min.protocol.frame_compression import MOST, AgreedEncoder, compress_frame
from engineio_min.protocol.frame_encoding import encode_frame
from engineio_min.protocol.packets import LongText, Packet, Uncompressed, UncompressedBytes

LONG = "4" + "long" * 500


@pytest.fixture
def compressed(monkeypatch: pytest.MonkeyPatch) -> list[Packet]:
    """What has been compressed."""
    packets: list[Packet] = []

    def compress(packet: Packet, window_bits: int) -> bytes:
        packets.append(packet)
        return compress_frame(packet, window_bits)

    monkeypatch.setattr(frame_compression, "compress_frame", compress)
    return packets


def test_a_compressed_frame() -> None:
    # RFC 7692, section 7.2.3.1, has "Hello" compressed by itself.
    assert compress_frame("Hello", 15) == b"\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00"
    assert compress_frame(b"Hello", 9) == b"\xc2\x07\xf2\x48\xcd\xc9\xc9\x07\x00"


@given(st.text() | st.binary(), st.integers(9, 15), st.integers(1, 3_000))
def test_what_is_compressed_comes_back(packet: Packet, window_bits: int, times: int) -> None:
    packet = packet * times
    frame = compress_frame(packet, window_bits)
    size = {126: 4, 127: 10}.get(frame[1], 2)
    data = zlib.decompressobj(wbits=-window_bits).decompress(frame[size:] + b"\x00\x00\xff\xff")
    assert data == (packet.encode() if isinstance(packet, str) else packet)


def test_a_lone_surrogate_leaves_as_a_question_mark() -> None:
    assert compress_frame("4\ud800", 15) == compress_frame("4?", 15)


def test_a_packet_is_compressed_once_a_turn(compressed: list[Packet]) -> None:
    encoder = AgreedEncoder(15, 1_024, base64=False)
    frames = encoder.frames([LONG, "4short", b"b" * 1_024])
    assert frames == (
        compress_frame(LONG, 15) + b"\x81\x064short" + compress_frame(b"b" * 1_024, 15)
    )
    # Another connection's list has an answer of its own in it.
    assert encoder.frames(["4own", LONG]) == b"\x81\x044own" + compress_frame(LONG, 15)
    assert compressed == [LONG, b"b" * 1_024]
    encoder.forget()
    encoder.frames([LONG])
    assert compressed == [LONG, b"b" * 1_024, LONG]


def test_what_may_not_be_compressed_is_not(compressed: list[Packet]) -> None:
    encoder = AgreedEncoder(15, 100, base64=False)
    # The same text, of which one is a secret.
    for packets in ([LONG], [Uncompressed(LONG)], [LONG]):
        encoder.encode(list(packets))
        plain = isinstance(packets[0], Uncompressed)
        assert encoder.data == (encode_frame(LONG) if plain else compress_frame(LONG, 15))
        # Lists of both are equal.
        assert encoder.packets == []
    assert encoder.frames([UncompressedBytes(b"b" * 200)]) == encode_frame(b"b" * 200)
    # What is large would keep the others waiting.
    assert encoder.frames(["x" * (MOST + 1)]) == encode_frame("x" * (MOST + 1))
    assert compressed == [LONG]
    encoder.frames(["x" * MOST])
    assert compressed == [LONG, "x" * MOST]


def test_binary_as_text() -> None:
    encoder = AgreedEncoder(None, 10, base64=True)
    assert encoder.frames([b"\x00" * 30, LONG]) == encode_frame("b" + "A" * 40) + encode_frame(LONG)
    assert encoder.frames([LongText(LONG.encode())]) == encode_frame(LONG)
    both = AgreedEncoder(15, 30, base64=True)
    assert both.frames([b"\x00" * 30]) == compress_frame("b" + "A" * 40, 15)


def test_what_is_kept_has_a_bound(
    compressed: list[Packet], monkeypatch: pytest.MonkeyPatch
) -> None:
    size = len(LONG) + len(compress_frame(LONG, 15))
    monkeypatch.setattr(frame_compression, "_KEPT", 2 * size)
    encoder = AgreedEncoder(15, 1_024, base64=False)
    others = [LONG.replace("long", "LONG"), LONG.replace("long", "loNG")]
    encoder.frames([LONG, others[0], LONG, others[0]])
    assert compressed == [LONG, others[0]]
    # The third takes the place of both, and is kept beside the first.
    encoder.frames([others[1], LONG, others[1]])
    assert compressed == [LONG, *others, LONG]

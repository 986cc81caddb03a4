"""The client's end of a WebSocket's frames, held against websockets' own protocol.

Invariant: on any bytes, split anywhere, the fast path gives the same messages, the same failure and
the same frames in answer as everything through websockets does.
"""

from __future__ import annotations

import os
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode
from websockets.protocol import CLIENT, OPEN, SERVER, Protocol

from engineio_min.protocol.client_frames import ClientMessageStream
from fuzz.specified import SpecifiedStream
from tests.engineio_min.scripted import server_frame

MAX_SIZE = 70_000

small = st.binary(max_size=200)
frames = st.one_of(
    st.builds(server_frame, st.text(max_size=80).map(lambda text: text.encode()), st.just(0x81)),
    st.builds(server_frame, small, st.just(0x82)),
    st.builds(server_frame, small, st.sampled_from([0x01, 0x02, 0x00, 0x80, 0x89, 0x8A, 0x88])),
    st.builds(
        server_frame, st.sampled_from([b"a" * 126, b"a" * 65_535, b"a" * 65_536]), st.just(0x82)
    ),
    # Bad UTF-8, a masked frame, a reserved bit and opcode, too much.
    st.sampled_from(
        [
            server_frame(b"\xff", 0x81),
            bytes((0x81, 0x81)) + b"keysx",
            server_frame(b"a", 0xC1),
            server_frame(b"a", 0x83),
            server_frame(b"a" * (MAX_SIZE + 1), 0x82),
            bytes((0x82, 127)) + b"\xff" * 8,
            server_frame(b"\x03\xe8", 0x88),
            server_frame(b"", 0x88),
        ]
    ),
)


def outcome(stream: ClientMessageStream | SpecifiedStream, data: list[bytes]) -> tuple[Any, ...]:
    messages = []
    for piece in data:
        messages += stream.receive(piece)
    # The mask of what goes out is random.
    sent = unmask(b"".join(stream.control()))
    return messages, stream.failure is not None, stream.close_received, stream.closed, sent


def unmask(data: bytes) -> list[Any]:
    protocol = Protocol(SERVER, state=OPEN, max_size=None)
    protocol.receive_data(data)
    return [
        (frame.opcode, bytes(frame.data), frame.fin)
        for frame in protocol.events_received()
        if isinstance(frame, Frame)
    ]


@given(
    pieces=st.lists(frames, max_size=6).map(b"".join),
    cuts=st.lists(st.integers(0, 400), max_size=8),
)
def test_the_fast_path_is_websockets(pieces: bytes, cuts: list[int]) -> None:
    places = [0, *sorted(min(cut, len(pieces)) for cut in cuts), len(pieces)]
    data = [pieces[start:end] for start, end in pairwise(places)]
    stream = ClientMessageStream(MAX_SIZE, random=os.urandom)
    assert outcome(stream, data) == outcome(SpecifiedStream(CLIENT, MAX_SIZE), data)


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536, 70_000])
def test_what_is_sent_is_masked_and_whole(size: int) -> None:
    stream = ClientMessageStream(MAX_SIZE, random=os.urandom)
    data = stream.encode(b"x" * size, compress=False) + stream.encode("é" * size, compress=True)
    assert unmask(data) == [
        (Opcode.BINARY, b"x" * size, True),
        (Opcode.TEXT, "é".encode() * size, True),
    ]


def test_no_two_frames_have_the_same_mask() -> None:
    stream = ClientMessageStream(MAX_SIZE, random=os.urandom)
    keys = {stream.encode(b"", compress=False)[2:6] for _ in range(5000)}
    # 32 bits: a few of 5,000 may meet by chance, as birthdays do.
    assert len(keys) > 4990


def test_a_lone_surrogate_is_replaced_as_javascript_does() -> None:
    stream = ClientMessageStream(MAX_SIZE, random=os.urandom)
    assert unmask(stream.encode("a\ud800", compress=False)) == [(Opcode.TEXT, b"a?", True)]


def test_a_message_that_is_too_large_is_refused() -> None:
    stream = ClientMessageStream(10, random=os.urandom)
    assert stream.receive(server_frame(b"a" * 10)) == [b"a" * 10]
    assert not stream.needs_attention
    assert stream.receive(server_frame(b"a" * 11)) == []
    assert stream.failure is not None


@pytest.mark.parametrize("cut", range(1, 15))
def test_a_frame_in_two_pieces(cut: int) -> None:
    stream = ClientMessageStream(MAX_SIZE, random=os.urandom)
    data = server_frame("4" + "a" * 130)
    assert stream.receive(data[:cut]) == []
    assert stream.assembling
    assert stream.held == cut if cut < 4 else 0 < stream.held <= cut
    assert stream.receive(data[cut:]) == ["4" + "a" * 130]
    assert stream.held == 0
    assert not stream.assembling


def test_too_many_fragments_are_refused() -> None:
    stream = ClientMessageStream(MAX_SIZE, random=os.urandom)
    stream.receive(server_frame(b"", 0x01))
    stream.receive(server_frame(b"", 0x00) * 2000)
    assert stream.failure == (
        "got a message of more than 1024 frames, expected fewer and larger ones"
    )


def test_a_close_frame_inside_a_message_is_answered_like_any_other() -> None:
    stream = ClientMessageStream(MAX_SIZE, random=os.urandom)
    wire = server_frame(b"4a", 0x01) + server_frame(b"\x03\xe8", 0x88)
    assert stream.receive(wire + server_frame(b"b", 0x80)) == []
    assert (stream.close_received, stream.failure) == (True, None)
    assert unmask(b"".join(stream.control())) == [(Opcode.CLOSE, b"\x03\xe8", True)]


def test_a_server_may_send_its_client_any_number() -> None:
    stream = ClientMessageStream(MAX_SIZE, random=os.urandom)
    assert stream.receive(server_frame("4a") * 10_000) == ["4a"] * 10_000
    assert not stream.needs_attention


def test_text_that_is_not_utf8_is_refused_at_the_end_of_a_read_too() -> None:
    stream = ClientMessageStream(MAX_SIZE, random=os.urandom)
    assert stream.receive(server_frame("4a") + server_frame(b"\xff", 0x81)) == ["4a"]
    assert stream.failure == "got text that is not UTF-8"
    assert stream.needs_attention
    assert unmask(b"".join(stream.control()))[0][1][:2] == (1007).to_bytes(2, "big")


def test_text_that_is_too_large_is_refused_by_its_head() -> None:
    stream = ClientMessageStream(10, random=os.urandom)
    assert stream.receive(server_frame("4" + "a" * 500)[:8]) == []
    assert stream.failure == "got a text message of at least 491 bytes, expected at most 10"
    assert not stream.assembling

"""`server_frames.py`: what a call takes of a read, and of a large frame."""

from __future__ import annotations

import pytest
from websockets.frames import Opcode

from engineio_min.protocol.assembler import NOT_UTF8
from engineio_min.protocol.packets import LONG, LongText
from engineio_min.protocol.server_frames import ServerMessageStream
from engineio_min.protocol.shares import LARGE_SHARE, READ_SHARE
from tests.engineio_min.protocol.masked import long_form, masked, text

LIMIT = 300


@pytest.mark.parametrize(
    "frame",
    [
        text("4a"),
        masked(Opcode.PING, b""),
        masked(Opcode.PONG, b""),
        masked(Opcode.TEXT, b"4b", fin=False) + masked(Opcode.CONT, b""),
        b"\x81\xfe\x00\x01" + masked(Opcode.TEXT, b"a")[2:],
    ],
    ids=["text", "ping", "pong", "fragments", "odd"],
)
def test_a_call_takes_its_share_and_the_next_goes_on(frame: bytes) -> None:
    """Of a read as large as they come, no call takes frames beyond its first 4 KiB, and all calls
    together take what is in it, in order.
    """
    number = 3 * READ_SHARE // len(frame)
    stream = ServerMessageStream(LIMIT)
    read = frame * number + text("4end")
    messages = stream.receive(read)
    calls, left = 1, len(read)
    while stream.rest:
        assert left - READ_SHARE - len(frame) <= len(stream.rest) < left
        left = len(stream.rest)
        assert stream.needs_attention
        assert stream.held >= left
        messages += stream.receive(b"")
        calls += 1
    assert calls in (3, 4)
    assert stream.failure is None
    assert messages[-1] == "4end"
    assert set(messages) <= {"4a", "4b", "a", "4end"}
    expected = {"4a": number, "4b": number, "a": number}
    assert len(messages) - 1 == sum(expected[str(kind)] for kind in set(messages) - {"4end"})


def test_what_comes_after_our_close_frame_has_a_share_too() -> None:
    stream = ServerMessageStream(LIMIT)
    stream.close()
    assert stream.receive(masked(Opcode.PONG, b"") * 1_500 + masked(Opcode.CLOSE, b"")) == []
    left = 9_006
    while stream.rest:
        # The last frame ends behind the share.
        left -= 683 * 6
        assert len(stream.rest) == left
        assert not stream.close_received
        stream.receive(b"")
    assert stream.close_received


def test_what_comes_behind_a_rest_is_after_it() -> None:
    stream = ServerMessageStream(LIMIT)
    first = stream.receive(text("4a") * 1_000)
    assert first == ["4a"] * 512
    assert stream.receive(text("4b")) == ["4a"] * 488 + ["4b"]


def test_of_a_large_frame_a_call_takes_its_share() -> None:
    stream = ServerMessageStream(1_000_000)
    frame = masked(Opcode.BINARY, b"x" * 200_000)
    assert stream.receive(frame[:100]) == []
    assert stream.receive(frame[100:] + text("4a")) == []
    left = len(frame) - 100 + 8
    while left > LARGE_SHARE:
        left -= LARGE_SHARE
        assert len(stream.rest) == left
        assert stream.held == len(frame) - 14 + 8
        messages = stream.receive(b"")
    assert messages == [b"x" * 200_000, "4a"]


def test_a_long_text_stays_as_it_is_for_those_who_decode_it() -> None:
    data = b"4" + b"\xc3\xa9" * (LONG // 2)
    for fragments in ([data], [data[:100_000], data[100_000:]], [data[:-1], data[-1:]]):
        stream = ServerMessageStream(1_000_000, long_texts=True)
        opcode = Opcode.TEXT
        messages: list[str | bytes] = []
        for number, fragment in enumerate(fragments, start=1):
            messages += stream.receive(masked(opcode, fragment, fin=number == len(fragments)))
            opcode = Opcode.CONT
            while stream.rest:
                messages += stream.receive(b"")
        assert messages == [data]
        assert type(messages[0]) is LongText
    assert ServerMessageStream(1_000, long_texts=True).receive(text("4short")) == ["4short"]


def test_a_large_text_is_refused_where_it_is_none() -> None:
    stream = ServerMessageStream(1_000_000)
    frame = masked(Opcode.TEXT, b"4" * 70_000 + b"\xff" + b"4" * 70_000)
    assert stream.receive(frame[:60_000]) == []
    assert not stream.closed
    assert stream.receive(frame[60_000:80_000]) == []
    assert stream.failure == NOT_UTF8
    # What is left of it is nothing.
    stream.receive(frame[80_000:] + text("4late"))
    while stream.rest:
        assert stream.receive(b"") == []


@pytest.mark.parametrize("cut", range(14))
def test_after_our_close_frame_the_rest_of_a_large_frame_is_passed_over(cut: int) -> None:
    stream = ServerMessageStream(1_000_000)
    frame = long_form(Opcode.TEXT, b"x" * 30)
    stream.receive(frame[: 10 + cut])
    stream.close()
    stream.receive(frame[10 + cut : 20 + cut])
    assert not stream.close_received
    stream.receive(frame[20 + cut :] + masked(Opcode.CLOSE, b""))
    assert (stream.close_received, stream.failure) == (True, None)


def test_large_fragments_have_the_limits_of_a_message() -> None:
    stream = ServerMessageStream(1_000, max_text=20)
    stream.receive(long_form(Opcode.TEXT, b"x" * 15, fin=False))
    # Refused by its head.
    stream.receive(long_form(Opcode.CONT, b"x" * 6)[:14])
    assert stream.failure == "got a text message of at least 21 bytes, expected at most 20"
    stream = ServerMessageStream(20)
    stream.receive(long_form(Opcode.BINARY, b"x" * 15, fin=False))
    stream.receive(long_form(Opcode.CONT, b"x" * 6)[:14])
    assert stream.failure is not None
    assert b"".join(stream.control())[2:4] == (1009).to_bytes(2, "big")

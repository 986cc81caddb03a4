"""`awaited_close.py`: the peer's close frame, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Opcode

from engineio_min.protocol.awaited_close import AwaitedClose
from engineio_min.protocol.server_frames import ServerMessageStream
from tests.engineio_min.protocol.masked import long_form, masked

CLOSE = masked(Opcode.CLOSE, b"\x03\xe8")
FOREVER = 10_000
frames = st.sampled_from(
    [
        masked(Opcode.BINARY, b"\x88\x80abcd"),
        masked(Opcode.CONT, b""),
        masked(Opcode.PING, b"x" * 125),
        long_form(Opcode.TEXT, b"\x88\x80abcd" * 20),
        b"\xff\x00",
    ]
)
cuts_of_reads = st.lists(st.integers(0, 150), max_size=12).map(sorted)


@given(st.lists(frames, max_size=3).map(b"".join), cuts_of_reads, st.integers(0, 20))
def test_it_is_found_between_frames_only(before: bytes, cuts: list[int], missing: int) -> None:
    """However what comes is cut into reads: a payload that looks like a close frame is none."""
    awaited = AwaitedClose(missing)
    wire = b"\x88" * missing + before + CLOSE + masked(Opcode.PING, b"")
    end = missing + len(before) + len(CLOSE)
    head = b""
    for begin, stop in zip([0, *cuts], [*cuts, len(wire)], strict=True):
        data = head + wire[begin:stop]
        head = data[awaited.pass_over(data, 0, FOREVER) :]
        assert len(head) < 10
        assert awaited.received == (stop >= end)
        if awaited.received:
            break
    assert awaited.received


def test_frames_that_begin_behind_the_share_wait() -> None:
    awaited = AwaitedClose(0)
    data = masked(Opcode.PONG, b"") * 3 + CLOSE
    assert awaited.pass_over(data, 0, 7) == 12
    assert awaited.pass_over(data, 12, 12) == 12
    assert not awaited.received
    assert awaited.pass_over(data, 12, 19) == len(data)
    assert awaited.received


@pytest.mark.parametrize("step", [1, 3, 100])
def test_the_end_of_a_stream_comes_once(step: int) -> None:
    stream = ServerMessageStream(FOREVER)
    stream.close()
    assert stream.control() == [b"\x88\x00"]
    wire = CLOSE + CLOSE
    ends: list[bytes] = []
    for begin in range(0, len(wire), step):
        assert stream.receive(wire[begin : begin + step]) == []
        assert stream.close_received == (begin + step >= len(CLOSE))
        ends += stream.control()
    assert ends == [b""]


def test_no_protocol_is_made_for_what_comes() -> None:
    """websockets would read each frame, at the price of twenty messages."""
    stream = ServerMessageStream(FOREVER)
    stream.close()
    stream.receive(masked(Opcode.BINARY, b"", fin=False) * 10 + masked(Opcode.PING, b"x" * 125))
    assert stream._reader is None

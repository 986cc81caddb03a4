"""`server_frames.py`: the fast path against its specification, and the limits."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from functools import partial
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Close, CloseCode, Frame, Opcode
from websockets.protocol import SERVER

from engineio_min.protocol.assembler import MAX_FRAMES
from engineio_min.protocol.server_frames import ServerMessageStream
from fuzz.specified import SpecifiedStream
from tests.engineio_min.protocol.masked import long_form, masked, text

LIMIT = 300

MakeStream = Callable[..., ServerMessageStream | SpecifiedStream]
Specified = partial(SpecifiedStream, SERVER)
both_streams = pytest.mark.parametrize(
    "make", [ServerMessageStream, Specified], ids=["ours", "all"]
)


# -- the property

payloads = st.one_of(
    st.binary(max_size=20),
    st.text(max_size=20).map(str.encode),
    st.sampled_from([b"x" * 125, b"x" * 126, "é".encode() * 130, b"x" * LIMIT, b"x" * (LIMIT + 1)]),
)
frames = st.one_of(
    st.builds(masked, st.sampled_from([Opcode.TEXT, Opcode.BINARY]), payloads, fin=st.booleans()),
    st.builds(masked, st.just(Opcode.CONT), payloads, fin=st.booleans()),
    st.builds(long_form, st.just(Opcode.BINARY), payloads, fin=st.booleans()),
    st.builds(
        long_form,
        st.sampled_from([Opcode.TEXT, Opcode.CONT]),
        st.text(max_size=20).map(str.encode),
        fin=st.booleans(),
    ),
    st.builds(masked, st.sampled_from([Opcode.PING, Opcode.PONG]), st.binary(max_size=125)),
    st.just(masked(Opcode.CLOSE, Close(1000, "").serialize())),
    st.just(masked(Opcode.CLOSE, b"")),
    # Unmasked, reserved bits, reserved opcodes, non-minimal lengths, huge lengths, noise.
    st.just(Frame(Opcode.TEXT, b"4hello").serialize(mask=False)),
    st.sampled_from([b"\xc1\x80abcd", b"\x83\x80abcd", b"\x81\xfe\x00\x01abcdx"]),
    st.sampled_from([b"\x82\xff\x00\x00\x00\x00\x00\x00\x00\x01abcdx", b"\x82\xff" + b"\xff" * 12]),
    st.binary(min_size=1, max_size=12),
)


@given(st.lists(frames, max_size=6).map(b"".join), st.data())
def test_the_fast_path_does_what_websockets_does(stream: bytes, data: st.DataObject) -> None:
    """However a stream is cut into reads, and wherever the server closes meanwhile, both give the
    same messages, answers and verdict.
    """
    cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=8).map(sorted))
    closing = data.draw(st.one_of(st.none(), st.integers(0, len(cuts))))
    fast = ServerMessageStream(LIMIT)
    specification = Specified(LIMIT)
    got: list[str | bytes] = []
    expected: list[str | bytes] = []
    answers = b""
    expected_answers = b""
    for number, (begin, end) in enumerate(zip([0, *cuts], [*cuts, len(stream)], strict=True)):
        if number == closing:
            fast.close()
            specification.close()
        if begin < end:
            got += fast.receive(stream[begin:end])
            expected += specification.receive(stream[begin:end])
            answers += b"".join(fast.control())
            expected_answers += b"".join(specification.control())
    assert got == expected
    assert answers == expected_answers
    assert (fast.failure is None) == (specification.failure is None)
    assert fast.closed == specification.closed
    assert fast.close_received == specification.close_received


def test_the_close_frame_that_is_awaited_may_be_unusual() -> None:
    stream = ServerMessageStream(LIMIT)
    stream.close()
    assert stream.control() == [b"\x88\x00"]
    assert (
        stream.receive(text("4late") + masked(Opcode.CLOSE, Close(3000, "why").serialize())) == []
    )
    assert stream.close_received
    assert stream.control() == [b""]


def test_who_is_let_go_after_our_close_frame_gets_no_other_one() -> None:
    stream = ServerMessageStream(LIMIT)
    stream.close()
    assert stream.control() == [b"\x88\x00"]
    stream.fail(CloseCode.TRY_AGAIN_LATER, "too much is held")
    assert stream.control() == [b""]


def test_what_comes_after_a_plain_close_is_nothing() -> None:
    stream = ServerMessageStream(LIMIT)
    assert stream.receive(masked(Opcode.CLOSE, b"")) == []
    assert stream.control() == [b"\x88\x00", b""]
    assert stream.receive(text("4late")) == []
    assert stream.close_received
    assert stream.control() == []


@given(
    st.lists(st.one_of(st.text(max_size=300), st.binary(max_size=300)), max_size=5),
    st.integers(1, 7),
)
def test_messages_survive_every_split(messages: list[str | bytes], step: int) -> None:
    """What a client sends arrives whole and in order, whatever the size of the reads."""
    wire = b"".join(
        text(message) if isinstance(message, str) else masked(Opcode.BINARY, message)
        for message in messages
    )
    stream = ServerMessageStream(10_000)
    got: list[str | bytes] = []
    for position in range(0, len(wire), step):
        got += stream.receive(wire[position : position + step])
    assert got == messages
    assert not stream.assembling


# -- the limits


def test_a_message_in_two_fragments_with_a_ping_between() -> None:
    stream = ServerMessageStream(LIMIT)
    message = "4hé".encode()
    wire = (
        masked(Opcode.TEXT, message[:3], fin=False)
        + masked(Opcode.PING, b"p")
        + masked(Opcode.CONT, message[3:] + b"llo")
    )
    assert stream.receive(wire) == ["4héllo"]
    assert stream.pings == 1
    assert stream.control() == [b"\x8a\x01p"]
    assert stream.pings == 0


@pytest.mark.parametrize(
    ("frame", "most"),
    [
        (masked(Opcode.PING, b""), 12),
        (masked(Opcode.PONG, b""), 2),
        (masked(Opcode.CONT, b"", fin=False), 14),
    ],
    ids=["ping", "pong", "fragment"],
)
def test_a_frame_of_6_bytes_is_not_worth_dozens_of_calls(frame: bytes, most: int) -> None:
    """A read has 40,000 of them, while nobody else is served; steps are counted, not time."""
    stream = ServerMessageStream(LIMIT)
    stream.receive(masked(Opcode.TEXT, b"", fin=False))
    steps = 0

    def step(_frame: object, event: str, _argument: object) -> None:
        nonlocal steps
        steps += event in ("call", "c_call")

    number = 1_000
    sys.setprofile(step)
    try:
        stream.receive(frame * number)
        while stream.rest:
            stream.receive(b"")
    finally:
        sys.setprofile(None)
    assert stream.failure is None
    assert steps < number * most


def test_a_ping_that_was_split_is_answered_before_the_next() -> None:
    stream = ServerMessageStream(LIMIT)
    first = masked(Opcode.PING, b"1")
    assert stream.receive(first[:3]) == []
    assert stream.receive(first[3:] + masked(Opcode.PING, b"2") + text("4a")) == ["4a"]
    assert stream.pings == 2
    assert b"".join(stream.control()) == b"\x8a\x011\x8a\x012"


@both_streams
@pytest.mark.parametrize("cut", [0, 10, 26], ids=["whole", "in its payload", "in its head"])
def test_a_ping_between_fragments_does_not_count_against_the_limit(
    make: MakeStream, cut: int
) -> None:
    """It is no part of their message, however it is cut into reads."""
    stream = make(LIMIT)
    wire = masked(Opcode.BINARY, b"x" * LIMIT, fin=False) + masked(Opcode.PING, b"p" * 20)
    assert stream.receive(wire[: len(wire) - cut]) == []
    assert stream.receive(wire[len(wire) - cut :] + masked(Opcode.CONT, b"")) == [b"x" * LIMIT]
    assert b"".join(stream.control()) == b"\x8a\x14" + b"p" * 20
    assert stream.receive(masked(Opcode.BINARY, b"x" * (LIMIT + 1))) == []
    assert stream.failure is not None


def test_short_fragments_count_against_the_limit() -> None:
    stream = ServerMessageStream(LIMIT)
    fragments = [masked(Opcode.CONT, b"x" * 100, fin=False) for _ in range(3)]
    first = masked(Opcode.BINARY, b"x" * 100, fin=False)
    assert stream.receive(first + b"".join(fragments[:2]) + masked(Opcode.CONT, b"")) == [
        b"x" * 300
    ]
    assert stream.receive(first + b"".join(fragments)) == []
    assert stream.closed
    assert stream.failure is not None


def test_a_pong_is_nothing() -> None:
    stream = ServerMessageStream(LIMIT)
    assert stream.receive(masked(Opcode.PONG, b"p") + text("4a")) == ["4a"]
    assert (stream.pings, stream.control(), stream.closed) == (0, [], False)


def test_a_binary_message_in_fragments() -> None:
    stream = ServerMessageStream(LIMIT)
    assert stream.receive(masked(Opcode.BINARY, b"\xff", fin=False)) == []
    assert stream.assembling
    assert stream.receive(masked(Opcode.CONT, b"\xfe")) == [b"\xff\xfe"]
    assert not stream.assembling


@pytest.mark.parametrize(
    "wire",
    [
        masked(Opcode.TEXT, b"4\xff"),
        masked(Opcode.TEXT, b"4\xed\xa0\x80"),
        masked(Opcode.TEXT, b"4\xff", fin=False),
        masked(Opcode.TEXT, b"4\xc3", fin=False) + masked(Opcode.CONT, b""),
    ],
    ids=map(str, count()),
)
@both_streams
def test_text_that_is_not_utf8_is_refused_where_it_is(wire: bytes, make: MakeStream) -> None:
    stream = make(LIMIT)
    assert stream.receive(wire) == []
    assert stream.failure == "got text that is not UTF-8"
    assert b"".join(stream.control())[2:4] == (1007).to_bytes(2, "big")


def test_messages_before_a_bad_one_count() -> None:
    stream = ServerMessageStream(LIMIT)
    assert stream.receive(text("4a") + masked(Opcode.TEXT, b"\xff") + text("4b")) == ["4a"]
    assert stream.closed


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (Frame(Opcode.TEXT, b"4hello").serialize(mask=False), 1002),
        (b"\xc1\x82abcd4a", 1002),
        (b"\x83\x82abcd4a", 1002),
        (masked(Opcode.TEXT, b"4a", fin=False) + text("4b"), 1002),
        (masked(Opcode.CONT, b"4a"), 1002),
        (masked(Opcode.BINARY, b"x" * (LIMIT + 1)), 1009),
        (b"\x09\x81abcd" + b"x", 1002),
        (masked(Opcode.CLOSE, b"x"), 1002),
    ],
    ids=map(str, count()),
)
def test_a_frame_against_the_protocol(frame: bytes, code: int) -> None:
    """Refused, although it is whole and good ones follow."""
    stream = ServerMessageStream(LIMIT)
    assert stream.receive(text("4before") + frame + text("4after") * 3) == ["4before"]
    assert stream.failure is not None
    assert b"".join(stream.control())[2:4] == code.to_bytes(2, "big")


# -- the limit of text


def compressed(data: bytes) -> bytes:
    extension = PerMessageDeflate(False, False, 15, 15)
    return Frame(Opcode.TEXT, data).serialize(mask=True, extensions=[extension])


@pytest.mark.parametrize(
    "frames",
    [
        text("4" + "a" * 100),
        text("4" + "a" * 200)[:8],
        masked(Opcode.TEXT, b"4" * 60, fin=False) + masked(Opcode.CONT, b"a" * 41),
        compressed(b"4" * 101),
    ],
    ids=["whole", "head", "fragments", "compressed"],
)
@both_streams
def test_text_above_its_own_limit(frames: bytes, make: MakeStream) -> None:
    """Refused, if its head tells it, before its bytes are here."""
    extensions = [PerMessageDeflate(False, False, 15, 15)] if frames[0] & 0x40 else []
    stream = make(LIMIT, extensions, max_text=100)
    assert stream.receive(text("4a") + frames + text("4b")) == ["4a"]
    assert stream.failure is not None
    assert stream.failure.startswith("got a text message of at least ")
    assert stream.failure.endswith(" bytes, expected at most 100")
    assert b"".join(stream.control())[2:4] == (1009).to_bytes(2, "big")


@both_streams
def test_the_limit_of_text_is_not_that_of_binary_messages(make: MakeStream) -> None:
    stream = make(LIMIT, max_text=100)
    binary = masked(Opcode.BINARY, b"x" * 60, fin=False) + masked(Opcode.CONT, b"x" * 60)
    limit = "4" + "a" * 99
    received = stream.receive(text(limit) + masked(Opcode.BINARY, b"x" * LIMIT) + binary)
    assert received == [limit, b"x" * LIMIT, b"x" * 120]
    assert stream.failure is None


@pytest.mark.parametrize("payload", [b"", b"x"])
def test_a_message_of_too_many_frames(payload: bytes) -> None:
    """Empty frames cost memory too, and never reach a limit on bytes."""
    stream = ServerMessageStream(10_000)
    wire = masked(Opcode.BINARY, payload, fin=False)
    wire += masked(Opcode.CONT, payload, fin=False) * (MAX_FRAMES - 1)
    assert stream.receive(wire) == []
    assert not stream.closed
    stream.receive(masked(Opcode.CONT, payload, fin=False))
    assert stream.failure is not None
    assert b"".join(stream.control())[2:4] == (1008).to_bytes(2, "big")


@pytest.mark.parametrize("size", [LIMIT, 70_000])
def test_exactly_the_limit_passes_and_one_more_byte_does_not(size: int) -> None:
    stream = ServerMessageStream(size)
    messages = stream.receive(masked(Opcode.BINARY, b"x" * size))
    assert messages + stream.receive(b"") == [b"x" * size]
    # The length alone is enough: nothing of the message is needed to refuse it.
    stream.receive(masked(Opcode.BINARY, b"x" * (size + 1))[:14])
    assert stream.failure is not None
    assert b"".join(stream.control())[2:4] == (1009).to_bytes(2, "big")


def test_the_closing_handshake_from_either_side() -> None:
    theirs = ServerMessageStream(LIMIT)
    theirs.receive(masked(Opcode.CLOSE, b""))
    assert theirs.close_received
    assert theirs.control() == [b"\x88\x00", b""]

    for code in (b"\x03\xe8", b"\x0b\xb8"):
        theirs = ServerMessageStream(LIMIT)
        theirs.receive(masked(Opcode.CLOSE, code))
        assert theirs.control() == [b"\x88\x02" + code, b""]

    ours = ServerMessageStream(LIMIT)
    ours.close()
    ours.close()
    assert ours.control() == [b"\x88\x00"]
    # A message that crossed our close frame is dropped; the answer ends the stream.
    assert ours.receive(text("4late") + masked(Opcode.CLOSE, b"")) == []
    assert ours.close_received
    assert ours.control() == [b""]


@both_streams
@pytest.mark.parametrize("step", [1, 100])
def test_a_close_frame_inside_a_message_is_answered_like_any_other(
    make: MakeStream, step: int
) -> None:
    """The message is given up; what follows the close frame is not looked at."""
    stream = make(LIMIT)
    wire = (
        masked(Opcode.TEXT, b"4a", fin=False)
        + masked(Opcode.CLOSE, b"\x03\xe8bye")
        + masked(Opcode.CONT, b"b")
    )
    got: list[str | bytes] = []
    for position in range(0, len(wire), step):
        got += stream.receive(wire[position : position + step])
    assert got == []
    assert (stream.close_received, stream.failure) == (True, None)
    assert (stream.assembling, stream.held) == (False, 0)
    assert stream.control() == [b"\x88\x05\x03\xe8bye", b""]


def test_no_protocol_is_made_for_ordinary_frames() -> None:
    """An idle or ordinary connection does not pay for websockets' protocol object."""
    stream = ServerMessageStream(LIMIT)
    stream.receive(text("4a") + masked(Opcode.BINARY, b"b"))
    assert stream._reader is None
    assert stream.control() == []


# -- compression


def deflate() -> PerMessageDeflate:
    return PerMessageDeflate(False, False, 15, 15)


def test_a_compressed_message_goes_through_websockets() -> None:
    stream = ServerMessageStream(100_000, [deflate()])
    wire = Frame(Opcode.TEXT, b"4" + b"a" * 500).serialize(mask=True, extensions=[deflate()])
    assert stream.receive(wire) == ["4" + "a" * 500]


def test_a_deflate_bomb_is_refused_by_its_inflated_size() -> None:
    stream = ServerMessageStream(1_000, [deflate()])
    wire = Frame(Opcode.BINARY, bytes(1_000_000)).serialize(mask=True, extensions=[deflate()])
    assert len(wire) < 2_000
    assert stream.receive(wire) == []
    assert stream.failure is not None


def test_noise_never_raises() -> None:
    source = random.Random(1)
    for _ in range(50):
        stream = ServerMessageStream(LIMIT)
        for _ in range(20):
            stream.receive(source.randbytes(100))
        assert stream.closed

"""Messages between workers: bytes and descriptors, in order, whatever pieces they come in."""

from __future__ import annotations

import os
import resource
import socket
from collections.abc import Iterator
from contextlib import suppress
from itertools import cycle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engineio_min.workers.messages import Inbox, Message, Outbox

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    """Two ends of a stream that do not block."""
    ends = socket.socketpair()
    for end in ends:
        end.setblocking(False)
    yield ends
    for end in ends:
        end.close()


def pipe() -> tuple[int, int]:
    """The end of a pipe to send, and the one to write to."""
    read, write = os.pipe()
    return read, write


def says(descriptor: int | None) -> bytes:
    """What is in the pipe that a descriptor reads from."""
    assert descriptor is not None
    try:
        return os.read(descriptor, 100)
    finally:
        os.close(descriptor)


def is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def test_bytes_and_connections_come_in_order(pair: Pair) -> None:
    outbox, inbox = Outbox(pair[0], 1 << 20, 100), Inbox(pair[1])
    for number in range(3):
        read, write = pipe()
        os.write(write, b"%d" % number)
        os.close(write)
        assert outbox.put(b"to %d" % number, read)
        assert outbox.put(b"then %d" % number)
        os.close(read)
    got: list[Message] = []
    while len(got) < 6:
        got.extend(inbox.receive())
    assert [message.content for message in got] == [
        b"to 0",
        b"then 0",
        b"to 1",
        b"then 1",
        b"to 2",
        b"then 2",
    ]
    assert [says(message.descriptor) for message in got[::2]] == [b"0", b"1", b"2"]
    assert [message.descriptor for message in got[1::2]] == [None] * 3
    assert list(inbox.receive()) == []


@given(
    st.lists(st.tuples(st.binary(max_size=300), st.booleans()), max_size=8),
    st.lists(st.integers(1, 500), min_size=1),
)
def test_pieces_of_any_size(messages: list[tuple[bytes, bool]], sizes: list[int]) -> None:
    """Whatever is read at once: the messages are those that were sent."""
    one, two = socket.socketpair()
    one.setblocking(False)
    two.setblocking(False)
    outbox, inbox = Outbox(one, 1 << 20, 100), Inbox(two)
    read, write = pipe()
    os.write(write, b"x" * len(messages))
    for content, carries in messages:
        assert outbox.put(content, read if carries else None)
    got: list[Message] = []
    for size in cycle(sizes):
        if len(got) == len(messages):
            break
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("engineio_min.workers.messages._READ", size)
            got.extend(inbox.receive())
    for (content, carries), message in zip(messages, got, strict=True):
        assert message.content == content
        assert (message.descriptor is not None) == carries
        if message.descriptor is not None:
            assert os.read(message.descriptor, 1) == b"x"
            os.close(message.descriptor)
    os.close(read)
    os.close(write)
    outbox.close()
    inbox.close()


def test_what_the_socket_does_not_take_waits(pair: Pair) -> None:
    outbox, inbox = Outbox(pair[0], 8 << 20, 100), Inbox(pair[1])
    large = os.urandom(1 << 20)
    assert outbox.put(large)
    assert outbox.waiting
    read, write = pipe()
    os.write(write, b"hello")
    assert outbox.put(b"connection", read)
    assert outbox.put(b"more")
    # The sender's own is closed as soon as it has been given away.
    os.close(read)
    os.close(write)
    got: list[Message] = []
    while len(got) < 3:
        outbox.flush()
        got.extend(inbox.receive())
    outbox.flush()
    assert [message.content for message in got] == [large, b"connection", b"more"]
    assert says(got[1].descriptor) == b"hello"


def test_a_connection_may_be_the_first_that_waits(pair: Pair) -> None:
    outbox, inbox = Outbox(pair[0], 8 << 20, 100), Inbox(pair[1])
    with suppress(BlockingIOError):
        while pair[0].send(b"\0\0\0\0b" * 1000):
            pass
    read, write = pipe()
    assert outbox.put(b"connection", read)
    assert outbox.waiting
    os.close(read)
    os.write(write, b"x")
    got: list[Message] = []
    while not got or got[-1].descriptor is None:
        outbox.flush()
        got.extend(inbox.receive())
    assert says(got[-1].descriptor) == b"x"
    os.close(write)


def test_so_much_waits_and_no_more(pair: Pair) -> None:
    outbox = Outbox(pair[0], 1 << 20, 100)
    assert outbox.put(bytes(1 << 20))
    assert not outbox.put(bytes(1 << 20))
    assert outbox.put(b"a little")


def test_so_many_connections_wait_and_no_more(pair: Pair) -> None:
    """Whoever has given a connection away does not count it any more."""
    outbox, inbox = Outbox(pair[0], 8 << 20, 2), Inbox(pair[1])
    assert outbox.put(bytes(1 << 20))
    read, write = pipe()
    os.close(write)
    assert [outbox.put(b"x", read) for _ in range(3)] == [True, True, False]
    assert outbox.put(b"bytes")
    got: list[Message] = []
    while len(got) < 4:
        outbox.flush()
        got.extend(inbox.receive())
    for message in got[1:3]:
        assert says(message.descriptor) == b""
    # There is room again.
    assert outbox.put(bytes(1 << 20))
    assert [outbox.put(b"x", read) for _ in range(3)] == [True, True, False]
    os.close(read)
    outbox.close()


def test_a_connection_cannot_wait_without_a_descriptor(pair: Pair) -> None:
    outbox = Outbox(pair[0], 8 << 20, 100)
    assert outbox.put(bytes(1 << 20))
    read, write = pipe()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        assert not outbox.put(b"x", read)
        assert outbox.put(b"bytes")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    os.close(read)
    os.close(write)
    outbox.close()


def test_what_waits_is_closed_with_the_stream(pair: Pair) -> None:
    outbox = Outbox(pair[0], 8 << 20, 100)
    outbox.put(bytes(1 << 20))
    read, write = pipe()
    before = set(os.listdir("/dev/fd"))
    outbox.put(b"connection", read)
    outbox.put(b"bytes")
    [twin] = set(os.listdir("/dev/fd")) - before
    outbox.close()
    assert not is_open(int(twin))
    os.close(read)
    os.close(write)


def test_the_other_end_may_be_gone(pair: Pair) -> None:
    outbox, inbox = Outbox(pair[0], 100, 100), Inbox(pair[1])
    pair[0].close()
    with pytest.raises(EOFError):
        list(inbox.receive())
    with pytest.raises(OSError, match="Bad file descriptor"):
        outbox.put(b"x")


def test_descriptors_that_were_lost_end_the_stream(pair: Pair) -> None:
    """They would be taken for one another: one client's bytes for another's connection."""
    inbox = Inbox(pair[1])
    read, write = pipe()
    before = set(os.listdir("/dev/fd"))
    socket.send_fds(pair[0], [b"\0\0\0\1cx"], [read] * 17)
    with pytest.raises(OSError, match="descriptors were lost"):
        list(inbox.receive())
    inbox.close()
    assert set(os.listdir("/dev/fd")) <= before
    os.close(read)
    os.close(write)


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        (b"\xff\xff\xff\xffb", "a message of 4294967295 bytes and the kind b'b'"),
        (b"\x01\x00\x00\x01b", "a message of 16777217 bytes"),
        (b"\0\0\0\1px", "the kind b'p'"),
        (b"\0\0\0\1cx", "a connection without its descriptor"),
    ],
)
def test_what_no_worker_writes_ends_the_stream(pair: Pair, written: bytes, reason: str) -> None:
    pair[0].send(written)
    with pytest.raises(OSError, match=reason):
        list(Inbox(pair[1]).receive())


def test_descriptors_without_a_connection_end_the_stream(pair: Pair) -> None:
    """They are closed, and do not pile up."""
    inbox = Inbox(pair[1])
    read, write = pipe()
    before = set(os.listdir("/dev/fd"))
    for _ in range(2):
        socket.send_fds(pair[0], [b"\0\0\0\1bx"], [read] * 8)
        assert [message.content for message in inbox.receive()] == [b"x"]
    socket.send_fds(pair[0], [b"\0\0\0\1bx"], [read])
    with pytest.raises(OSError, match="descriptors without a connection"):
        list(inbox.receive())
    inbox.close()
    assert set(os.listdir("/dev/fd")) <= before
    os.close(read)
    os.close(write)


def test_a_message_that_is_too_long_is_not_sent(pair: Pair) -> None:
    outbox = Outbox(pair[0], 1 << 30, 100)
    assert not outbox.put(bytes(16_777_217))
    assert not outbox.waiting

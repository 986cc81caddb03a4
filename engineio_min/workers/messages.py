"""Messages between the workers of one machine: bytes, with a file descriptor or without.

    4 bytes  length     big-endian, of what follows
    1 byte   kind       "c": a connection, whose descriptor travels with this message; "b": bytes
    n bytes  content

They go over Unix stream sockets. A datagram would keep its bounds by itself, but its queue has ten
places, and a sequenced packet cannot be as long as what is read from a connection at once. The
descriptor belongs to the first byte of its message, so those that were received and the messages of
connections have the same order.
"""

from __future__ import annotations

import array
import errno
import os
import socket
from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

CONNECTION, BYTES = b"c", b"b"

# Bytes of one message: as many as may wait for a worker.
MAX_CONTENT = 16_777_216

_HEAD = 5
# What is read at once, in bytes, and the descriptors that may come with it.
_READ = 262_144
_DESCRIPTORS = 16
# Not every system has this flag; without it the descriptors are closed in a new program anyway.
_CLOSE_ON_EXEC = getattr(socket, "MSG_CMSG_CLOEXEC", 0)


class Message(NamedTuple):
    """One message; the descriptor is the receiver's to close."""

    content: bytes
    descriptor: int | None


class Outbox:
    """The sending end of a stream, which does not block.

    `limit` bytes and `connections` descriptors may wait to be sent.
    """

    __slots__ = ("_connections", "_limit", "_room", "_size", "_socket", "_waiting")

    def __init__(self, socket_: socket.socket, limit: int, connections: int) -> None:
        self._socket = socket_
        self._limit = limit
        self._size = 0
        # How many more descriptors may wait: the limits of connections do not count these.
        self._room = connections
        self._waiting: deque[tuple[bytes, int | None]] = deque()

    @property
    def waiting(self) -> bool:
        """Return whether something waits until the socket is writable: then `flush` is due."""
        return bool(self._waiting)

    def put(self, content: bytes, descriptor: int | None = None) -> bool:
        """Send a message, or keep it until the socket takes it. Return False, and do nothing, if
        too much waits already or the message is longer than `MAX_CONTENT`.

        The descriptor is duplicated if it has to wait, for which this process needs a free one.

        Raises:
            OSError: the other end is gone.
        """
        if len(content) > MAX_CONTENT:
            return False
        kind = BYTES if descriptor is None else CONNECTION
        data = len(content).to_bytes(4, "big") + kind + content
        if self._waiting:
            return self._size + len(data) <= self._limit and self._keep(data, descriptor)
        sent = self._send(data, descriptor)
        return sent == len(data) or self._keep(data[sent:], None if sent else descriptor)

    def _keep(self, data: bytes, descriptor: int | None) -> bool:
        twin = None
        if descriptor is not None:
            if not self._room:
                return False
            try:
                twin = os.dup(descriptor)
            except OSError:
                return False
            self._room -= 1
        self._waiting.append((data, twin))
        self._size += len(data)
        return True

    def flush(self) -> None:
        """Send what waits, as far as the socket takes it.

        Raises:
            OSError: the other end is gone.
        """
        while self._waiting:
            data, descriptor = self._waiting[0]
            sent = self._send(data, descriptor)
            if not sent:
                return
            if descriptor is not None:
                os.close(descriptor)
                self._room += 1
            self._size -= sent
            if sent == len(data):
                self._waiting.popleft()
            else:
                self._waiting[0] = (data[sent:], None)

    def _send(self, data: bytes, descriptor: int | None) -> int:
        try:
            if descriptor is None:
                return self._socket.send(data)
            rights = array.array("i", (descriptor,))
            return self._socket.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
        except BlockingIOError:
            return 0

    def close(self) -> None:
        """Close the stream, and the descriptors of what was not sent."""
        for _, descriptor in self._waiting:
            if descriptor is not None:
                os.close(descriptor)
        self._waiting.clear()
        self._socket.close()


class Inbox:
    """The receiving end of a stream, which does not block."""

    __slots__ = ("_buffer", "_descriptors", "_socket")

    def __init__(self, socket_: socket.socket) -> None:
        self._socket = socket_
        self._buffer = bytearray()
        self._descriptors: deque[int] = deque()

    def receive(self) -> Iterator[Message]:
        """Read once, and yield the messages that are complete.

        Raises:
            EOFError: the other end has closed.
            OSError: the other end is gone, or what it wrote is no message: a worker writes none
            that is too long, of another kind, or with more or fewer descriptors than its kind has.
        """
        try:
            data, descriptors, flags, _ = socket.recv_fds(
                self._socket, _READ, _DESCRIPTORS, _CLOSE_ON_EXEC
            )
        except BlockingIOError:
            return
        self._descriptors.extend(descriptors)
        if flags & socket.MSG_CTRUNC:
            # This process may have run out of descriptors. From here on they would be taken for one
            # another, and a client might get the answers to another one.
            raise OSError(errno.EMFILE, "descriptors were lost")
        if not data:
            raise EOFError
        buffer = self._buffer
        buffer += data
        while len(buffer) >= _HEAD:
            length, kind = int.from_bytes(buffer[:4], "big"), bytes(buffer[4:5])
            if length > MAX_CONTENT or kind not in (BYTES, CONNECTION):
                raise _malformed(f"a message of {length} bytes and the kind {kind!r}")
            end = _HEAD + length
            if len(buffer) < end:
                break
            if kind == CONNECTION and not self._descriptors:
                raise _malformed("a connection without its descriptor")
            content = bytes(buffer[_HEAD:end])
            del buffer[:end]
            yield Message(content, self._descriptors.popleft() if kind == CONNECTION else None)
        if len(self._descriptors) > _DESCRIPTORS:
            raise _malformed("descriptors without a connection")

    def close(self) -> None:
        """Close the stream, and the descriptors of messages that are not complete."""
        while self._descriptors:
            os.close(self._descriptors.popleft())
        self._socket.close()


def _malformed(got: str) -> OSError:
    return OSError(errno.EBADMSG, f"got {got}, expected what a worker writes")

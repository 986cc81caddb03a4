"""Thousands of clients in one thread, at the cost of a few system calls each.

The load must not be limited by its own client, so this is bare epoll: a peer is a socket, the bytes
it sends first, and what it does with what comes. Frames are sent with the mask 0.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import select
import socket
import struct
import time
from collections.abc import Callable

from benchmarks.frames import frame

PATH = "/socket.io/?EIO=4&transport="
HEAD = " HTTP/1.1\r\nHost: localhost\r\n"
HANDSHAKE = (
    f"GET {PATH}websocket{HEAD}Connection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
).encode()
# An address has some 28,000 ports for connections to one server, and a closed one rests a minute.
SOURCES = 200
_LINGER = struct.pack("ii", 1, 0)
JOIN = HANDSHAKE + frame("40")


class Peer:
    """One connection. `data` collects what came; `closed` tells that the server ended it."""

    __slots__ = ("arrived", "closed", "crowd", "data", "first", "joined", "sock", "started")

    def __init__(
        self, crowd: Crowd, sock: socket.socket, first: bytes, arrived: Callable[[Peer], object]
    ) -> None:
        self.crowd = crowd
        self.sock = sock
        self.first = first
        self.arrived = arrived
        self.data = b""
        self.closed = False
        self.joined = False
        self.started = time.perf_counter()

    def send(self, data: bytes) -> None:
        """Send a little."""
        with contextlib.suppress(BlockingIOError, ConnectionError):
            self.sock.send(data)

    def close(self, *, reset: bool = False) -> None:
        """Leave."""
        if reset:
            with contextlib.suppress(OSError):
                self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER)
        self.crowd.forget(self)
        self.sock.close()

    def packets(self) -> list[str]:
        """Take the whole text frames that have come; the server's answer to the handshake first."""
        data = self.data
        if data.startswith(b"HTTP/1.1"):
            end = data.find(b"\r\n\r\n") + 4
            if end < 4:
                return []
            data = data[end:]
        found = []
        while len(data) >= 2:
            size, start = data[1], 2
            if size == 126:
                size, start = int.from_bytes(data[2:4], "big"), 4
            if len(data) < start + size:
                break
            found.append(data[start : start + size].decode("utf-8", "replace"))
            data = data[start + size :]
        self.data = data
        return found


class Crowd:
    """Many peers on one epoll object."""

    def __init__(self, port: int) -> None:
        self.peers: dict[int, Peer] = {}
        self.refused = 0
        self._port = port
        self._poll = select.epoll()
        self._sources = itertools.cycle(range(SOURCES))

    def connect(
        self, first: bytes, arrived: Callable[[Peer], object], *, receive_buffer: int = 0
    ) -> Peer:
        """Open a connection that sends `first`."""
        sock = socket.socket()
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if receive_buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        sock.setsockopt(socket.SOL_IP, 24, 1)  # IP_BIND_ADDRESS_NO_PORT
        sock.bind((f"127.0.1.{next(self._sources) + 1}", 0))
        peer = Peer(self, sock, first, arrived)
        problem = sock.connect_ex(("127.0.0.1", self._port))
        if problem not in (0, errno.EINPROGRESS):
            self.refused += 1
        self.peers[sock.fileno()] = peer
        self._poll.register(sock.fileno(), select.EPOLLOUT)
        return peer

    def forget(self, peer: Peer) -> None:
        """Forget a connection that has ended."""
        if self.peers.pop(peer.sock.fileno(), None) is not None:
            self._poll.unregister(peer.sock.fileno())

    def turn(self, timeout: float) -> None:
        """Do what is to be done now, after waiting at most `timeout` seconds for it."""
        for number, events in self._poll.poll(timeout):
            peer = self.peers.get(number)
            if peer is None:
                continue
            if events & select.EPOLLOUT and peer.first:
                if peer.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                    self.refused += 1
                    self.forget(peer)
                    continue
                peer.send(peer.first)
                peer.first = b""
                self._poll.modify(number, select.EPOLLIN)
            if events & (select.EPOLLIN | select.EPOLLHUP | select.EPOLLERR):
                try:
                    data = peer.sock.recv(65_536)
                except BlockingIOError:
                    continue
                except ConnectionError:
                    data = b""
                if data:
                    peer.data += data
                else:
                    peer.closed = True
                    self.forget(peer)
                peer.arrived(peer)

    def ignore(self, peer: Peer) -> None:
        """Read nothing from it from now on."""
        self._poll.modify(peer.sock.fileno(), 0)

    def close(self) -> None:
        """Let all leave at once."""
        for peer in list(self.peers.values()):
            peer.close(reset=True)
        self._poll.close()

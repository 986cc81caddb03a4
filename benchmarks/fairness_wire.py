"""What the deeds of `benchmarks.fairness` are made of: a client that keeps to nothing.

It blocks, it shares no code with the server, and its frames have the mask 0, so that it costs the
machine as little as an attack can.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.frames import frame

PATH = "/socket.io/?EIO=4&transport="
HEAD = " HTTP/1.1\r\nHost: localhost\r\n"
PATIENCE = 30.0
PROJECT = "project-123"


Commit = Callable[[int], None]
"""A deed at a port; it goes on until its process is ended."""


@dataclass(frozen=True, slots=True)
class Ground:
    """Where a deed is set up: the server's port, and the directory that the server mirrors.

    `say(text, kept)` puts something into the row; it is not fair if a promise is not `kept`.
    """

    port: int
    directory: Path
    say: Callable[[str, bool], None]


@dataclass(frozen=True, slots=True)
class Deed:
    """What one client does at its worst: `set_up` makes what it needs, and returns the deed.

    files: how many the mirrored directory has at the start; 0 if none is mirrored.
    project: the one that the honest client works in.
    """

    name: str
    set_up: Callable[[Ground], Commit]
    files: int = 0
    project: str = PROJECT


def at_once(name: str, commit: Commit) -> Deed:
    """Return a deed that needs nothing."""
    return Deed(name, lambda _: commit)


class Client:
    """A WebSocket to the server; with `join` in its main namespace.

    Raises:
        ConnectionError: it was refused, or is over.
    """

    def __init__(self, port: int, *, join: bool = True, receive_buffer: int = 0) -> None:
        self.sock = socket.socket()
        if receive_buffer:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.settimeout(PATIENCE)
        self.sock.connect(("127.0.0.1", port))
        self._data = b""
        self._asked = 0
        self.sock.sendall(
            f"GET {PATH}websocket{HEAD}Connection: Upgrade\r\nUpgrade: websocket\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
            "".encode()
        )
        while b"\r\n\r\n" not in self._data:
            self._receive()
        head, _, self._data = self._data.partition(b"\r\n\r\n")
        if b" 101 " not in head:
            raise ConnectionError(head.decode("latin-1"))
        self.read()
        if join:
            self.send("40")
            while not self.read().startswith("40"):
                pass

    @property
    def rest(self) -> bytes:
        """Return what is received and not read."""
        return self._data

    def send(self, packet: str | bytes) -> None:
        """Send a message, in one frame."""
        self.sock.sendall(frame(packet))

    def flood(self, data: bytes) -> None:
        """Send the same bytes until the server has had enough; read nothing."""
        self.sock.settimeout(None)
        while True:
            self.sock.sendall(data)

    def read(self) -> str:
        """Wait for the next text message; pings are answered."""
        while True:
            packet = self._frame()
            if packet == "2":
                self.send("3")
            else:
                return packet

    def ask(self, event: str, payload: Any) -> Any:
        """Send an event and return the argument of its acknowledgement."""
        self._asked += 1
        self.send(f"42{self._asked}{json.dumps([event, payload])}")
        head = f"43{self._asked}["
        return json.loads(self.wait_for(head)[len(head) - 1 :])[0]

    def wait_for(self, head: str) -> str:
        """Return the next text message that begins like that; those before it are left."""
        while not (packet := self.read()).startswith(head):
            pass
        return packet

    def _frame(self) -> str:
        while True:
            data = self._data
            if len(data) >= 2:
                size, start = data[1], 2
                if size == 126:
                    size, start = int.from_bytes(data[2:4], "big"), 4
                elif size == 127:
                    size, start = int.from_bytes(data[2:10], "big"), 10
                if len(data) >= start + size:
                    self._data = data[start + size :]
                    if data[0] & 0x0F == 8:
                        raise ConnectionError("the server has closed the connection")
                    return data[start : start + size].decode("utf-8", "replace")
            self._receive()

    def _receive(self) -> None:
        data = self.sock.recv(1 << 18)
        if not data:
            raise ConnectionError("the server has ended the connection")
        self._data += data


def again(deed: Commit) -> Commit:
    """Make a deed that comes back whenever the server has thrown it out."""

    def commit(port: int) -> None:
        while True:
            try:
                deed(port)
            except OSError:
                continue

    return commit

"""Clients without a network: their bytes go to the server's protocol, and its answers come back.

What is measured with them is this library, and nothing of the kernel.
"""

from __future__ import annotations

import asyncio
from typing import Any

from benchmarks.frames import frame
from engineio_min.http.connection import HttpConnection
from socketio_min import Server

MASK = b"\x37\xfa\x21\x3d"


class UnexpectedAnswer(Exception):
    """The server wrote something else than it should."""


def masked(payload: bytes, opcode: int = 1) -> bytes:
    """Return a client's frame."""
    return frame(payload, 0x80 | opcode, MASK)


class MemoryTransport(asyncio.Transport):
    """The end of a TCP connection that keeps what was written last."""

    def __init__(self) -> None:
        super().__init__()
        self.last: bytes | bytearray | memoryview = b""
        self.protocol: asyncio.BaseProtocol
        self._closing = False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return ("127.0.0.1", 40_000) if name == "peername" else default

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self.protocol

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.last = data

    def get_write_buffer_size(self) -> int:
        return 0

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        pass

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        self._closing = True

    abort = close


class MemoryClient:
    """A client whose bytes go to the server's protocol and not through a socket."""

    def __init__(self, io: Server) -> None:
        self.transport = MemoryTransport()
        protocol = HttpConnection(io.engine.http)
        self.transport.set_protocol(protocol)
        protocol.connection_made(self.transport)

    def send(self, data: bytes) -> None:
        protocol = self.transport.get_protocol()
        assert isinstance(protocol, asyncio.Protocol)
        protocol.data_received(data)

    def leave(self) -> None:
        """End the TCP connection."""
        protocol = self.transport.get_protocol()
        assert isinstance(protocol, asyncio.Protocol)
        protocol.connection_lost(None)


def request(method: str, query: str, more: str = "", body: str = "") -> bytes:
    """Return a request with the headers that a browser sends to the host of its own page."""
    return (
        f"{method} /socket.io/?EIO=4&{query} HTTP/1.1\r\nHost: 127.0.0.1:3000\r\n{more}"
        "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0\r\n"
        "Accept: */*\r\nAccept-Language: en-US,en;q=0.5\r\n"
        "Accept-Encoding: gzip, deflate, br, zstd\r\nOrigin: http://127.0.0.1:3000\r\n"
        "Sec-Fetch-Dest: empty\r\nSec-Fetch-Mode: cors\r\nSec-Fetch-Site: same-origin\r\n"
        f"\r\n{body}"
    ).encode()


HANDSHAKE = request(
    "GET",
    "transport=websocket",
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
)


def connected(io: Server) -> MemoryClient:
    """Return a client over WebSocket that has joined the main namespace."""
    client = MemoryClient(io)
    client.send(HANDSHAKE)
    client.send(masked(b"40"))
    expect(client, b'40{"sid":"')
    return client


def expect(client: MemoryClient, piece: bytes) -> None:
    """Check that what is counted is the real thing."""
    written = bytes(client.transport.last)
    if piece not in written:
        raise UnexpectedAnswer(f"the server wrote {written!r}, expected {piece!r} in it")

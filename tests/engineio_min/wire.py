"""A raw HTTP/1.1 and WebSocket client over asyncio streams, for tests.

It shares no code with the server and knows no rule of Engine.IO: bytes go out as the test wrote
them, and what comes in is cut into responses and frames with every header and bit kept. It reads
leniently and never answers by itself, not even a ping: what the server did is for the test to
judge.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from tests.waiting import patient

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
SEPARATOR = "\x1e"

Packet = str | bytes


@dataclass
class Response:
    """A response as it came; `headers` has lower-case names, repeated ones joined with ", "."""

    status: int
    reason: str
    lines: list[str]
    headers: dict[str, str]
    body: bytes = b""

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Frame:
    """A WebSocket frame as it came."""

    opcode: int
    payload: bytes
    fin: bool = True
    rsv: int = 0
    masked: bool = False


def encode_frame(
    opcode: int,
    payload: bytes,
    *,
    fin: bool = True,
    rsv: int = 0,
    mask: bool = True,
    length: int | None = None,
) -> bytes:
    """A client's frame; `length` is declared instead of the payload's own, in eight bytes."""
    first = (0x80 if fin else 0) | rsv << 4 | opcode
    masked = 0x80 if mask else 0
    if length is not None:
        head = bytes([first, masked | 127]) + length.to_bytes(8, "big")
    elif len(payload) < 126:
        head = bytes([first, masked | len(payload)])
    elif len(payload) < 65_536:
        head = bytes([first, masked | 126]) + len(payload).to_bytes(2, "big")
    else:
        head = bytes([first, masked | 127]) + len(payload).to_bytes(8, "big")
    if not mask:
        return head + payload
    key = os.urandom(4)
    repeated = (key * (len(payload) // 4 + 1))[: len(payload)]
    number = int.from_bytes(payload, "big") ^ int.from_bytes(repeated, "big")
    return head + key + number.to_bytes(len(payload), "big")


def encode_request(
    method: str, target: str, headers: Mapping[str, str] | None = None, body: bytes | None = None
) -> bytes:
    """A request with a Host, and a Content-Length when it has a body."""
    lines = [f"{method} {target} HTTP/1.1"]
    fields = {"Host": "localhost"}
    if body is not None:
        fields["Content-Length"] = str(len(body))
    fields.update(headers or {})
    lines += [f"{name}: {value}" for name, value in fields.items()]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + (body or b"")


HANDSHAKE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


@dataclass
class Wire:
    """One TCP connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    pending: list[Frame] = field(default_factory=list)

    # -- bytes

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def ended(self) -> bytes:
        """What still comes until the server closes; a reset counts as the end."""
        try:
            return await patient(self.reader.read())
        except ConnectionError:
            return b""

    async def close(self) -> None:
        self.writer.close()
        with suppress(ConnectionError):
            await self.writer.wait_closed()

    def abort(self) -> None:
        """Reset the connection."""
        self.writer.transport.abort()

    # -- HTTP

    async def response(self, *, head: bool = False) -> Response:
        """Read a response; `head` when the request was a HEAD, whose answer has no body."""
        block = await patient(self.reader.readuntil(b"\r\n\r\n"))
        status_line, *lines = block.decode("latin-1").split("\r\n")[:-2]
        version, status, reason = status_line.split(" ", 2)
        assert version == "HTTP/1.1"
        headers: dict[str, str] = {}
        for line in lines:
            name, _, value = line.partition(":")
            name, value = name.lower(), value.strip()
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
        response = Response(int(status), reason, lines, headers)
        if not head and "content-length" in headers:
            response.body = await patient(self.reader.readexactly(int(headers["content-length"])))
        return response

    async def request(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> Response:
        await self.send(encode_request(method, target, headers, body))
        return await self.response(head=method == "HEAD")

    # -- WebSocket

    async def send_frame(
        self,
        opcode: int,
        payload: bytes,
        *,
        fin: bool = True,
        rsv: int = 0,
        mask: bool = True,
        length: int | None = None,
    ) -> None:
        await self.send(encode_frame(opcode, payload, fin=fin, rsv=rsv, mask=mask, length=length))

    async def send_packet(self, *packets: Packet) -> None:
        """Send packets in one write, a frame each."""
        await self.send(b"".join(packet_frame(packet) for packet in packets))

    async def frame(self) -> Frame:
        first, second = await patient(self.reader.readexactly(2))
        length = second & 0x7F
        if length >= 126:
            extended = await patient(self.reader.readexactly(2 if length == 126 else 8))
            length = int.from_bytes(extended, "big")
        payload = await patient(self.reader.readexactly(length))
        return Frame(first & 0x0F, payload, bool(first & 0x80), first >> 4 & 7, bool(second & 0x80))

    async def packet(self) -> Packet:
        """The packet in the next frame, which must be a whole message."""
        frame = await self.frame()
        assert frame.fin
        assert frame.rsv == 0
        assert not frame.masked
        assert frame.opcode in (TEXT, BINARY), f"got {frame} instead of a message"
        return frame.payload.decode() if frame.opcode == TEXT else frame.payload

    async def closing(self) -> bytes:
        """The payload of the next frame, which must be a close frame."""
        frame = await self.frame()
        assert frame.opcode == CLOSE, f"got {frame} instead of a close frame"
        return frame.payload

    async def close_code(self) -> int:
        """The code of the close frame that comes next, 1005 for an empty one; then the end."""
        payload = await self.closing()
        code = int.from_bytes(payload[:2], "big") if payload else 1005
        await self.send_frame(CLOSE, payload[:2])
        assert await self.ended() == b""
        return code


def packet_frame(packet: Packet) -> bytes:
    """The frame that carries a packet."""
    if isinstance(packet, str):
        return encode_frame(TEXT, packet.encode())
    return encode_frame(BINARY, packet)


@asynccontextmanager
async def connect(port: int, *, receive_buffer: int | None = None) -> AsyncIterator[Wire]:
    """A TCP connection; a small `receive_buffer` (bytes) makes a peer that soon takes no more."""
    if receive_buffer is None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    else:
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port))
        reader, writer = await asyncio.open_connection(sock=sock, limit=receive_buffer)
    wire = Wire(reader, writer)
    try:
        yield wire
    finally:
        await wire.close()


@asynccontextmanager
async def websocket(
    port: int, target: str, headers: Mapping[str, str] | None = None
) -> AsyncIterator[Wire]:
    """A connection after a WebSocket handshake that the server accepted."""
    async with connect(port) as wire:
        response = await wire.request("GET", target, {**HANDSHAKE, **(headers or {})})
        assert response.status == 101, response
        # RFC 6455, section 1.3, has this answer to the key above.
        assert response.headers["sec-websocket-accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        yield wire


def decode_payload(body: bytes) -> list[str]:
    """The packets of a polling body, binary ones still as text."""
    return body.decode().split(SEPARATOR)

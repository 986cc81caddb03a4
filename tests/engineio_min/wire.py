"""A raw HTTP/1.1 and WebSocket client over asyncio streams, for tests.

It shares no code with the server and knows no rule of Engine.IO: bytes go out as the test wrote
them, and what comes in is cut into responses and frames with every header and bit kept. It reads
leniently and never answers by itself, not even a ping: what the server did is for the test to
judge.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from tests.frames import BINARY, CLOSE, TEXT, Frame, Packet, encode_frame, packet_frame, read_frame
from tests.waiting import patient

SEPARATOR = "\x1e"


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
# RFC 6455, section 1.3, has this answer to that key.
ACCEPTED = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


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
        """The next frame, which a server must not mask."""
        frame = await read_frame(self.reader)
        assert not frame.masked
        return frame

    async def packet(self) -> Packet:
        """The packet in the next frame, which must be a whole message."""
        frame = await self.frame()
        assert frame.fin
        assert frame.rsv == 0
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


async def open_wire(port: int, *, receive_buffer: int | None = None) -> Wire:
    """A TCP connection that the caller closes; see `connect`."""
    if receive_buffer is None:
        return Wire(*await asyncio.open_connection("127.0.0.1", port))
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    sock.setblocking(False)
    await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port))
    return Wire(*await asyncio.open_connection(sock=sock, limit=receive_buffer))


@asynccontextmanager
async def connect(port: int, *, receive_buffer: int | None = None) -> AsyncIterator[Wire]:
    """A TCP connection; a small `receive_buffer` (bytes) makes a peer that soon takes no more."""
    wire = await open_wire(port, receive_buffer=receive_buffer)
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
        assert response.headers["sec-websocket-accept"] == ACCEPTED
        yield wire


def decode_payload(body: bytes) -> list[str]:
    """The packets of a polling body, binary ones still as text."""
    return body.decode().split(SEPARATOR)

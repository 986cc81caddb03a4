"""A server that does what the test tells it to, byte by byte: for everything a client must survive.

It shares nothing with the packages. A script is a coroutine function that gets each TCP connection
as a `Peer`, in the order in which they came; when it returns, the connection is closed.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tests.frames import encode_frame, packet_frame, read_frame
from tests.waiting import patient, until

HANDSHAKE = '0{"sid":"abc","upgrades":[],"pingInterval":25000,"pingTimeout":20000}'
UPGRADABLE = '0{"sid":"abc","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000}'


@dataclass
class Request:
    """A request as it came; header names are in lower case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes = b""


@dataclass
class Peer:
    """One TCP connection of the client under test."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    # Set when the script is over.
    over: asyncio.Event = field(default_factory=asyncio.Event)

    async def request(self) -> Request:
        head = (await patient(self.reader.readuntil(b"\r\n\r\n"))).decode("latin-1")
        first, *lines = head.split("\r\n")[:-2]
        method, target, version = first.split(" ")
        assert version == "HTTP/1.1"
        pairs = (line.partition(": ") for line in lines)
        headers = {name.lower(): value for name, _, value in pairs}
        body = await patient(self.reader.readexactly(int(headers.get("content-length", "0"))))
        return Request(method, target, headers, body)

    def write(self, data: bytes) -> None:
        self.writer.write(data)

    def answer(self, body: str | bytes, *headers: str, status: str = "200 OK") -> None:
        data = body.encode() if isinstance(body, str) else body
        lines = [f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(data)}", "", ""]
        self.write("\r\n".join(lines).encode("latin-1") + data)

    async def accept_websocket(self, *headers: str) -> Request:
        """Read a WebSocket handshake and accept it."""
        request = await self.request()
        assert request.headers["upgrade"] == "websocket"
        self.write(switching(request.headers["sec-websocket-key"], *headers))
        return request

    def frame(self, payload: str | bytes, first: int | None = None) -> None:
        """Write one frame as a server does, unmasked."""
        self.write(server_frame(payload, first))

    async def packet(self) -> str | bytes:
        """Read the packet in the next frame, which must be masked."""
        opcode, payload = await self.read_frame()
        assert opcode in (0x81, 0x82), f"got a frame {opcode:#x}"
        return payload.decode() if opcode == 0x81 else payload

    async def read_frame(self) -> tuple[int, bytes]:
        """The first byte and the payload of the next frame."""
        frame = await read_frame(self.reader)
        assert frame.masked, "a client must mask its frames"
        return frame.first, frame.payload

    def stop_reading(self) -> None:
        """Take no more bytes from the kernel until `read_on`."""
        self.writer.transport.pause_reading()  # type: ignore[attr-defined]

    def read_on(self) -> None:
        self.writer.transport.resume_reading()  # type: ignore[attr-defined]

    async def answer_close(self) -> None:
        """Read frames until the client closes, and do the closing handshake."""
        first = 0
        while first != 0x88:
            first, payload = await self.read_frame()
        self.frame(payload, 0x88)

    async def ended(self) -> bytes:
        """What still comes until the client closes; a reset counts as the end."""
        try:
            return await patient(self.reader.read())
        except ConnectionError:
            return b""


def switching(key: str, *headers: str) -> bytes:
    """The answer to a WebSocket handshake with that key."""
    digest = hashlib.sha1(key.encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
    lines = [
        "HTTP/1.1 101 Switching Protocols",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Accept: {base64.b64encode(digest).decode()}",
        *headers,
        "",
        "",
    ]
    return "\r\n".join(lines).encode()


def server_frame(payload: str | bytes, first: int | None = None) -> bytes:
    """A server's frame that carries a packet, or one whose first byte is `first`."""
    if first is None:
        return packet_frame(payload, mask=False)
    data = payload.encode() if isinstance(payload, str) else payload
    rsv, fin = first >> 4 & 7, bool(first & 0x80)
    return encode_frame(first & 0x0F, data, fin=fin, rsv=rsv, mask=False)


Script = Callable[[Peer], Awaitable[None]]


@dataclass
class Scripted:
    """The listening server; `peers` are the connections so far."""

    url: str
    peers: list[Peer] = field(default_factory=list)
    failures: list[BaseException] = field(default_factory=list)

    async def peer(self, number: int = 0) -> Peer:
        """A connection, as soon as it is there."""
        await until(lambda: len(self.peers) > number)
        return self.peers[number]

    async def gone(self, number: int = 0) -> None:
        """A connection's script has come to its end: for `silence`, the client has left."""
        await patient((await self.peer(number)).over.wait())


@asynccontextmanager
async def scripted(
    *scripts: Script, certificate: ssl.SSLContext | None = None
) -> AsyncIterator[Scripted]:
    """Serve one script a connection, the last one for all that follow; a failing one fails the
    test.
    """
    tasks: set[asyncio.Task[None]] = set()
    server = Scripted("")

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        peer = Peer(reader, writer)
        script = scripts[min(len(server.peers), len(scripts) - 1)]
        server.peers.append(peer)
        try:
            await script(peer)
        except (asyncio.CancelledError, ConnectionError, asyncio.IncompleteReadError):
            # The client went away first; whether it should have is for the test to say.
            pass
        except BaseException as error:
            server.failures.append(error)
        finally:
            peer.over.set()
            writer.close()
            # The callback with which Python 3.11 looks at this task takes no cancelled one.
            with contextlib.suppress(asyncio.CancelledError, ConnectionError, ssl.SSLError):
                await writer.wait_closed()
            tasks.discard(task)

    listener = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=certificate, limit=1 << 24)
    port = listener.sockets[0].getsockname()[1]
    server.url = f"{'https' if certificate else 'http'}://localhost:{port}"
    try:
        yield server
    finally:
        listener.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await listener.wait_closed()
    assert not server.failures, server.failures


async def silence(peer: Peer) -> None:
    """Read everything and say nothing."""
    await peer.ended()


async def answers_posts(peer: Peer) -> None:
    """Answer every request with "ok"."""
    while True:
        await peer.request()
        peer.answer("ok")

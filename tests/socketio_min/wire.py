"""A raw client: it writes the packets that it is told to and shows what comes back.

It shares nothing with the server, so that a mistake made twice cannot hide: HTTP requests and
WebSocket frames are put together here by hand. A `Client` is one Engine.IO session over either
transport; packets are the protocol's own text (`42["hello"]`), binary messages are bytes. Every
wait ends after `PATIENCE` seconds, which only a hang reaches.
"""

from __future__ import annotations

import asyncio
import base64
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.waiting import PATIENCE

SEPARATOR = "\x1e"
MASK = b"\x5a\xa5\x0f\xf0"

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10

Packet = str | bytes


class Ended(Exception):
    """The server has ended the session."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


class Exchange:
    """A request that was written and whose answer may be long in coming."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def reply(self) -> Reply:
        try:
            async with asyncio.timeout(PATIENCE):
                status, headers = await read_head(self.reader)
                body = await self.reader.readexactly(int(headers.get("content-length", "0")))
        finally:
            self.abort()
        return Reply(status, headers, body)

    def abort(self) -> None:
        """Go away without the answer."""
        self.writer.close()


async def read_head(reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.rstrip("\r\n").split("\r\n")
    pairs = (line.partition(":") for line in lines)
    return int(first.split(" ")[1]), {name.lower(): value.strip() for name, _, value in pairs}


async def start_request(
    port: int,
    method: str,
    target: str,
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
) -> Exchange:
    """Write a request on a connection of its own."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=8 << 20)
    lines = [f"{method} {target} HTTP/1.1", f"Host: 127.0.0.1:{port}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    if body or method == "POST":
        lines.append(f"Content-Length: {len(body)}")
    writer.write("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
    return Exchange(reader, writer)


async def request(
    port: int,
    method: str,
    target: str,
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
) -> Reply:
    """Write a request and read its answer."""
    return await (await start_request(port, method, target, body, headers)).reply()


def encode_payload(packets: tuple[Packet, ...]) -> bytes:
    return SEPARATOR.join(
        packet if isinstance(packet, str) else "b" + base64.b64encode(packet).decode()
        for packet in packets
    ).encode("utf-8", "surrogatepass")


def decode_payload(text: str) -> list[Packet]:
    return [
        base64.b64decode(packet[1:]) if packet.startswith("b") else packet
        for packet in text.split(SEPARATOR)
    ]


def frame(payload: Packet, opcode: int | None = None) -> bytes:
    """A final, masked WebSocket frame."""
    if isinstance(payload, str):
        data, kind = payload.encode("utf-8", "surrogatepass"), TEXT
    else:
        data, kind = payload, BINARY
    head = bytes([0x80 | (kind if opcode is None else opcode)])
    if len(data) < 126:
        head += bytes([0x80 | len(data)])
    elif len(data) < 1 << 16:
        head += b"\xfe" + len(data).to_bytes(2, "big")
    else:
        head += b"\xff" + len(data).to_bytes(8, "big")
    key = (MASK * (len(data) // 4 + 1))[: len(data)]
    masked = int.from_bytes(data, "big") ^ int.from_bytes(key, "big")
    return head + MASK + masked.to_bytes(len(data), "big")


class Client(ABC):
    """One Engine.IO session; `handshake` is the payload of its open packet."""

    handshake: dict[str, Any]

    @abstractmethod
    async def send(self, *packets: Packet) -> None:
        """Send packets at once: in one POST, or in one write of frames."""

    @abstractmethod
    async def receive(self) -> Packet:
        """The next packet; raises `Ended` when there will be no more."""

    @abstractmethod
    async def leave(self) -> None:
        """End the session from this side, without a Socket.IO packet."""

    @abstractmethod
    async def finish(self) -> None:
        """See to it that the session ends, in whatever state it is."""

    @abstractmethod
    def abort(self) -> None:
        """Close this side's connections."""

    async def receive_text(self) -> str:
        packet = await self.receive()
        assert isinstance(packet, str), f"got {packet!r}, expected text"
        return packet

    async def expect(self, *packets: Packet) -> None:
        """The next packets are exactly these."""
        assert [await self.receive() for _ in packets] == list(packets)

    async def rest(self) -> list[Packet]:
        """Every packet until the session ends, which must happen."""
        packets = []
        while True:
            try:
                packets.append(await self.receive())
            except Ended:
                return packets

    async def join(self, namespace: str = "/", auth: str = "") -> str:
        """Connect to a namespace, and return the socket's id from the reply."""
        head = "40" if namespace == "/" else f"40{namespace},"
        await self.send(head + auth)
        reply = await self.receive_text()
        assert reply.startswith(head + "{"), f"got {reply!r}"
        payload = json.loads(reply[len(head) :])
        assert list(payload) == ["sid"]
        return str(payload["sid"])

    async def nothing_more(self, namespace: str = "/") -> None:
        """What was sent so far has been dealt with, and nothing else has come of it.

        The server must acknowledge the event `sync`.
        """
        prefix = "" if namespace == "/" else namespace + ","
        await self.send(f'42{prefix}987654321["sync"]')
        await self.expect(f"43{prefix}987654321[]")


class PollingClient(Client):
    """A session over HTTP long-polling; each request has a connection of its own."""

    def __init__(self, port: int, path: str) -> None:
        self.port = port
        self.path = path
        self.ready: list[Packet] = []
        self.ended = False
        self.parked: Exchange | None = None

    @classmethod
    async def open(
        cls,
        port: int,
        path: str = "/socket.io/",
        query: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> PollingClient:
        client = cls(port, path)
        reply = await request(
            port, "GET", f"{path}?EIO=4&transport=polling{query}", headers=headers
        )
        assert reply.status == 200, reply
        assert reply.text.startswith("0{"), reply
        client.handshake = json.loads(reply.text[1:])
        return client

    @property
    def target(self) -> str:
        return f"{self.path}?EIO=4&transport=polling&sid={self.handshake['sid']}"

    async def post(self, body: bytes, headers: Mapping[str, str] | None = None) -> Reply:
        return await request(self.port, "POST", self.target, body, headers)

    async def get(self, headers: Mapping[str, str] | None = None) -> Reply:
        return await request(self.port, "GET", self.target, headers=headers)

    async def park(self) -> None:
        """Send the GET that the next `receive` reads the answer of."""
        self.parked = await start_request(self.port, "GET", self.target)

    async def send(self, *packets: Packet) -> None:
        reply = await self.post(encode_payload(packets))
        assert (reply.status, reply.text) == (200, "ok"), reply

    async def receive(self) -> Packet:
        if self.ended:
            raise Ended
        if not self.ready:
            parked, self.parked = self.parked, None
            reply = await self.get() if parked is None else await parked.reply()
            if reply.status != 200:
                assert (reply.status, json.loads(reply.text)["code"]) == (400, 1), reply
                self.ended = True
                raise Ended
            self.ready = decode_payload(reply.text)
        packet = self.ready.pop(0)
        if packet == "1":
            self.ended = True
            assert self.ready == [], "packets after the close packet"
            raise Ended
        return packet

    async def leave(self) -> None:
        await self.send("1")
        self.ended = True

    def abort(self) -> None:
        if self.parked is not None:
            self.parked.abort()

    async def finish(self) -> None:
        self.abort()
        if not self.ended:
            # The second request is for a session that the server is closing already.
            await self.post(b"1")
            await self.get()


class WebSocketClient(Client):
    """A session over a WebSocket, or the WebSocket of an upgrade."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.close_code: int | None = None

    @classmethod
    async def open(
        cls,
        port: int,
        path: str = "/socket.io/",
        query: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> WebSocketClient:
        client = await cls.upgrade(port, f"{path}?EIO=4&transport=websocket{query}", headers)
        text = await client.receive_text()
        assert text.startswith("0{"), text
        client.handshake = json.loads(text[1:])
        return client

    @classmethod
    async def upgrade(
        cls, port: int, target: str, headers: Mapping[str, str] | None = None
    ) -> WebSocketClient:
        """A WebSocket that has not yet received anything."""
        exchange = await start_request(
            port,
            "GET",
            target,
            headers={
                "Connection": "Upgrade",
                "Upgrade": "websocket",
                "Sec-WebSocket-Version": "13",
                "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
                **(headers or {}),
            },
        )
        async with asyncio.timeout(PATIENCE):
            status, answer = await read_head(exchange.reader)
        if status != 101:
            exchange.abort()
            raise Ended(status)
        assert answer["sec-websocket-accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        return cls(exchange.reader, exchange.writer)

    async def send(self, *packets: Packet) -> None:
        self.writer.write(b"".join(map(frame, packets)))

    async def receive(self) -> Packet:
        while True:
            try:
                async with asyncio.timeout(PATIENCE):
                    opcode, payload = await self._read_frame()
            except (asyncio.IncompleteReadError, ConnectionError) as error:
                raise Ended from error
            if opcode == TEXT:
                return payload.decode()
            if opcode == BINARY:
                return payload
            if opcode == CLOSE:
                self.close_code = int.from_bytes(payload[:2], "big") if payload else 1005
                self.writer.close()
                raise Ended(self.close_code)

    async def _read_frame(self) -> tuple[int, bytes]:
        first, length = await self.reader.readexactly(2)
        assert first & 0x70 == 0, "a reserved bit is set"
        assert first & 0x80, "the server fragments messages"
        assert length < 128, "the server masks frames"
        if length > 125:
            length = int.from_bytes(await self.reader.readexactly(2 if length == 126 else 8), "big")
        return first & 0x0F, await self.reader.readexactly(length)

    async def leave(self) -> None:
        self.writer.write(frame(b"\x03\xe8", CLOSE))
        await self.rest()
        self.writer.close()

    def abort(self) -> None:
        self.writer.close()

    async def finish(self) -> None:
        self.abort()

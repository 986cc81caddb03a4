"""A raw client: it writes the packets that it is told to and shows what comes back.

It shares nothing with the server, so that a mistake made twice cannot hide. A `Client` is one
Engine.IO session over either transport, on the raw connections of `engineio_min/wire.py`; packets
are the protocol's own text (`42["hello"]`), binary messages are bytes.
"""

from __future__ import annotations

import asyncio
import base64
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from tests.engineio_min.wire import ACCEPTED, HANDSHAKE, Response, Wire, encode_request, open_wire
from tests.frames import BINARY, CLOSE, TEXT, Packet, encode_frame, packet_frame

SEPARATOR = "\x1e"


class Ended(Exception):
    """The server has ended the session."""


async def start_request(
    port: int,
    method: str,
    target: str,
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
) -> Wire:
    """Write a request on a connection of its own, whose answer may be long in coming."""
    wire = await open_wire(port)
    fields = {"Host": f"127.0.0.1:{port}", **(headers or {})}
    has_body = bool(body) or method == "POST"
    await wire.send(encode_request(method, target, fields, body if has_body else None))
    return wire


async def answer(wire: Wire) -> Response:
    """Read the answer to a request, and close its connection."""
    try:
        return await wire.response()
    finally:
        wire.writer.close()


async def request(
    port: int,
    method: str,
    target: str,
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Write a request and read its answer."""
    return await answer(await start_request(port, method, target, body, headers))


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
        self.parked: Wire | None = None

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

    async def post(self, body: bytes, headers: Mapping[str, str] | None = None) -> Response:
        return await request(self.port, "POST", self.target, body, headers)

    async def get(self, headers: Mapping[str, str] | None = None) -> Response:
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
            reply = await self.get() if parked is None else await answer(parked)
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
            self.parked.writer.close()

    async def finish(self) -> None:
        self.abort()
        if not self.ended:
            # The second request is for a session that the server is closing already.
            await self.post(b"1")
            await self.get()


class WebSocketClient(Client):
    """A session over a WebSocket, or the WebSocket of an upgrade."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
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
        wire = await start_request(port, "GET", target, headers={**HANDSHAKE, **(headers or {})})
        response = await wire.response()
        if response.status != 101:
            wire.writer.close()
            raise Ended(response.status)
        assert response.headers["sec-websocket-accept"] == ACCEPTED
        return cls(wire)

    async def send(self, *packets: Packet) -> None:
        self.wire.writer.write(b"".join(map(packet_frame, packets)))

    async def receive(self) -> Packet:
        while True:
            try:
                frame = await self.wire.frame()
            except (asyncio.IncompleteReadError, ConnectionError) as error:
                raise Ended from error
            assert frame.rsv == 0, "a reserved bit is set"
            assert frame.fin, "the server fragments messages"
            opcode, payload = frame.opcode, frame.payload
            if opcode == TEXT:
                return payload.decode()
            if opcode == BINARY:
                return payload
            if opcode == CLOSE:
                self.close_code = int.from_bytes(payload[:2], "big") if payload else 1005
                self.wire.writer.close()
                raise Ended(self.close_code)

    async def leave(self) -> None:
        self.wire.writer.write(encode_frame(CLOSE, b"\x03\xe8"))
        await self.rest()
        self.wire.writer.close()

    def abort(self) -> None:
        self.wire.writer.close()

    async def finish(self) -> None:
        self.abort()

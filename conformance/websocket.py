"""A raw WebSocket client that can also misbehave: it sends what a case wants, and reads strictly.

A server that bends the framing (RFC 6455) fails the case that meets it.
"""

from __future__ import annotations

import asyncio
import base64
import secrets
import struct
from collections.abc import Awaitable

from conformance.connection import (
    LARGEST_BODY,
    LARGEST_HEAD,
    Connection,
    Headers,
    Reply,
    what_came,
    within,
)
from conformance.errors import NO_CLOSE_FRAME, NO_CODE, Broken, Ended
from conformance.frames import (
    BINARY,
    CLOSE,
    CONTINUATION,
    NAMES,
    PING,
    PONG,
    accept_key,
    frame,
    packet_frame,
)
from conformance.transcript import HAPPENED, RECEIVED, SENT, printable


async def open_websocket(
    connection: Connection, target: str, headers: Headers = (), after: bytes = b""
) -> WebSocket | Reply:
    """Open a WebSocket, and return it or the answer that refuses it.

    `headers` are sent besides the usual ones; `after` is sent in the same write as the request.

    Raises:
        NoAnswer, Ended: there is no answer.
        Broken: the answer is no HTTP, or breaks RFC 6455, section 4.2.2.
    """
    key = base64.b64encode(secrets.token_bytes(16)).decode()
    handshake = (
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", key),
    )
    head = connection.head("GET", target, (*handshake, *headers))
    connection.transcript.add(connection.name, SENT, head)
    if after:
        connection.transcript.add(connection.name, SENT, f"in the same write: {printable(after)}")
    connection.writer.write(head + after)
    reply = await connection.reply()
    if reply.status != 101:
        return reply
    expected = accept_key(key)
    if reply.header("sec-websocket-accept") != expected:
        raise Broken(f"Sec-WebSocket-Accept: {reply.header('sec-websocket-accept')}", expected)
    return WebSocket(connection, reply)


class WebSocket:
    """The client's half of an open WebSocket."""

    def __init__(self, connection: Connection, reply: Reply) -> None:
        self.connection = connection
        self.reply = reply
        self.pongs: list[bytes] = []
        self._transcript = connection.transcript
        self._name = connection.name = self._transcript.name("ws")
        self._closing = False
        self._buffer = bytearray()
        self._kind: int | None = None
        self._parts: list[bytes] = []

    def send(self, *packets: str | bytes) -> None:
        """Send packets, a frame each, in one write."""
        for packet in packets:
            self._transcript.add(self._name, SENT, packet)
        self.connection.writer.write(b"".join(map(packet_frame, packets)))

    def send_bytes(self, data: bytes, what: str) -> None:
        """Send bytes that may break the framing; `what` describes them in the transcript."""
        self._transcript.add(self._name, SENT, f"{what}: {printable(data)}")
        self.connection.writer.write(data)

    async def receive_or_pong(self, expected: str = "a packet") -> str | bytes | None:
        """Return the next message, or None when a pong frame came first."""
        return await self._guarded(self._receive(expected, pongs=True), None, expected)

    async def receive(self, wait: float | None = None, expected: str = "a packet") -> str | bytes:
        """Return the next message.

        Raises:
            NoAnswer: none came in time.
            Ended: the server closed the connection.
            Broken: the server's frames break RFC 6455.
        """
        message = await self._guarded(self._receive(expected, pongs=False), wait, expected)
        assert message is not None
        return message

    async def _guarded(
        self, receiving: Awaitable[str | bytes | None], wait: float | None, expected: str
    ) -> str | bytes | None:
        limit = self.connection.wait if wait is None else wait
        try:
            return await within(limit, receiving, expected)
        except (asyncio.IncompleteReadError, OSError) as error:
            self._transcript.add(self._name, HAPPENED, "the connection ended")
            raise Ended(NO_CLOSE_FRAME, expected, what_came(error)) from None

    async def _receive(self, expected: str, *, pongs: bool) -> str | bytes | None:
        while True:
            fin, opcode, payload = await self._read_frame()
            if opcode == CLOSE:
                raise self._closed(payload, expected)
            if opcode == PING:
                self.send_bytes(frame(PONG, payload), "pong")
                continue
            if opcode == PONG:
                self.pongs.append(payload)
                if pongs:
                    return None
                continue
            if (opcode == CONTINUATION) == (self._kind is None):
                raise Broken(f"a {NAMES[opcode]} frame", self._due())
            if self._kind is None:
                self._kind = opcode
            self._parts.append(payload)
            if fin:
                break
        kind, message = self._kind, b"".join(self._parts)
        self._kind = None
        self._parts.clear()
        if kind == BINARY:
            self._transcript.add(self._name, RECEIVED, f"<{message[:64].hex(' ')}>")
            return message
        self._transcript.add(self._name, RECEIVED, message)
        try:
            return message.decode()
        except UnicodeDecodeError:
            raise Broken(f"the text message {printable(message)}", "UTF-8") from None

    def _due(self) -> str:
        """Return the frames that may come, besides control frames."""
        return "a text or binary frame" if self._kind is None else "a continuation frame"

    async def _fill(self, size: int) -> None:
        # No byte leaves the buffer before the frame is complete: so no byte is lost if a wait is
        # given up in the middle of a frame.
        while len(self._buffer) < size:
            data = await self.connection.reader.read(65_536)
            if not data:
                raise asyncio.IncompleteReadError(bytes(self._buffer), size)
            self._buffer += data

    async def _read_frame(self) -> tuple[bool, int, bytes]:
        await self._fill(2)
        first, second = self._buffer[:2]
        fin, rsv, opcode = bool(first & 0x80), first & 0x70, first & 0x0F
        size, start = second & 0x7F, 2
        if rsv or opcode not in NAMES or second & 0x80:
            data = bytes(self._buffer) + await self._rest()
            self._transcript.add(self._name, RECEIVED, data)
            raise Broken(printable(data[:80]), "a frame of a server")
        if opcode >= CLOSE and (size > 125 or not fin):
            raise Broken(
                f"a {NAMES[opcode]} with FIN {fin:d} of {size} bytes", "one frame, at most 125"
            )
        if size >= 126:
            start = 4 if size == 126 else 10
            await self._fill(start)
            size = int.from_bytes(self._buffer[2:start], "big")
        if size > LARGEST_BODY:
            raise Broken(f"a frame of {size} bytes", f"at most {LARGEST_BODY}")
        await self._fill(start + size)
        payload = bytes(self._buffer[start : start + size])
        del self._buffer[: start + size]
        return fin, opcode, payload

    async def _rest(self) -> bytes:
        """Return the other bytes that have arrived, for the message of a failure."""
        try:
            async with asyncio.timeout(0.1):
                return await self.connection.reader.read(LARGEST_HEAD)
        except (TimeoutError, OSError):
            return b""

    def _closed(self, payload: bytes, expected: str) -> Ended:
        if len(payload) == 1:
            raise Broken("a close frame of one byte", "none or a code of two")
        code = int.from_bytes(payload[:2], "big") if payload else NO_CODE
        reason = payload[2:].decode(errors="backslashreplace")
        self._transcript.add(self._name, RECEIVED, f"close frame {code} {reason}".rstrip())
        if not self._closing:
            self._closing = True
            self.connection.writer.write(frame(CLOSE, payload))
        return Ended(code, expected, reason)

    def close(self, payload: bytes = struct.pack("!H", 1000)) -> None:
        """Send a close frame; `receive` raises `Ended` when it is answered."""
        self._closing = True
        self.send_bytes(frame(CLOSE, payload), "close frame")

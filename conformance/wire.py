"""A raw HTTP/1.1 and WebSocket client that can also misbehave.

It is written for testing only and shares nothing with the servers: a mistake made on both sides
would hide. Requests and frames are written byte for byte as a case asks, also against the rules;
what comes back is parsed strictly, so a server that bends HTTP (RFC 9112) or the framing (RFC 6455)
fails the case that meets it. Every wait has a limit and every byte goes into a transcript.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import secrets
import socket
import ssl
import struct
import zlib
from collections.abc import Awaitable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from conformance.errors import NO_CLOSE_FRAME, NO_CODE, Broken, Ended, NoAnswer, Refused
from conformance.transcript import HAPPENED, RECEIVED, SENT, Transcript, printable

Headers = Iterable[tuple[str, str]]
Result = TypeVar("Result")

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
NAMES = {0: "continuation", 1: "text", 2: "binary", 8: "close frame", 9: "ping", 10: "pong"}

SEGMENT_PAUSE = 0.002

LARGEST_HEAD = 65_536
LARGEST_BODY = 64_000_000
SMALL_HEAD = f"a head of at most {LARGEST_HEAD} bytes"

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the server listens; `tls` is None for plain TCP."""

    host: str
    port: int
    tls: ssl.SSLContext | None = None

    @property
    def authority(self) -> str:
        """The value of the Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer, its body whole and without chunks or compression."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str | None:
        """A header's value; several lines of it are joined with a comma."""
        values = [value for key, value in self.headers if key == name.lower()]
        return ", ".join(values) if values else None

    @property
    def text(self) -> str:
        """The body; bytes that are not UTF-8 are shown escaped."""
        return self.body.decode(errors="backslashreplace")

    def __str__(self) -> str:
        return f"{self.status} {printable(self.body) or '(no body)'}"


async def within(seconds: float, awaitable: Awaitable[Result], expected: str) -> Result:
    """Wait for what is expected.

    Raises:
        NoAnswer: it did not come in time.
    """
    try:
        async with asyncio.timeout(seconds):
            return await awaitable
    except TimeoutError:
        raise NoAnswer(seconds, expected) from None


class Connection:
    """One TCP (or TLS) connection that speaks HTTP/1.1 until it is upgraded."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        endpoint: Endpoint,
        transcript: Transcript,
        wait: float,
    ) -> None:
        self.reader = reader
        self.writer = writer
        self.endpoint = endpoint
        self.transcript = transcript
        self.wait = wait
        self.name = transcript.name("http")
        self._bodyless = False

    @classmethod
    async def open(cls, endpoint: Endpoint, transcript: Transcript, wait: float) -> Connection:
        """Connect; `wait` is how many seconds each answer may take.

        Raises:
            NoAnswer, Refused: the server does not accept the connection.
        """
        try:
            reader, writer = await within(
                wait,
                asyncio.open_connection(
                    endpoint.host, endpoint.port, ssl=endpoint.tls, limit=2**24
                ),
                "the connection to be accepted",
            )
        except OSError as error:
            raise Refused(str(error)) from None
        return cls(reader, writer, endpoint, transcript, wait)

    def write(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.transcript.add(self.name, SENT, data)
        self.writer.write(data)

    def request(
        self, method: str, target: str, headers: Headers = (), body: bytes | None = None
    ) -> None:
        """Send a request with a Host header and, for a body, its Content-Length."""
        length = () if body is None else (("Content-Length", str(len(body))),)
        self._bodyless = method == "HEAD"
        self.write(self._head(method, target, (*headers, *length)) + (body or b""))

    def _head(self, method: str, target: str, headers: Headers) -> bytes:
        lines = [f"{method} {target} HTTP/1.1", f"Host: {self.endpoint.authority}"]
        lines += [f"{name}: {value}" for name, value in headers]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    async def reply(self, wait: float | None = None, expected: str = "an answer") -> Reply:
        """Read the answer to a request; interim answers (1xx but 101) are passed over.

        Raises:
            NoAnswer, Ended, Broken: there is none in time, none at all, or it is no HTTP.
        """
        limit = self.wait if wait is None else wait
        try:
            return await within(limit, self._read_reply(), expected)
        except (asyncio.IncompleteReadError, OSError) as error:
            self.transcript.add(self.name, HAPPENED, "the connection ended")
            raise Ended(NO_CLOSE_FRAME, expected, _of(error)) from None

    async def _read_reply(self) -> Reply:
        while True:
            try:
                head = await self.reader.readuntil(b"\r\n\r\n")
            except asyncio.LimitOverrunError:
                raise Broken("an answer whose head does not end", SMALL_HEAD) from None
            if len(head) > LARGEST_HEAD:
                raise Broken(f"an answer with a head of {len(head)} bytes", SMALL_HEAD)
            status, headers = parse_head(head)
            if status == 101 or status >= 200:
                break
            self.transcript.add(self.name, RECEIVED, head)
        body = b""
        if status >= 200 and status not in (204, 304) and not self._bodyless:
            body = await self._read_body(headers)
        reply = Reply(status, headers, _decompressed(body, headers))
        self.transcript.add(self.name, RECEIVED, head + reply.body)
        return reply

    async def _read_body(self, headers: tuple[tuple[str, str], ...]) -> bytes:
        fields = dict(headers)
        if fields.get("transfer-encoding", "").lower() == "chunked":
            return await self._read_chunks()
        if "content-length" in fields:
            length = fields["content-length"]
            if not (length.isascii() and length.isdigit()) or int(length) > LARGEST_BODY:
                raise Broken(f"Content-Length: {length}", f"at most {LARGEST_BODY}")
            return await self.reader.readexactly(int(length))
        return await self.reader.read(LARGEST_BODY)

    async def _read_chunks(self) -> bytes:
        chunks: list[bytes] = []
        total = 0
        while True:
            line = await self.reader.readuntil(b"\r\n")
            try:
                size = int(line.split(b";")[0], 16)
            except ValueError:
                raise Broken(f"the chunk size {printable(line)}", "hexadecimal digits") from None
            total += size
            if total > LARGEST_BODY:
                raise Broken("a larger body", f"at most {LARGEST_BODY} bytes")
            chunk = await self.reader.readexactly(size + 2) if size else b"\r\n"
            if chunk[-2:] != b"\r\n":
                raise Broken(f"{printable(chunk[-2:])} behind a chunk", "CRLF")
            if size == 0:
                while await self.reader.readuntil(b"\r\n") != b"\r\n":
                    pass
                return b"".join(chunks)
            chunks.append(chunk[:-2])

    async def ended(self, wait: float | None = None) -> bytes:
        """Read until the server closes the connection, and return what came.

        Raises:
            NoAnswer: it does not close.
        """
        limit = self.wait if wait is None else wait
        try:
            data = await within(
                limit, self.reader.read(LARGEST_BODY), "the connection to be closed"
            )
        except OSError:
            data = b""
        if data:
            self.transcript.add(self.name, RECEIVED, data)
        self.transcript.add(self.name, HAPPENED, "the server closed the connection")
        return data

    async def segment(self) -> None:
        """Make what is written next a TCP segment of its own, which the server reads by itself.

        Without a moment between them, several writes are read at once.

        Raises:
            Ended: the server does not read on.
        """
        try:
            await self.writer.drain()
        except OSError as error:
            raise Ended(NO_CLOSE_FRAME, "the connection to stay open", str(error)) from None
        await asyncio.sleep(SEGMENT_PAUSE)

    def end(self) -> None:
        """End the client's side only; over TLS, which asyncio cannot half close, both sides."""
        if self.writer.can_write_eof():
            self.writer.write_eof()
        else:
            self.close()

    def close(self) -> None:
        """Close the connection in an orderly way."""
        self.writer.close()

    def abort(self) -> None:
        """Close the connection with a reset, as a crashed client's system does."""
        self.transcript.add(self.name, HAPPENED, "the client resets the connection")
        transport = self.writer.transport
        sock = transport.get_extra_info("socket")
        if sock is not None:
            # SO_LINGER with a time of zero turns the close into a reset.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()

    # -- WebSocket

    async def upgrade(
        self, target: str, headers: Headers = (), after: bytes = b""
    ) -> WebSocket | Reply:
        """Open a WebSocket; an answer that refuses it is returned.

        `headers` come on top of the usual ones; `after` is sent in the same write as the request.

        Raises:
            NoAnswer, Ended, Broken: there is no answer, or it breaks RFC 6455, section 4.2.2.
        """
        key = base64.b64encode(secrets.token_bytes(16)).decode()
        handshake = (
            ("Upgrade", "websocket"),
            ("Connection", "Upgrade"),
            ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", key),
        )
        head = self._head("GET", target, (*handshake, *headers))
        self.transcript.add(self.name, SENT, head)
        if after:
            self.transcript.add(self.name, SENT, f"in the same write: {printable(after)}")
        self.writer.write(head + after)
        reply = await self.reply()
        if reply.status != 101:
            return reply
        expected = accept_key(key)
        if reply.header("sec-websocket-accept") != expected:
            raise Broken(f"Sec-WebSocket-Accept: {reply.header('sec-websocket-accept')}", expected)
        return WebSocket(self, reply)


def accept_key(key: str) -> str:
    """The Sec-WebSocket-Accept for a key (RFC 6455, section 4.2.2)."""
    digest = hashlib.sha1(key.encode() + _GUID, usedforsecurity=False).digest()
    return base64.b64encode(digest).decode()


def parse_head(head: bytes) -> tuple[int, tuple[tuple[str, str], ...]]:
    """Status and headers (names in lower case) of an answer.

    Raises:
        Broken: it is no head of an HTTP/1.1 answer.
    """
    first, *rest = head[:-4].decode("latin-1").split("\r\n")
    parts = first.split(" ", 2)
    if len(parts) < 2 or not parts[0].startswith("HTTP/1.") or not parts[1].isdigit():
        raise Broken(printable(first), "the status line of an HTTP/1.1 answer")
    headers = []
    for line in rest:
        name, colon, value = line.partition(":")
        if not colon or not name or name != name.strip():
            raise Broken(f"the header line {printable(line)}", "a name, a colon and a value")
        headers.append((name.lower(), value.strip(" \t")))
    return int(parts[1]), tuple(headers)


def _decompressed(body: bytes, headers: tuple[tuple[str, str], ...]) -> bytes:
    coding = dict(headers).get("content-encoding", "identity").lower()
    if coding == "identity" or not body:
        return body
    if coding not in ("gzip", "deflate"):
        raise Broken(f"the content coding {coding}", "gzip, deflate or none")
    try:
        return zlib.decompressobj(31 if coding == "gzip" else 15).decompress(body, LARGEST_BODY)
    except zlib.error as error:
        raise Broken(f"Content-Encoding: {coding} ({error})", f"a body that is {coding}") from None


def _of(error: Exception) -> str:
    if isinstance(error, asyncio.IncompleteReadError):
        return f"after {printable(error.partial)}" if error.partial else ""
    return str(error)


def frame(
    opcode: int,
    payload: bytes = b"",
    *,
    fin: bool = True,
    rsv: int = 0,
    masked: bool = True,
    length: int | None = None,
) -> bytes:
    """Bytes of one client frame (RFC 6455, section 5.2); `length` lies about the payload's size."""
    size = len(payload) if length is None else length
    head = bytes([(fin << 7) | (rsv << 4) | opcode])
    mask_bit = masked << 7
    if size < 126:
        head += bytes([mask_bit | size])
    elif size < 65_536:
        head += struct.pack("!BH", mask_bit | 126, size)
    else:
        head += struct.pack("!BQ", mask_bit | 127, size)
    if not masked:
        return head + payload
    mask = secrets.token_bytes(4)
    return head + mask + apply_mask(payload, mask)


def apply_mask(data: bytes, mask: bytes) -> bytes:
    """Mask a payload, or take its mask away (RFC 6455, section 5.3)."""
    repeated = (mask * (len(data) // 4 + 1))[: len(data)]
    changed = int.from_bytes(data, "big") ^ int.from_bytes(repeated, "big")
    return changed.to_bytes(len(data), "big")


def packet_frame(packet: str | bytes, *, masked: bool = True) -> bytes:
    """The frame of one packet: text for `str`, binary for `bytes`."""
    if isinstance(packet, str):
        return frame(TEXT, packet.encode("utf-8", "surrogatepass"), masked=masked)
    return frame(BINARY, packet, masked=masked)


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
        """The next message, or None when a pong frame came first."""
        return await self._guarded(self._receive(expected, pongs=True), None, expected)

    async def receive(self, wait: float | None = None, expected: str = "a packet") -> str | bytes:
        """The next message.

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
            raise Ended(NO_CLOSE_FRAME, expected, _of(error)) from None

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
        """The frames that may come, besides control frames."""
        return "a text or binary frame" if self._kind is None else "a continuation frame"

    async def _fill(self, size: int) -> None:
        # Nothing is taken out of the buffer before a frame is whole: a wait that is given up in the
        # middle of one loses nothing.
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
        """What else has arrived, to show it."""
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

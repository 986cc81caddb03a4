"""A raw HTTP/1.1 client that can also misbehave.

It is written for testing only and shares no code with the servers: a mistake that both sides made
would hide. Requests are written byte for byte as a case wants them, also against the rules. Answers
are parsed strictly, so a server that bends HTTP (RFC 9112) fails the case that meets it. Every wait
has a limit, and every byte goes into a transcript.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
import zlib
from collections.abc import Awaitable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from conformance.errors import NO_CLOSE_FRAME, Broken, Ended, NoAnswer, Refused
from conformance.transcript import HAPPENED, RECEIVED, SENT, Transcript, printable

Headers = Iterable[tuple[str, str]]
Result = TypeVar("Result")

# Seconds between two writes that the server is to read one by one.
SEGMENT_PAUSE = 0.002

# The most bytes of an answer's head, and of its body.
LARGEST_HEAD = 65_536
LARGEST_BODY = 64_000_000
SMALL_HEAD = f"a head of at most {LARGEST_HEAD} bytes"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the server listens; `tls` is None for plain TCP."""

    host: str
    port: int
    tls: ssl.SSLContext | None = None

    @property
    def authority(self) -> str:
        """Return the value of the Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer, its body whole and without chunks or compression."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str | None:
        """Return a header's value; several lines of it are joined with a comma."""
        values = [value for key, value in self.headers if key == name.lower()]
        return ", ".join(values) if values else None

    @property
    def text(self) -> str:
        """Return the body; bytes that are not UTF-8 are shown escaped."""
        return self.body.decode(errors="backslashreplace")

    def __str__(self) -> str:
        return f"{self.status} {printable(self.body) or '(no body)'}"


async def within(seconds: float, awaitable: Awaitable[Result], expected: str) -> Result:
    """Wait for `awaitable`, for at most so many seconds, and return its result.

    `expected` says in words what is due.

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
        self.write(self.head(method, target, (*headers, *length)) + (body or b""))

    def head(self, method: str, target: str, headers: Headers) -> bytes:
        """Return the bytes of a request's head, with Host before the other headers."""
        lines = [f"{method} {target} HTTP/1.1", f"Host: {self.endpoint.authority}"]
        lines += [f"{name}: {value}" for name, value in headers]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    async def reply(self, wait: float | None = None, expected: str = "an answer") -> Reply:
        """Read the answer to a request; interim answers (1xx but 101) are passed over.

        `wait` is in seconds, by default that of the connection; `expected` says what is due.

        Raises:
            NoAnswer: there is no answer in time.
            Ended: the connection ended before the answer did.
            Broken: the answer is no HTTP.
        """
        limit = self.wait if wait is None else wait
        try:
            return await within(limit, self._read_reply(), expected)
        except (asyncio.IncompleteReadError, OSError) as error:
            self.transcript.add(self.name, HAPPENED, "the connection ended")
            raise Ended(NO_CLOSE_FRAME, expected, what_came(error)) from None

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
        """Read until the server closes the connection, and return the bytes that came.

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
        """Let the next write be a TCP segment of its own, which the server reads by itself.

        The server would read several writes at once if there was no moment between them.

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


def parse_head(head: bytes) -> tuple[int, tuple[tuple[str, str], ...]]:
    """Return the status and the headers of an answer, their names in lower case.

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


def what_came(error: Exception) -> str:
    """Return the bytes that came before a connection ended, or else why it ended, in words."""
    if isinstance(error, asyncio.IncompleteReadError):
        return f"after {printable(error.partial)}" if error.partial else ""
    return str(error)

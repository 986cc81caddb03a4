"""Requests and answers as the proxy of the mutants reads and writes them."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlencode

# A request's head that the proxy reads as every server does. What is not like this is passed on
# unread.
PLAIN_LINE = rb"\r\n(?!Content-Length:|Transfer-Encoding:|Host:)[!#-'*+.^-z|~0-9A-Z-]+:[^\r\n\0]*"
PLAIN_HEAD = re.compile(
    rb"[A-Z]+ /[^ \r\n]* HTTP/1\.1"
    rb"(?:%(line)s)*\r\nHost:[^\r\n]*(?:%(line)s)*"
    rb"(?:\r\nContent-Length: [0-9]{1,18}|\r\nTransfer-Encoding: chunked)?(?:%(line)s)*\r\n\r\n"
    % {b"line": PLAIN_LINE},
    re.IGNORECASE,
)
LONGEST_HEAD = 65_536


def nothing(data: bytes) -> bytes:
    """Change nothing."""
    return data


class Gone(Exception):
    """A side closed its connection."""


class Incoming:
    """Reads one side, with what has been read too far."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self.buffer = bytearray()
        self.change = nothing
        self.reset = False
        self._reader = reader

    async def fill(self) -> None:
        """Read more."""
        try:
            data = await self._reader.read(65_536)
        except OSError:
            self.reset = True
            data = b""
        if not data:
            raise Gone
        self.buffer += self.change(data)

    async def take(self, size: int) -> bytes:
        """Exactly that many bytes."""
        while len(self.buffer) < size:
            await self.fill()
        data = bytes(self.buffer[:size])
        del self.buffer[:size]
        return data

    async def line(self, end: bytes) -> bytes:
        """Up to and with `end`."""
        while (index := self.buffer.find(end)) < 0:
            await self.fill()
        return await self.take(index + len(end))


@dataclass
class Message:
    """A request or an answer: `start` is "GET /path HTTP/1.1" or "HTTP/1.1 200 OK"."""

    start: str
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key.lower() == name), "")

    def set(self, name: str, value: str | None) -> None:
        self.headers = [pair for pair in self.headers if pair[0].lower() != name.lower()]
        if value is not None:
            self.headers.append((name, value))

    def encode(self) -> bytes:
        head = [self.start, *(f"{name}: {value}" for name, value in self.headers)]
        return ("\r\n".join(head) + "\r\n\r\n").encode("latin-1") + self.body

    # -- of a request

    @property
    def method(self) -> str:
        return self.start.split(" ")[0]

    @method.setter
    def method(self, method: str) -> None:
        self.start = f"{method} {self.start.partition(' ')[2]}"

    @property
    def path(self) -> str:
        return self.start.split(" ")[1].partition("?")[0]

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(self.start.split(" ")[1].partition("?")[2], keep_blank_values=True))

    def ask(self, path: str | None = None, **changes: str | None) -> None:
        """Change parameters of the query; None removes one."""
        query = {k: v for k, v in (self.query | changes).items() if v is not None}
        self.start = f"{self.method} {path or self.path}?{urlencode(query)} HTTP/1.1"

    @property
    def upgrades(self) -> bool:
        return bool(self.header("upgrade"))

    # -- of an answer

    @property
    def status(self) -> int:
        return int(self.start.split(" ")[1])


def answer(status: int, body: bytes = b"", kind: str = "text/plain; charset=UTF-8") -> Message:
    """An answer of the mutant's own."""
    return Message(f"HTTP/1.1 {status} Mutant", [("Content-Type", kind)], body)


async def readable(client: Incoming) -> bool:
    """Whether the next request is one that the proxy can take apart."""
    while (end := client.buffer.find(b"\r\n\r\n")) < 0:
        if len(client.buffer) > LONGEST_HEAD:
            return False
        await client.fill()
    head = bytes(client.buffer[: end + 4])
    if len(head) > LONGEST_HEAD or not PLAIN_HEAD.fullmatch(head):
        return False
    # Chunks are the server's to judge as well, unless they are like everybody's.
    if b"\r\ntransfer-encoding:" not in head.lower():
        return True
    body = bytes(client.buffer[end + 4 :])
    size = re.match(rb"([0-9a-f]{1,8})\r\n", body)
    if size is None:
        return False
    behind = size.end() + int(size[1], 16)
    return len(body) < behind + 2 or body[behind : behind + 2] == b"\r\n"


async def read_answer(incoming: Incoming, *, bodyless: bool) -> Message:
    """The answer to a request; interim answers are passed over."""
    while (message := await read_message(incoming, bodyless=bodyless)).status == 100:
        pass
    return message


async def read_message(incoming: Incoming, *, bodyless: bool = False) -> Message:
    head = await incoming.line(b"\r\n\r\n")
    start, *lines = head[:-4].decode("latin-1").split("\r\n")
    headers = [(n, v.strip()) for n, _, v in (line.partition(":") for line in lines)]
    message = Message(start, headers)
    if message.header("transfer-encoding").lower() == "chunked":
        while size := int((await incoming.line(b"\r\n")).split(b";")[0], 16):
            message.body += (await incoming.take(size + 2))[:-2]
        await incoming.line(b"\r\n")
        message.set("Transfer-Encoding", None)
        message.set("Content-Length", str(len(message.body)))
    elif not bodyless and message.header("content-length"):
        message.body = await incoming.take(int(message.header("content-length")))
    return message

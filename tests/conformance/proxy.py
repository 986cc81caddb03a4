"""A proxy in front of a correct server that breaks what passes through it: a mutant.

Faults are planted on the wire and not in the server, so they do not depend on how the server is
written, and what they stand for is what the author of another server may get wrong. A mutant
overrides one or two hooks of `Mutant`; packets are hooked once for both transports.

The proxy itself must be no fault. What it cannot read, a request or a frame, it passes on byte for
byte, so that the server behind it is the one that judges. It departs in one thing: a POST is passed
on when its body has arrived.
"""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlencode

from conformance.wire import BINARY, CLOSE, PONG, TEXT, frame

Packet = str | bytes
SEPARATOR = b"\x1e"

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
# A frame that announces more is passed on as it comes.
LARGEST_FRAME = 2**24


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


class Mutant:
    """Changes nothing; mutants override hooks. `frames` is true for those that hook packets of
    WebSockets: only then are frames taken apart.
    """

    frames = False
    # Whether a WebSocket that the server closes stays open for the client.
    keeps_open = False
    # Whether the connection stays open behind the server's close frame.
    lingers = False

    async def opened(self, client: Incoming) -> None:
        """Called with a new connection; returns once it has sent something. `Gone` closes it."""
        await client.fill()
        first = self.raw(bytes(client.buffer))
        if first is None:
            raise Gone
        client.buffer[:] = first

    async def ended(self, client: Incoming) -> None:
        """Called when the client has ended its side, or has reset the connection."""

    def request(self, request: Message) -> Message | None:
        """Change a request in place, or answer it instead of the server."""
        return None

    async def arrived(self, request: Message) -> None:
        """Called before a request is passed on."""

    async def answered(self, request: Message, reply: Message) -> None:
        """Called before the server's answer is passed on."""

    def reply(self, request: Message, reply: Message) -> None:
        """Change an answer in place."""

    def inward(self, packet: Packet) -> list[Packet]:
        """What reaches the server of a client's packet."""
        return [packet]

    def outward(self, packet: Packet) -> list[Packet]:
        """What reaches the client of a server's packet."""
        return [packet]

    def raw(self, data: bytes) -> bytes | None:
        """Change what was read first on a connection; None closes it."""
        return data

    def segment(self, data: bytes) -> bytes:
        """Change what was read at once from a client's WebSocket."""
        return data

    def incoming_frame(self, fin: bool, opcode: int, payload: bytes) -> list[bytes] | None:
        """The frames that reach the server for a client's; None for the usual way."""
        return None

    def outgoing_pong(self, payload: bytes) -> bytes:
        """Change the payload of a server's pong frame."""
        return payload

    def read_text(self, data: bytes) -> str:
        """Decode UTF-8; what raises `UnicodeError` is passed on as it is."""
        return data.decode()

    def done(self, request: Message) -> bool:
        """Whether the connection is closed after this answer."""
        return False

    # -- payloads

    def decode(self, body: bytes) -> list[Packet]:
        return [
            base64.b64decode(part[1:], validate=True) if part[:1] == b"b" else self.read_text(part)
            for part in body.split(SEPARATOR)
        ]

    def encode(self, packets: list[Packet]) -> bytes:
        return SEPARATOR.join(
            part.encode() if isinstance(part, str) else b"b" + base64.b64encode(part)
            for part in packets
        )


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


class Proxy:
    """One listening socket in front of `upstream`."""

    def __init__(self, mutant: Mutant, upstream: int) -> None:
        self.mutant = mutant
        self.upstream = upstream

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        client = Incoming(reader)
        try:
            await self._serve(client, writer)
        except (Gone, OSError):
            await self.mutant.ended(client)
        finally:
            writer.close()

    async def _serve(self, client: Incoming, writer: asyncio.StreamWriter) -> None:
        await self.mutant.opened(client)
        open_again = True
        while open_again:
            if not await readable(client):
                await self._tunnel(client, writer)
                return
            request = await read_message(client)
            reply = self.mutant.request(request)
            if reply is None:
                await self.mutant.arrived(request)
                if request.upgrades:
                    await self._websocket(request, client, writer)
                    return
                reply = await self._ask(request, client)
            self.mutant.reply(request, reply)
            await self.mutant.answered(request, reply)
            if reply.status != 101:
                reply.set("Content-Length", str(len(reply.body)))
            writer.write(reply.encode())
            open_again = not self.mutant.done(request)

    async def _ask(self, request: Message, client: Incoming) -> Message:
        """The server's answer; if the client goes away meanwhile, so does the proxy."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.upstream, limit=2**24)
        try:
            if request.body and request.method == "POST":
                self._hook_body(request, self.mutant.inward)
            writer.write(request.encode())
            head = request.method == "HEAD"
            replying = asyncio.create_task(read_answer(Incoming(reader), bodyless=head))
            watching = asyncio.create_task(self._watch(client))
            try:
                await asyncio.wait({replying, watching}, return_when=asyncio.FIRST_COMPLETED)
                if not replying.done():
                    writer.transport.abort()
                    raise Gone
                reply = replying.result()
            finally:
                replying.cancel()
                watching.cancel()
                await asyncio.wait({replying, watching})
        finally:
            writer.close()
        if request.method == "GET" and reply.status == 200 and reply.body:
            self._hook_body(reply, self.mutant.outward)
        return reply

    def _hook_body(self, message: Message, hook: Callable[[Packet], list[Packet]]) -> None:
        try:
            packets = self.mutant.decode(message.body)
        except ValueError:
            return
        message.body = self.mutant.encode([new for old in packets for new in hook(old)])
        message.set("Content-Length", str(len(message.body)))

    async def _tunnel(self, client: Incoming, writer: asyncio.StreamWriter) -> None:
        """Pass on bytes both ways."""
        reader, upstream = await asyncio.open_connection("127.0.0.1", self.upstream, limit=2**24)
        inward = asyncio.create_task(self._bytes(client, upstream))
        try:
            await self._bytes(Incoming(reader), writer)
        finally:
            inward.cancel()
            upstream.close()
            await asyncio.wait({inward})

    async def _watch(self, client: Incoming) -> None:
        try:
            while True:
                await client.fill()
        except Gone:
            return

    async def _websocket(
        self, request: Message, client: Incoming, writer: asyncio.StreamWriter
    ) -> None:
        reader, upstream = await asyncio.open_connection("127.0.0.1", self.upstream, limit=2**24)
        pumps: set[asyncio.Task[None]] = set()
        try:
            server = Incoming(reader)
            client.change = self.mutant.segment
            upstream.write(request.encode())
            reply = await read_message(server)
            self.mutant.reply(request, reply)
            writer.write(reply.encode())
            if reply.status != 101:
                return
            if self.mutant.frames:
                inward = self._frames(client, upstream, self.mutant.inward, of_client=True)
                outward = self._frames(server, writer, self.mutant.outward, of_client=False)
            else:
                inward, outward = self._bytes(client, upstream), self._bytes(server, writer)
            pumps = {asyncio.create_task(inward), asyncio.create_task(outward)}
            _, left = await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            if (self.mutant.keeps_open or self.mutant.lingers) and left:
                await asyncio.wait(left)
            if client.reset:
                await self.mutant.ended(client)
        finally:
            upstream.close()
            for task in pumps:
                task.cancel()
            if pumps:
                await asyncio.wait(pumps)

    async def _bytes(self, source: Incoming, sink: asyncio.StreamWriter) -> None:
        try:
            while True:
                if source.buffer:
                    sink.write(bytes(source.buffer))
                    source.buffer.clear()
                await source.fill()
        except (Gone, OSError):
            return

    async def _frames(
        self,
        source: Incoming,
        sink: asyncio.StreamWriter,
        hook: Callable[[Packet], list[Packet]],
        *,
        of_client: bool,
    ) -> None:
        try:
            while True:
                head = await source.take(2)
                fin, opcode = bool(head[0] & 0x80), head[0] & 0x0F
                size = head[1] & 0x7F
                if size >= 126:
                    head += await source.take(2 if size == 126 else 8)
                    size = int.from_bytes(head[2:], "big")
                if size > LARGEST_FRAME:
                    sink.write(head)
                    await self._bytes(source, sink)
                    return
                mask = await source.take(4) if head[1] & 0x80 else b""
                masked = await source.take(size)
                payload = bytes(b ^ mask[i % 4] for i, b in enumerate(masked)) if mask else masked
                # A frame that the proxy itself would write otherwise is the server's to judge.
                plain = not head[0] & 0x70 and bool(mask) == of_client
                frames = None
                if plain and of_client:
                    frames = self.mutant.incoming_frame(fin, opcode, payload)
                elif opcode == PONG:
                    frames = [frame(PONG, self.mutant.outgoing_pong(payload), masked=False)]
                elif opcode == CLOSE and self.mutant.keeps_open:
                    frames = []
                if frames is None and plain and fin and opcode in (TEXT, BINARY):
                    frames = self._hook_frame(opcode, payload, hook, masked=of_client)
                for data in [head + mask + masked] if frames is None else frames:
                    sink.write(data)
        except (Gone, OSError):
            return

    def _hook_frame(
        self, opcode: int, payload: bytes, hook: Callable[[Packet], list[Packet]], *, masked: bool
    ) -> list[bytes] | None:
        try:
            packet = self.mutant.read_text(payload) if opcode == TEXT else payload
        except UnicodeError:
            return None
        return [
            frame(TEXT, new.encode(), masked=masked)
            if isinstance(new, str)
            else frame(BINARY, new, masked=masked)
            for new in hook(packet)
        ]


@asynccontextmanager
async def proxied(mutant: Mutant, upstream: int) -> AsyncIterator[int]:
    """The port of a mutant."""
    async with listening(Proxy(mutant, upstream).serve) as port:
        yield port


Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[None, None, None]]


@asynccontextmanager
async def listening(serve: Serve) -> AsyncIterator[int]:
    """A server on a free port; its connections' tasks are ended with it."""
    tasks: set[asyncio.Task[None]] = set()
    writers: set[asyncio.StreamWriter] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.add(writer)
        task = asyncio.create_task(serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", 0, limit=2**24)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        ended = list(tasks)
        for task in ended:
            task.cancel()
        if ended:
            await asyncio.wait(ended)
        for writer in writers:
            writer.close()
        await server.wait_closed()
        # A closing transport needs a turn of the loop.
        await asyncio.sleep(0)

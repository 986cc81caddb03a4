"""A proxy in front of a correct server that breaks what passes through it: a mutant.

Faults are planted on the wire and not in the server, so they do not depend on how the server is
written, and what they stand for is what the author of another server may get wrong.

The proxy itself must be no fault. What it cannot read, a request or a frame, it passes on byte for
byte, so that the server behind it is the one that judges. It departs in one thing: a POST is passed
on when its body has arrived.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager

from conformance.frames import BINARY, CLOSE, PONG, TEXT, apply_mask, frame, packet_frame
from conformance.packets import encode_payload
from tests.conformance.messages import (
    Gone,
    Incoming,
    Message,
    read_answer,
    read_message,
    readable,
)
from tests.conformance.mutant import Mutant, Packet

Hook = Callable[[Packet], list[Packet]]
Encode = Callable[[list[Packet]], bytes]

# A frame that announces more is passed on as it comes.
LARGEST_FRAME = 2**24


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
                self._hook_body(request, self.mutant.inward, encode_payload)
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
            self._hook_body(reply, self.mutant.outward, self.mutant.encode)
        return reply

    def _hook_body(self, message: Message, hook: Hook, encode: Encode) -> None:
        try:
            packets = self.mutant.decode(message.body)
        except ValueError:
            return
        message.body = encode([new for old in packets for new in hook(old)])
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
                self.mutant.websocket_opened(
                    lambda packet: writer.write(packet_frame(packet, masked=False))
                )
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
        hook: Hook,
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
                payload = apply_mask(masked, mask) if mask else masked
                # A frame that the proxy itself would write otherwise is the server's to judge.
                plain = not head[0] & 0x70 and bool(mask) == of_client
                frames = None
                if plain and of_client:
                    frames = self.mutant.incoming_frame(fin, opcode, payload)
                elif opcode == PONG:
                    frames = [frame(PONG, self.mutant.outgoing_pong(payload), masked=False)]
                elif opcode == CLOSE and self.mutant.keeps_open:
                    frames = []
                elif opcode == CLOSE:
                    close = self.mutant.outgoing_close(payload)
                    if close is None:
                        return
                    frames = [frame(CLOSE, close, masked=False)]
                if frames is None and plain and fin and opcode in (TEXT, BINARY):
                    frames = self._hook_frame(opcode, payload, hook, masked=of_client)
                for data in [head + mask + masked] if frames is None else frames:
                    sink.write(data)
        except (Gone, OSError):
            return

    def _hook_frame(
        self, opcode: int, payload: bytes, hook: Hook, *, masked: bool
    ) -> list[bytes] | None:
        try:
            packet = self.mutant.read_text(payload) if opcode == TEXT else payload
        except UnicodeError:
            return None
        return [packet_frame(new, masked=masked) for new in hook(packet)]


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

"""websocket.py: the client's WebSocket, with servers that misbehave once it is open."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from engineio_min.client.websocket import ClientWebSocket
from tests.engineio_min.client.ear import Ear, connected
from tests.engineio_min.harness import Clock
from tests.engineio_min.scripted import (
    HANDSHAKE,
    Peer,
    Script,
    scripted,
    server_frame,
    silence,
    switching,
)
from tests.hostile.memory import MemoryTransport
from tests.waiting import patient, until

Frames = Callable[[Peer], Awaitable[None]]


def websocket_with(*frames: tuple[str | bytes, int | None]) -> Script:
    """A server that opens a session on WebSocket and writes frames."""

    async def script(peer: Peer) -> None:
        await peer.accept_websocket()
        peer.frame(HANDSHAKE)
        for payload, first in frames:
            peer.frame(payload, first)
        await peer.answer_close()

    return script


@pytest.mark.parametrize(
    ("payload", "first", "end"),
    [
        ("x", None, "transport error"),
        ("", None, "transport error"),
        ("7", None, "transport error"),
        ("1", None, "transport close"),
        (b"\xff", 0x81, "transport error"),
        (b"a", 0x83, "transport error"),
        (b"a", 0xC1, "transport error"),
        (b"a", 0x80, "transport error"),
        (b"a" * 126, 0x89, "transport error"),
        (b"", 0x88, "transport close"),
        (b"\x03\xe8bye", 0x88, "transport close"),
        (b"\x03", 0x88, "transport error"),
        (b"a" * 1001, None, "transport error"),
    ],
)
async def test_a_bad_frame_ends_the_session(
    payload: str | bytes, first: int | None, end: str
) -> None:
    async with scripted(websocket_with(("4ok", None), (payload, first))) as server:
        ear = Ear(server.url, transports=["websocket"], max_receive_size=1000)
        await ear.client.connect()
        reason, _ = await ear.ended()
        assert reason == end
        assert ear.messages == ["ok"]
        await server.gone()


async def test_a_frame_that_declares_too_much_is_refused_at_once() -> None:
    async def script(peer: Peer) -> None:
        await peer.accept_websocket()
        peer.frame(HANDSHAKE)
        peer.write(b"\x82\x7f" + (2**63 - 1).to_bytes(8, "big"))
        await peer.answer_close()

    async with scripted(script) as server:
        ear = Ear(server.url, transports=["websocket"])
        await ear.client.connect()
        assert (await ear.ended())[0] == "transport error"


async def test_the_handshake_and_the_first_frames_in_one_piece() -> None:
    async def script(peer: Peer) -> None:
        request = await peer.request()
        frames = b"".join(
            bytes((0x81, len(text))) + text.encode() for text in (HANDSHAKE, "4first", "4second")
        )
        peer.write(switching(request.headers["sec-websocket-key"]) + frames)
        assert await peer.packet() == "4hello"
        await peer.answer_close()

    async with scripted(script) as server, connected(server.url, transports=["websocket"]) as ear:
        await until(lambda: len(ear.messages) == 2)
        ear.client.send("hello")
        await ear.client.drained()


async def test_pings_of_the_websocket_are_answered() -> None:
    async def script(peer: Peer) -> None:
        await peer.accept_websocket()
        peer.frame(HANDSHAKE)
        peer.frame(b"data", 0x89)
        assert await peer.read_frame() == (0x8A, b"data")
        peer.frame("4ok")
        assert await peer.read_frame() == (0x88, b"")
        peer.frame(b"", 0x88)
        await silence(peer)

    async with scripted(script) as server, connected(server.url, transports=["websocket"]) as ear:
        await until(lambda: ear.messages)


async def test_a_pong_leaves_before_what_the_messages_of_its_read_cause() -> None:
    """A ping between the fragments of a message came first, and is answered first."""
    received: list[tuple[int, bytes]] = []

    async def script(peer: Peer) -> None:
        await peer.accept_websocket()
        peer.frame(HANDSHAKE)
        assert await peer.packet() == "4ready"
        peer.write(
            server_frame("4he", 0x01) + server_frame(b"data", 0x89) + server_frame("y", 0x80)
        )
        received.extend([await peer.read_frame(), await peer.read_frame()])
        await peer.answer_close()

    async with scripted(script) as server, connected(server.url, transports=["websocket"]) as ear:
        ear.client.on_message = ear.client.send
        ear.client.send("ready")
        await until(lambda: len(received) == 2)
    assert received == [(0x8A, b"data"), (0x81, b"4hey")]


class Collector:
    """An owner of a WebSocket that keeps its packets."""

    def __init__(self) -> None:
        self.packets: list[str | bytes] = []

    def receive_from(self, _websocket: ClientWebSocket, packets: list[str | bytes]) -> None:
        self.packets += packets

    def lost(self, _websocket: ClientWebSocket, reason: str, description: str) -> None:
        raise AssertionError(f"lost: {reason}, {description}")

    def writable_changed(self, _websocket: ClientWebSocket) -> None:
        pass


async def test_the_rest_of_a_frame_is_not_taken_for_a_frame() -> None:
    """Wherever reads end: a message may hold the bytes of a frame, written by somebody else."""
    wire = server_frame(b"xx" + server_frame("4forged")) + server_frame("4true")
    for cut in range(1, len(wire)):
        collector = Collector()
        transport = MemoryTransport(asyncio.Protocol())
        websocket = ClientWebSocket(transport, collector, [], 1_000, None)
        transport.set_protocol(websocket)
        websocket.start()
        transport.receive(wire[:cut])
        transport.receive(wire[cut:])
        assert collector.packets == [b"xx\x81\x074forged", "4true"], cut


async def test_a_close_frame_lets_the_answers_to_earlier_messages_go_first() -> None:
    received: list[tuple[int, bytes]] = []

    async def script(peer: Peer) -> None:
        await peer.accept_websocket()
        peer.frame(HANDSHAKE)
        assert await peer.packet() == "4ready"
        peer.write(server_frame("4hey") + server_frame(b"\x03\xe8", 0x88))
        received.extend([await peer.read_frame(), await peer.read_frame()])

    async with scripted(script) as server:
        ear = Ear(server.url, transports=["websocket"])
        await ear.client.connect()
        ear.client.on_message = ear.client.send
        ear.client.send("ready")
        assert await ear.ended() == (
            "transport close",
            "got a close frame: 1000 (normal closure)",
        )
        await server.gone()
    assert received == [(0x81, b"4hey"), (0x88, b"\x03\xe8")]


async def test_a_server_that_sends_pings_and_reads_no_pongs() -> None:
    async def script(peer: Peer) -> None:
        await peer.accept_websocket()
        peer.stop_reading()
        peer.frame(HANDSHAKE)
        for _ in range(200_000):
            peer.frame(b"x" * 125, 0x89)
            await peer.writer.drain()

    async with scripted(script) as server:
        ear = Ear(server.url, transports=["websocket"])
        await ear.client.connect()
        assert await ear.ended() == (
            "transport error",
            "the server sends pings and reads no pongs",
        )


async def test_a_server_that_reads_slowly_gets_everything() -> None:
    received = bytearray()
    full = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.accept_websocket()
        peer.stop_reading()
        peer.frame(HANDSHAKE)
        await full.wait()
        peer.frame(b"", 0x89)
        await asyncio.sleep(0.001)
        peer.read_on()
        while len(received) < 20:
            first, payload = await peer.read_frame()
            if first == 0x82:
                received.extend(payload[1:2])
        await peer.answer_close()

    async with scripted(script) as server, connected(server.url, transports=["websocket"]) as ear:
        for number in range(20):
            ear.client.send(bytes((0, number)) * 500_000)
            await asyncio.sleep(0)
        assert [ear.client.session.writable] == [False]
        drained = asyncio.create_task(ear.client.drained())
        await asyncio.sleep(0)
        assert not drained.done()
        full.set()
        await patient(drained)
        assert [ear.client.session.writable] == [True]
        await until(lambda: len(received) == 20)
        assert received == bytes(range(20))


async def test_a_server_that_breaks_the_protocol_while_it_does_not_read() -> None:
    async def script(peer: Peer) -> None:
        await peer.accept_websocket()
        peer.stop_reading()
        peer.frame(HANDSHAKE)
        await full.wait()
        peer.frame("7")
        await closed.wait()
        peer.read_on()
        await peer.answer_close()

    full, closed = asyncio.Event(), asyncio.Event()
    async with scripted(script) as server:
        ear = Ear(server.url, transports=["websocket"])
        await ear.client.connect()
        ear.client.send(b"a" * 20_000_000)
        await until(lambda: not ear.client.session.writable)
        full.set()
        await until(lambda: ear.closed)
        closed.set()
        assert (await ear.ended())[0] == "transport error"


async def test_the_end_of_the_connection_without_a_close_frame() -> None:
    async def script(peer: Peer) -> None:
        await peer.accept_websocket()
        peer.frame(HANDSHAKE)
        peer.frame("4ok")

    async with scripted(script) as server:
        ear = Ear(server.url, transports=["websocket"])
        await ear.client.connect()
        assert await ear.ended() == (
            "transport close",
            "the connection was lost: closed by the server",
        )
        assert ear.messages == ["ok"]


async def test_a_server_that_does_not_answer_the_close_frame(clock: Clock) -> None:
    async def script(peer: Peer) -> None:
        await peer.accept_websocket()
        peer.frame(HANDSHAKE)
        await silence(peer)

    async with scripted(script) as server:
        ear = Ear(server.url, transports=["websocket"])
        await ear.client.connect()
        ear.client.close()
        closing = asyncio.create_task(ear.client.wait_closed())
        await asyncio.sleep(0.001)
        assert not closing.done()
        await clock.advance(5.1)
        await patient(closing)


async def test_what_is_sent_after_the_server_closed_is_dropped() -> None:
    async def script(peer: Peer) -> None:
        await peer.accept_websocket()
        peer.frame(HANDSHAKE)
        peer.frame(b"", 0x88)
        await peer.answer_close()

    async with scripted(script) as server:
        ear = Ear(server.url, transports=["websocket"])
        await ear.client.connect()
        await until(lambda: ear.closed)
        ear.client.send("late")
        await ear.finish()

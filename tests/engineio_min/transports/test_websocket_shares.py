"""A WebSocket has its share of a turn of the event loop, in and out; and compression."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Callable
from itertools import pairwise

import pytest
import uvloop

from engineio_min import Connection
from engineio_min.http.connection import HttpConnection
from engineio_min.protocol import agreed_encoding
from engineio_min.protocol.agreed_encoding import compress_frame
from engineio_min.protocol.packets import Packet
from engineio_min.protocol.session import Session
from engineio_min.transports.websocket import WebSocket
from tests.engineio_min.harness import (
    WEBSOCKET,
    Harness,
    serving,
)
from tests.engineio_min.transports.sockets import assert_closed_with, stall
from tests.engineio_min.wire import HANDSHAKE, Wire, connect, encode_request
from tests.frames import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, encode_frame, packet_frame
from tests.hostile.memory import MemoryTransport
from tests.waiting import until

# --- back-pressure


async def test_a_paused_connection_is_not_read(harness: Harness) -> None:
    wire = await harness.opened_websocket()
    harness.connection.pause()
    await wire.send_packet("4a")
    for _ in range(20):
        await asyncio.sleep(0)
    assert harness.received == []
    harness.connection.resume()
    assert await wire.packet() == "4a"


# --- one share of each turn


def opened(harness: Harness) -> MemoryTransport:
    """A WebSocket without TCP: what the test sends is read at once."""
    harness.echo = False
    transport = MemoryTransport(HttpConnection(harness.server.http))
    transport.receive(encode_request("GET", WEBSOCKET, HANDSHAKE))
    return transport


async def test_a_flood_leaves_every_other_connection_its_turn(harness: Harness) -> None:
    """No turn takes more than 4 KiB of frames of a connection, whatever it has sent, and what is
    above waits in the kernel.
    """
    transport = opened(harness)
    transport.receive(packet_frame("4a") * 2_000)
    assert len(harness.received) == 512
    assert not transport.is_reading()
    transport.receive(packet_frame("4b"))
    while len(harness.received) < 2_001:
        before = len(harness.received)
        await asyncio.sleep(0)
        assert before < len(harness.received) <= before + 512
    assert harness.received == ["a"] * 2_000 + ["b"]
    assert transport.is_reading()
    transport.lose()


async def test_control_frames_and_pongs_have_the_same_share(harness: Harness) -> None:
    transport = opened(harness)
    for frame in (encode_frame(PING, b""), encode_frame(PONG, b""), packet_frame("3")):
        transport.receive(frame * 1_000)
        turns = 0
        while not transport.reading:
            await asyncio.sleep(0)
            turns += 1
        assert turns == len(frame) * 1_000 // 4_096
    assert harness.closed == []
    transport.lose()


async def test_a_rest_waits_while_the_handlers_do_not_keep_up(harness: Harness) -> None:
    transport = opened(harness)
    transport.receive(packet_frame("4a") * 1_200)
    harness.connection.pause()
    for _ in range(3):
        await asyncio.sleep(0)
    assert len(harness.received) == 512
    harness.connection.resume()
    harness.connection.pause()
    harness.connection.resume()
    await asyncio.sleep(0)
    assert len(harness.received) == 1_024
    # Paused by what is in the last share.
    harness.connection.on_message = lambda _message: harness.connection.pause()
    await asyncio.sleep(0)
    assert not transport.is_reading()
    harness.connection.resume()
    assert transport.is_reading()
    transport.lose()


async def test_a_rest_is_dropped_with_its_connection(harness: Harness) -> None:
    transport = opened(harness)
    transport.receive(packet_frame("4a") * 1_200)
    transport.lose()
    for _ in range(3):
        await asyncio.sleep(0)
    assert len(harness.received) == 512
    assert harness.closed == ["transport close"]
    assert harness.server.account.held == 0


async def test_a_half_message_that_is_too_much_for_all() -> None:
    """Its own connection goes when nobody holds more."""
    async with serving(max_held=100_000) as harness:
        transport = opened(harness)
        transport.receive(encode_frame(TEXT, b"4" + b"a" * 200_000)[:100_020])
        assert transport.sent.endswith(
            encode_frame(CLOSE, b"\x03\xf5too much is held for all connections", mask=False)
        )
        assert harness.closed == ["transport error"]
        assert harness.server.account.held == 0
        transport.lose()


async def test_a_flood_with_the_request_waits_as_well(harness: Harness) -> None:
    harness.echo = False
    transport = MemoryTransport(HttpConnection(harness.server.http))
    transport.receive(encode_request("GET", WEBSOCKET, HANDSHAKE) + packet_frame("4a") * 1_200)
    assert len(harness.received) == 512
    for _ in range(2):
        await asyncio.sleep(0)
    assert len(harness.received) == 1_200
    transport.lose()


async def test_a_session_that_ends_in_a_flood_reads_no_more(harness: Harness) -> None:
    transport = opened(harness)
    harness.server.on_connection(harness.accept)
    harness.connection.on_message = lambda _message: transport.close()
    transport.receive(packet_frame("4a") * 1_200)
    assert transport.is_reading()
    await asyncio.sleep(0)
    transport.lose()


# --- a backlog leaves in shares


async def test_a_backlog_leaves_a_share_a_turn(harness: Harness) -> None:
    """A quarter of a megabyte, and what its last packet has above; in order, and what is sent
    meanwhile is behind it.
    """
    transport = opened(harness)
    websocket = transport.get_protocol()
    assert isinstance(websocket, WebSocket)
    websocket.pause_writing()
    for number in range(100):
        harness.connection.send(f"{number:02}" * 25_000)
    transport.sent.clear()
    websocket.resume_writing()
    turns = 0
    while harness.connection.unsent:
        written = len(transport.sent)
        assert harness.connection.session.writable is False
        if turns == 3:
            harness.connection.send("last")
        await asyncio.sleep(0)
        assert len(transport.sent) - written <= 262_144 + 50_010
        turns += 1
    assert turns == 16
    expected = [f"4{f'{number:02}' * 25_000}" for number in range(100)]
    assert transport.sent == b"".join(
        encode_frame(TEXT, packet.encode(), mask=False) for packet in [*expected, "4last"]
    )
    assert harness.connection.session.writable
    transport.lose()


async def test_a_burst_leaves_a_share_a_turn(harness: Harness) -> None:
    """What is sent in one turn, though the peer takes it all, and the end after it."""
    transport = opened(harness)
    transport.sent.clear()
    for number in range(10_000):
        harness.connection.send(f"{number:04}" * 250)
    harness.connection.close()
    turns = 0
    while harness.connection.session.phase != "closed":
        written = len(transport.sent)
        await asyncio.sleep(0)
        assert len(transport.sent) - written <= 262_144 + 1_005
        turns += 1
    assert turns >= 38
    frames = [encode_frame(TEXT, b"4" + b"%04d" % n * 250, mask=False) for n in range(10_000)]
    assert transport.sent == b"".join(frames) + b"\x88\x00"
    assert harness.closed == ["forced close"]
    transport.lose()


async def test_a_burst_of_a_session_that_is_over_leaves_before_it(harness: Harness) -> None:
    transport = opened(harness)
    transport.sent.clear()
    for _ in range(10):
        harness.connection.send("x" * 50_000)
    transport.receive(packet_frame("9"))
    assert len(transport.sent) > 500_000
    assert harness.closed == ["parse error"]
    transport.lose()


async def test_a_burst_of_the_connection_handler_follows_the_handshake(harness: Harness) -> None:
    def greet(connection: Connection) -> None:
        harness.accept(connection)
        for _ in range(10):
            connection.send("x" * 50_000)

    harness.server.on_connection(greet)
    transport = opened(harness)
    assert transport.sent.startswith(b"HTTP/1.1 101 ")
    assert 262_144 < len(transport.sent) < 320_000
    await until(lambda: harness.connection.session.drained)
    assert transport.sent.endswith(b"x" * 50_000)
    assert transport.sent.count(b"4xxxx") == 10
    transport.lose()


async def test_a_backlog_waits_for_a_transport_that_takes_no_more(harness: Harness) -> None:
    transport = opened(harness)
    websocket = transport.get_protocol()
    assert isinstance(websocket, WebSocket)
    websocket.pause_writing()
    for _ in range(40):
        harness.connection.send("x" * 50_000)
    websocket.resume_writing()
    assert harness.connection.unsent == 34 * 50_065
    websocket.pause_writing()
    await asyncio.sleep(0)
    assert harness.connection.unsent == 34 * 50_065
    websocket.resume_writing()
    assert harness.connection.unsent == 28 * 50_065
    # Before the loop has gone on.
    websocket.pause_writing()
    websocket.resume_writing()
    assert harness.connection.unsent == 28 * 50_065
    drained = asyncio.create_task(harness.connection.drained())
    await until(drained.done)
    assert harness.connection.unsent == 0
    transport.lose()


async def test_a_session_that_ends_takes_its_backlog_along(harness: Harness) -> None:
    transport = opened(harness)
    websocket = transport.get_protocol()
    assert isinstance(websocket, WebSocket)
    websocket.pause_writing()
    for _ in range(40):
        harness.connection.send("x" * 50_000)
    websocket.resume_writing()
    transport.receive(packet_frame("1"))
    sent = len(transport.sent)
    for _ in range(3):
        await asyncio.sleep(0)
    assert len(transport.sent) == sent
    assert harness.closed == ["transport close"]
    transport.lose()


async def test_an_upgraded_session_brings_its_backlog_in_shares(harness: Harness) -> None:
    harness.echo = False
    poller = await harness.poller()
    for number in range(100):
        harness.connection.send(f"{number:02}" * 25_000)
    transport = MemoryTransport(HttpConnection(harness.server.http))
    transport.receive(encode_request("GET", poller.upgrade_target, HANDSHAKE))
    transport.receive(packet_frame("2probe"))
    transport.sent.clear()
    transport.receive(packet_frame("5"))
    while harness.connection.unsent:
        assert len(transport.sent) <= 262_144 + 50_010
        expected = transport.sent[3:7]
        transport.sent.clear()
        await asyncio.sleep(0)
    assert expected
    transport.lose()


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_a_peer_that_begins_to_read_costs_the_others_a_share_a_turn(
    new_loop: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    """Over TCP, on both event loops: a neighbour gets its answers while 20 MB leave."""

    async def watch(turns: list[int], session: Session) -> None:
        while True:
            turns.append(session.unsent)
            await asyncio.sleep(0)

    async def read_all(wire: Wire) -> None:
        frame = await wire.frame()
        while frame.payload != b"4last":
            frame = await wire.frame()

    async def main() -> None:
        async with serving() as harness:
            harness.echo = False
            wire = await harness.wire(receive_buffer=4_096)
            await wire.send(encode_request("GET", WEBSOCKET, HANDSHAKE))
            assert (await wire.response()).status == 101
            slow = harness.connection
            await stall(harness, wire)
            for _ in range(400):
                slow.send("x" * 50_000)
            slow.send("last")
            harness.echo = True
            neighbour = await harness.opened_websocket()
            turns: list[int] = []
            watcher = asyncio.create_task(watch(turns, slow.session))
            reader = asyncio.create_task(read_all(wire))
            answers = 0
            while not reader.done():
                await neighbour.send_packet("4are you there?")
                assert await neighbour.packet() == "4are you there?"
                answers += 1
            watcher.cancel()
            await reader
            steps = [before - after for before, after in pairwise(turns)]
            assert max(steps) <= 262_144 + 50_065
            assert sum(step > 0 for step in steps) >= 60
            assert answers > 10

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(main())


# --- compression

OFFER = {"Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits"}


class Deflate:
    """The client's half of permessage-deflate (RFC 7692), with context takeover."""

    def __init__(self) -> None:
        self._compress = zlib.compressobj(wbits=-15)
        self._decompress = zlib.decompressobj(wbits=-15)

    def frame(self, opcode: int, data: bytes) -> bytes:
        compressed = self._compress.compress(data) + self._compress.flush(zlib.Z_SYNC_FLUSH)
        return encode_frame(opcode, compressed[:-4], rsv=4)

    async def message(self, wire: Wire) -> tuple[int, bytes]:
        frame = await wire.frame()
        assert frame.rsv == 4, "not compressed"
        return frame.opcode, self._decompress.decompress(frame.payload + b"\x00\x00\xff\xff")


async def test_compression_both_ways() -> None:
    async with serving(per_message_deflate=True) as harness:
        wire = await harness.websocket(WEBSOCKET, **OFFER)
        assert str(await wire.packet())[:1] == "0"
        deflate = Deflate()
        for _ in range(2):
            await wire.send(deflate.frame(TEXT, b"4" + b"text" * 1_000))
            assert await deflate.message(wire) == (TEXT, b"4" + b"text" * 1_000)
            await wire.send(deflate.frame(BINARY, b"\x00" * 2_000))
            assert await deflate.message(wire) == (BINARY, b"\x00" * 2_000)
        assert harness.received[:2] == ["text" * 1_000, b"\x00" * 2_000]
        # Small ones are not worth it, and those that must not are not; all may be mixed.
        await wire.send(deflate.frame(TEXT, b"4small") + packet_frame("4plain"))
        assert await wire.packet() == "4small"
        assert await wire.packet() == "4plain"
        harness.connection.send("x" * 5_000, compress=False)
        harness.connection.send("y" * 5_000)
        assert await wire.packet() == "4" + "x" * 5_000
        assert await deflate.message(wire) == (TEXT, b"4" + b"y" * 5_000)


async def test_a_broadcast_is_compressed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """For all who have agreed on the same window."""
    compressed = 0

    def compress(packet: Packet, window_bits: int) -> bytes:
        nonlocal compressed
        compressed += 1
        return compress_frame(packet, window_bits)

    monkeypatch.setattr(agreed_encoding, "compress_frame", compress)
    async with serving(per_message_deflate=True) as harness:
        harness.echo = False
        small = {"Sec-WebSocket-Extensions": "permessage-deflate; server_max_window_bits=10"}
        wires = [await harness.websocket(WEBSOCKET, **offer) for offer in (OFFER, small) * 3]
        plain = await harness.websocket(WEBSOCKET)
        for wire in (*wires, plain):
            assert str(await wire.packet())[:1] == "0"
        news = "news" * 1_000
        for number, connection in enumerate(harness.connections):
            # Each has something of its own as well.
            connection.send(f"to {number}")
            connection.send(news)
        for number, wire in enumerate(wires):
            assert await wire.packet() == f"4to {number}"
            assert await Deflate().message(wire) == (TEXT, b"4" + news.encode())
        assert await plain.packet() == "4to 6"
        assert await plain.packet() == "4" + news
        assert compressed == 2


async def test_what_is_compressed_has_a_smaller_share() -> None:
    async with serving(per_message_deflate=True) as harness:
        harness.echo = False
        transport = MemoryTransport(HttpConnection(harness.server.http))
        transport.receive(encode_request("GET", WEBSOCKET, {**HANDSHAKE, **OFFER}))
        for number in range(100):
            harness.connection.send(f"{number:04}" * 1_000)
        left = []
        while harness.connection.session.queued:
            left.append(harness.connection.unsent)
            await asyncio.sleep(0)
        shares = [before - after for before, after in pairwise([*left[1:], 0])]
        assert len(shares) >= 5
        assert max(shares) <= 65_536 + 4_065
        transport.lose()


async def test_the_threshold_of_compression() -> None:
    async with serving(per_message_deflate=10) as harness:
        wire = await harness.websocket(WEBSOCKET, **OFFER)
        deflate = Deflate()
        assert (await deflate.message(wire))[1][:1] == b"0"
        await wire.send_packet("4" + "x" * 8)
        assert await wire.packet() == "4" + "x" * 8
        await wire.send_packet("4" + "x" * 9)
        assert await deflate.message(wire) == (TEXT, b"4" + b"x" * 9)


@pytest.mark.parametrize(
    "offer",
    [
        None,
        "x-other",
        "permessage-deflate; server_max_window_bits=99",
        "permessage-deflate; x=1",
        'permessage-deflate; "',
        "permessage-deflate; client_max_window_bits=7, x",
    ],
)
async def test_an_offer_that_cannot_be_taken_is_declined(offer: str | None) -> None:
    async with serving(per_message_deflate=True) as harness:
        headers = {} if offer is None else {"Sec-WebSocket-Extensions": offer}
        response = await harness.request("GET", WEBSOCKET, {**HANDSHAKE, **headers})
        assert response.status == 101
        assert "sec-websocket-extensions" not in response.headers


async def test_the_first_offer_that_can_be_taken_is() -> None:
    offer = "x-other, permessage-deflate; x=1, permessage-deflate; server_no_context_takeover"
    async with serving(per_message_deflate=True) as harness:
        headers = {**HANDSHAKE, "Sec-WebSocket-Extensions": offer}
        response = await harness.request("GET", WEBSOCKET, headers)
        assert response.headers["sec-websocket-extensions"].startswith("permessage-deflate")
        assert "server_no_context_takeover" in response.headers["sec-websocket-extensions"]


async def test_a_deflate_bomb() -> None:
    async with serving(per_message_deflate=True) as harness:
        wire = await harness.websocket(WEBSOCKET, **OFFER)
        assert str(await wire.packet())[:1] == "0"
        await wire.send(Deflate().frame(BINARY, b"\x00" * 50_000_000))
        await assert_closed_with(harness, wire, 1009, "transport error")


async def test_nonsense_instead_of_deflate() -> None:
    async with serving(per_message_deflate=True) as harness:
        wire = await harness.websocket(WEBSOCKET, **OFFER)
        assert str(await wire.packet())[:1] == "0"
        await wire.send_frame(TEXT, b"\xff\xff\xff\xff", rsv=4)
        await assert_closed_with(harness, wire, 1002, "transport error")


async def test_compressed_fragments() -> None:
    async with serving(per_message_deflate=True) as harness:
        wire = await harness.websocket(WEBSOCKET, **OFFER)
        assert str(await wire.packet())[:1] == "0"
        compressor = zlib.compressobj(wbits=-15)
        data = (compressor.compress(b"4" + b"x" * 500) + compressor.flush(zlib.Z_SYNC_FLUSH))[:-4]
        await wire.send_frame(TEXT, data[:3], fin=False, rsv=4)
        await wire.send_frame(CONTINUATION, data[3:])
        assert await wire.packet() == "4" + "x" * 500


async def test_a_connection_refused_at_its_start(harness: Harness) -> None:
    """A handler that closes at once: the client gets the open packet, then the close frame."""
    harness.server.on_connection(lambda connection: connection.close())
    async with connect(harness.port) as wire:
        assert (await wire.request("GET", WEBSOCKET, HANDSHAKE)).status == 101
        assert str(await wire.packet())[:1] == "0"
        assert await wire.close_code() == 1005
    assert not harness.server.sessions

"""Compression of WebSocket messages over the wire (RFC 7692)."""

from __future__ import annotations

import asyncio
import zlib
from itertools import pairwise

import pytest

from engineio_min.http.connection import HttpConnection
from engineio_min.protocol import frame_compression
from engineio_min.protocol.frame_compression import compress_frame
from engineio_min.protocol.packets import Packet
from tests.engineio_min.harness import (
    WEBSOCKET,
    serving,
)
from tests.engineio_min.transports.sockets import assert_closed_with
from tests.engineio_min.wire import HANDSHAKE, Wire, encode_request
from tests.frames import BINARY, CONTINUATION, TEXT, encode_frame, packet_frame
from tests.hostile.memory import MemoryTransport

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

    monkeypatch.setattr(frame_compression, "compress_frame", compress)
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

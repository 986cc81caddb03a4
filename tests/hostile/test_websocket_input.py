"""Hostile WebSockets: each row is the bytes sent after the open packet, and how the server closes.

`code` is that of the close frame, or None if the session must go on. Frames are written with a mask
of zeros, so that a row shows its payload. The ids are those of the project's catalogue of hostile
input (W: WebSocket).
"""

from __future__ import annotations

import asyncio
import tracemalloc
import zlib
from dataclasses import dataclass
from functools import partial

import pytest

from engineio_min.transports.websocket import MAX_PENDING_PONGS
from tests.engineio_min.harness import Clock
from tests.engineio_min.wire import HANDSHAKE, Wire, encode_request
from tests.frames import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, encode_frame
from tests.hostile.stage import WEBSOCKET, Stage, staged
from tests.waiting import until

# A mask of zeros shows the payload.
frame = partial(encode_frame, mask=bytes(4))


def fragments(opcode: int, *pieces: bytes) -> bytes:
    """A message in fragments."""
    last = len(pieces) - 1
    return b"".join(
        frame(CONTINUATION if number else opcode, piece, fin=number == last)
        for number, piece in enumerate(pieces)
    )


@dataclass(frozen=True)
class Row:
    """One case: bytes, and the close code they cause, or None."""

    id: str
    data: bytes
    code: int | None


MEGABYTE = 1_000_000

ROWS = [
    Row("W05-not-masked", frame(TEXT, b"40", mask=False), 1002),
    Row("W05-not-masked-binary", frame(BINARY, b"40", mask=False), 1002),
    *[Row(f"W05-rsv-{rsv}", frame(TEXT, b"40", rsv=rsv), 1002) for rsv in range(1, 8)],
    *[
        Row(f"W05-opcode-{opcode}", frame(opcode, b"40"), 1002)
        for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)
    ],
    *[
        Row(f"W06-fragment-of-{opcode}", frame(opcode, fin=False), 1002)
        for opcode in (PING, PONG, CLOSE)
    ],
    *[Row(f"W06-long-{opcode}", frame(opcode, b"a" * 126), 1002) for opcode in (PING, PONG, CLOSE)],
    Row("W07-continuation-of-nothing", frame(CONTINUATION, b"40"), 1002),
    Row("W07-text-in-fragments", frame(TEXT, b"4", fin=False) + frame(TEXT, b"0"), 1002),
    Row("W07-binary-in-fragments", frame(TEXT, b"4", fin=False) + frame(BINARY, b"0"), 1002),
    *[
        Row(f"W09-text-{text.hex()}", frame(TEXT, b"4" + text), 1007)
        for text in (
            b"\xff",
            b"\xc0\x80",
            b"\xed\xa0\x80",
            b"\xf4\x90\x80\x80",
            b"\xe2\x82",
            b"\x80",
            b"\xfe\xfe\xff\xff",
        )
    ],
    Row("W09-fragments", fragments(TEXT, b"42[\xe2", b"\x28\xa1", b"]"), 1007),
    Row("W09-before-the-last-fragment", frame(TEXT, b"\xff", fin=False), 1007),
    Row("W10-one-byte", frame(CLOSE, b"\x03"), 1002),
    *[
        Row(f"W10-code-{code}", frame(CLOSE, code.to_bytes(2, "big")), 1002)
        for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535)
    ],
    Row("W10-reason", frame(CLOSE, b"\x03\xe8\xff"), 1007),
    Row("W11-length-2^63", frame(TEXT, length=1 << 63), 1009),
    Row("W11-length-2^64-1", frame(TEXT, length=(1 << 64) - 1), 1009),
    Row("W11-length-2^63-1", frame(TEXT, length=(1 << 63) - 1), 1009),
    Row(
        "W11-length-2^63-1-after-a-fragment",
        frame(TEXT, b"4", fin=False) + frame(CONTINUATION, length=(1 << 63) - 1),
        1009,
    ),
    Row("W12-declared-above-limit", frame(BINARY, b"a", length=MEGABYTE + 1), 1009),
    Row("W13-sum-above-limit", fragments(BINARY, b"a" * 600_000, b"a" * 400_001), 1009),
    Row("W14-many-fragments", fragments(TEXT, *[b"4"] * 2_000), 1008),
    Row("W14-many-empty-fragments", fragments(TEXT, *[b""] * 2_000), 1008),
    Row("W18-16-bits", frame(TEXT, b"40", form=16), None),
    Row("W18-64-bits", frame(TEXT, b"40", form=64), None),
    Row("W08-ping-in-fragments", frame(TEXT, b"4", fin=False) + frame(PONG) + frame(0, b"0"), None),
    Row("W16-fragments", fragments(TEXT, b"4", b"", b"0"), None),
    Row("W25-empty-text", frame(TEXT), 1005),
    Row("W25-empty-binary", frame(TEXT, b"40") + frame(BINARY), 1005),
    Row("W27-http", encode_request("GET", "/"), 1002),
    Row("W27-zeros", b"\0" * 64, 1002),
    Row("W27-ones", b"\xff" * 64, 1002),
]


async def closes(wire: Wire, code: int) -> None:
    """The server closes with `code`; packets that it sent before do not matter."""
    while True:
        received = await wire.frame()
        if received.opcode == CLOSE:
            break
    payload = received.payload
    assert (int.from_bytes(payload[:2], "big") if payload else 1005) == code
    await wire.send(frame(CLOSE, payload[:2]))
    assert await wire.ended() == b""


@pytest.mark.parametrize("how", ["at once", "byte by byte"])
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
async def test_hostile_frames(row: Row, how: str) -> None:
    async with staged() as stage:
        wire = await stage.opened()
        if how == "at once":
            await wire.send(row.data)
        else:
            # The first and the last bytes, so that every head is split, even of a large frame.
            for place in range(min(len(row.data), 24)):
                await wire.send(row.data[place : place + 1])
                await asyncio.sleep(0)
            await wire.send(row.data[24:])
        if row.code is not None:
            await closes(wire, row.code)
        else:
            assert await wire.packet() == f'40{{"sid":"{stage.sockets[-1].id}"}}'


# --- the handshake


@pytest.mark.parametrize(
    "offer",
    [
        "constructor",
        "__proto__; x=1",
        "permessage-deflate; server_max_window_bits=99",
        "permessage-deflate; " + "x=1; " * 2_000,
        ";;;,,,",
        "permessage-deflate; client_max_window_bits=\u00b2",
        " " * 15_000,
    ],
)
@pytest.mark.parametrize("deflate", [False, True])
async def test_bogus_extensions_are_declined(offer: str, deflate: bool) -> None:
    """W02."""
    async with staged(per_message_deflate=deflate) as stage:
        wire = await stage.wire()
        headers = {**HANDSHAKE, "Sec-WebSocket-Extensions": offer}
        answer = await wire.request("GET", WEBSOCKET, headers)
        assert answer.status == 101
        assert "sec-websocket-extensions" not in answer.headers


async def test_frames_in_the_segment_of_the_handshake() -> None:
    """W24: they are the session's first, after the 101."""
    async with staged() as stage:
        wire = await stage.wire()
        await wire.send(
            encode_request("GET", WEBSOCKET, HANDSHAKE)
            + frame(TEXT, b"40")
            + frame(TEXT, b'421["echo"]')
        )
        assert (await wire.response()).status == 101
        assert str(await wire.packet()).startswith("0{")
        assert str(await wire.packet()).startswith("40{")
        assert await wire.packet() == "431[]"


async def test_nonsense_in_the_segment_of_the_handshake() -> None:
    async with staged() as stage:
        wire = await stage.wire()
        await wire.send(encode_request("GET", WEBSOCKET, HANDSHAKE) + b"\xf1\x80\0\0\0\0")
        assert (await wire.response()).status == 101
        assert str(await wire.packet()).startswith("0{")
        await closes(wire, 1002)


# --- sizes


async def test_the_largest_message_is_delivered() -> None:
    """W17."""
    async with staged() as stage:
        wire = await stage.joined()
        text = '421["echo","' + "x" * (MEGABYTE - 14) + '"]'
        await wire.send(frame(TEXT, text.encode()))
        assert await wire.packet() == '431["' + "x" * (MEGABYTE - 14) + '"]'


async def test_a_declared_length_allocates_nothing() -> None:
    """W12: connections that declare a megabyte cost what they send."""
    async with staged() as stage:
        tracemalloc.start()
        try:
            before = tracemalloc.get_traced_memory()[0]
            wires = [await stage.opened() for _ in range(20)]
            for wire in wires:
                await wire.send(frame(BINARY, b"a", length=MEGABYTE))
            await stage.honest_client_works()
            assert tracemalloc.get_traced_memory()[0] - before < MEGABYTE * 2
        finally:
            tracemalloc.stop()


def bomb(size: int) -> bytes:
    """A compressed message of `size` zeros."""
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    data = compressor.compress(bytes(size)) + compressor.flush(zlib.Z_SYNC_FLUSH)
    return data.removesuffix(b"\0\0\xff\xff")


async def test_a_compressed_bomb_is_refused_by_what_it_becomes() -> None:
    """W19: 100 MB of zeros, 97 KB on the wire."""
    async with staged(per_message_deflate=True) as stage:
        wire = await stage.wire()
        headers = {**HANDSHAKE, "Sec-WebSocket-Extensions": "permessage-deflate"}
        assert (await wire.request("GET", WEBSOCKET, headers)).status == 101
        assert str(await wire.packet()).startswith("0{")
        data = bomb(100 * MEGABYTE)
        tracemalloc.start()
        try:
            await wire.send(frame(BINARY, data, rsv=4))
            await closes(wire, 1009)
            assert tracemalloc.get_traced_memory()[1] < 8 * MEGABYTE
        finally:
            tracemalloc.stop()


# --- peers that are slow, silent or gone


async def test_a_ping_flood_by_a_peer_that_does_not_read() -> None:
    """W20: it is cut off before its pongs fill the memory."""
    async with staged() as stage:
        wire = await stage.wire(receive_buffer=4096)
        assert (await wire.request("GET", WEBSOCKET, HANDSHAKE)).status == 101
        pings = frame(PING, b"x" * 125) * 1_000
        with pytest.raises(ConnectionError):  # noqa: PT012 - the write that fails is not known
            while True:
                wire.writer.write(pings)
                await wire.writer.drain()
        assert stage.records.reasons == ["transport error"]


async def test_pings_of_a_peer_that_reads_are_all_answered() -> None:
    async with staged() as stage:
        wire = await stage.opened()
        for number in range(4 * MAX_PENDING_PONGS):
            await wire.send(frame(PING, b"%d" % number))
            answer = await wire.frame()
            assert (answer.opcode, answer.payload) == (PONG, b"%d" % number)


async def slow_consumer(stage: Stage) -> Wire:
    wire = await stage.wire(receive_buffer=4096)
    assert (await wire.request("GET", WEBSOCKET, HANDSHAKE)).status == 101
    await wire.send_packet("40")
    sockets = len(stage.sockets)
    await until(lambda: len(stage.sockets) > sockets)
    return wire


async def test_a_peer_that_never_reads_costs_its_limit() -> None:
    """W21: 100 MB are sent to it at once; it is dropped when more waits than may."""
    async with staged(max_buffered=1_000_000) as stage:
        await slow_consumer(stage)
        text = "x" * 100_000
        tracemalloc.start()
        try:
            for _ in range(1_000):
                stage.sockets[-1].emit("news", text)
                await asyncio.sleep(0)
            assert tracemalloc.get_traced_memory()[1] < 4 * MEGABYTE
        finally:
            tracemalloc.stop()
        assert stage.records.reasons == ["slow consumer"]


async def test_a_write_that_stalls(clock: Clock) -> None:
    """W21: below the limit, 10 seconds without progress end it."""
    async with staged(ping_interval=1000) as stage:
        await slow_consumer(stage)
        for _ in range(100):
            stage.sockets[-1].emit("news", "x" * 50_000)
            await asyncio.sleep(0)
            if not stage.sockets[-1].writable:
                break
        assert not stage.sockets[-1].writable
        assert stage.records.reasons == []
        # What the peer's kernel took at first was progress.
        for _ in range(6):
            await clock.advance(2.5)
        assert stage.records.reasons == ["slow consumer"]


async def test_a_peer_that_vanishes_without_a_word(clock: Clock) -> None:
    """W22: half-open, it is gone after a ping's interval and timeout."""
    async with staged(connect_timeout=1000) as stage:
        wire = await stage.opened()
        for seconds in (25, 20):
            assert stage.records.reasons == []
            await clock.advance(seconds)
            await stage.honest_client_works()
        assert await wire.packet() == "2"
        await closes(wire, 1005)
        assert stage.records.reasons == ["ping timeout"]


@pytest.mark.parametrize("piece", [frame(TEXT, b"4", fin=False), frame(TEXT, b"40")[:-1], b"\x81"])
async def test_a_message_that_is_never_finished(piece: bytes, clock: Clock) -> None:
    """W15: 30 seconds for the whole of it."""
    async with staged(ping_interval=1000, connect_timeout=1000) as stage:
        wire = await stage.opened()
        await wire.send(piece)
        await stage.honest_client_works()
        await clock.advance(29)
        assert stage.records.reasons == []
        await clock.advance(1)
        await until(lambda: stage.records.reasons == ["transport error"])


async def test_data_after_a_close_frame() -> None:
    """W23 and W26: it is not looked at, and nothing is sent."""
    async with staged() as stage:
        wire = await stage.joined()
        await wire.send(
            frame(TEXT, b'421["echo",1]')
            + frame(CLOSE, b"\x03\xe8")
            + frame(TEXT, b'422["echo",2]')
            + b"\xff\xff"
        )
        await closes(wire, 1000)
        assert stage.events[1:] == [["echo", 1]]


async def test_a_peer_that_does_not_answer_the_close(clock: Clock) -> None:
    """W23: 5 seconds, then the connection is cut."""
    async with staged(ping_interval=1000) as stage:
        wire = await stage.opened()
        await wire.send(frame(TEXT, b"9"))
        assert await wire.closing() == b""
        assert len(stage.io.engine.http.connections) == 2
        await clock.advance(5)
        await until(lambda: len(stage.io.engine.http.connections) == 1)


async def test_sending_races_with_a_close() -> None:
    """W26: what the handlers of the same read send goes nowhere, quietly."""
    async with staged() as stage:
        wire = await stage.joined()
        await wire.send(frame(TEXT, b'42["shout",1]') * 3 + frame(CLOSE) + frame(TEXT, b"41"))
        await closes(wire, 1005)
        stage.sockets[-1].emit("late")

"""WebSockets whose peers read slowly or not at all, and what waits for them."""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from engineio_min import Server
from engineio_min.transports.websocket import MAX_PENDING_PONGS
from tests.engineio_min.harness import (
    WEBSOCKET,
    Clock,
    Harness,
    serving,
)
from tests.engineio_min.transports.sockets import stall
from tests.engineio_min.wire import HANDSHAKE, Wire, encode_request
from tests.frames import CLOSE, PING, PONG, encode_frame
from tests.waiting import patient, until

CERTIFICATE = Path(__file__).parents[1] / "localhost.pem"


async def stalled(harness: Harness) -> Wire:
    wire = await harness.wire(receive_buffer=4_096)
    await wire.send(encode_request("GET", WEBSOCKET, HANDSHAKE))
    assert (await wire.response()).status == 101
    assert str(await wire.packet())[:1] == "0"
    await stall(harness, wire)
    return wire


async def test_what_waits_for_a_peer_has_a_bound(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(max_buffered=1_000_000) as harness:
        wire = await stalled(harness)
        assert not harness.connection.session.writable
        # The peer's kernel takes some more, which is progress; then nothing is taken.
        for _ in range(3):
            await clock.advance(2.5)
        for _ in range(20):
            harness.connection.send(b"x" * 100_000)
        await until(lambda: harness.closed)
        assert harness.closed == ["slow consumer"]
        wire.abort()
    assert re.fullmatch(
        r"closed the session of 127\.0\.0\.1 over websocket, slow consumer: 1000640 bytes wait, "
        r"expected at most 1000000 \(max_buffered\); nothing was taken for \d\.\d seconds",
        warnings_of(caplog)[0],
    )


def warnings_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What was logged, but for the jumps of the test's own clock."""
    return [message for message in caplog.messages if "stood still" not in message]


async def test_a_peer_that_reads_nothing_is_dropped(
    harness: Harness, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    await stalled(harness)
    harness.connection.send(b"x" * 1000)
    # The peer's kernel takes some more, which is progress.
    await clock.advance(2.5)
    await clock.advance(2.5)
    left = harness.connection.unsent
    await clock.advance(4.9)
    assert harness.closed == []
    for _ in range(3):
        await clock.advance(2.5)
    assert harness.closed == ["slow consumer"]
    assert re.fullmatch(
        rf"closed the session of 127\.0\.0\.1 over websocket, slow consumer: {left} bytes wait, "
        r"expected some to be taken within 10 seconds \(stall_timeout\); nothing was taken for "
        r"1[012]\.\d seconds",
        warnings_of(caplog)[0],
    )
    await until(lambda: not harness.server.http.connections)


async def test_a_peer_that_reads_as_fast_as_its_link_is_kept(clock: Clock) -> None:
    """500 kB a second and 60 events of 100 kB, which wait for it for 12 seconds."""
    async with serving() as harness:
        wire = await stalled(harness)
        for _ in range(60):
            harness.connection.send(b"y" * 100_000)
        assert harness.connection.unsent > 6_000_000
        received = 0
        while received < 14_000_000:
            size = min(100_000, 14_000_000 - received)
            received += len(await patient(wire.reader.readexactly(size)))
            await clock.advance(0.2)
        await patient(harness.connection.drained())
        assert harness.closed == []


async def test_a_peer_that_reads_slowly_over_tls_is_kept(clock: Clock) -> None:
    """What TLS has encrypted waits where the transport does not count it."""
    server = Server(ping_interval=1000)
    harness = Harness(server, AsyncExitStack())
    server.on_connection(harness.accept)
    own = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    own.load_cert_chain(CERTIFICATE)
    trusted = ssl.create_default_context(cafile=str(CERTIFICATE))
    await server.listen(port=0, ssl=own)
    try:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", server.port, ssl=trusted, server_hostname="localhost", limit=4096
        )
        wire = Wire(reader, writer)
        await wire.send(encode_request("GET", WEBSOCKET, HANDSHAKE))
        await until(lambda: harness.connections)
        connection = harness.connection
        # The first leaves the transport's count at once, the second stays in it.
        for size in (12_000_000, 2_000_000):
            connection.send(b"x" * size)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        await until(lambda: not connection.session.waiting)
        received = 0
        for _ in range(6):
            target = received + 500_000
            while received < target:
                received += len(await patient(reader.read(65_536)))
            await clock.advance(9)
        assert harness.closed == []
        assert not connection.session.waiting
        # Now it reads nothing.
        for _ in range(3):
            await clock.advance(9)
        assert harness.closed == ["slow consumer"]
        writer.transport.abort()
    finally:
        await server.stop()


async def test_a_peer_that_reads_slowly_is_kept(clock: Clock) -> None:
    async with serving(ping_interval=1000) as harness:
        wire = await stalled(harness)
        (transport,) = harness.server.http.connections
        harness.connection.send("after")
        waiting = asyncio.create_task(harness.connection.drained())
        received = 0
        for _ in range(5):
            before = transport.get_write_buffer_size()
            while transport.get_write_buffer_size() == before and received < 7_000_000:
                received += len(await wire.reader.read(65_536))
            await clock.advance(9)
        assert harness.closed == []
        await wire.reader.readexactly(8_000_010 - received)
        assert await wire.packet() == "4after"
        await waiting
        await clock.advance(100)
        assert harness.closed == []
        await wire.send_packet("4hello")
        assert await wire.packet() == "4hello"


async def test_a_peer_that_reads_everything_but_never_closes(
    harness: Harness, clock: Clock
) -> None:
    """The deadline of the closing handshake survives the end of the stall."""
    wire = await stalled(harness)
    harness.connection.session.fail("forced close", "test")
    harness.connection.flush()
    await wire.reader.readexactly(8_000_010)
    assert await wire.closing() == b""
    await clock.advance(21)
    await until(lambda: not harness.server.http.connections)


# Without a close frame it is the session's own time, and then its WebSocket's.
@pytest.mark.parametrize(("says_so", "patience"), [(True, 5), (False, 25 + 20 + 5)])
async def test_a_peer_that_leaves_without_reading_the_rest_is_dropped(
    harness: Harness, clock: Clock, says_so: bool, patience: int
) -> None:
    """What is not sent keeps a closing connection open, but not for ever."""
    wire = await harness.wire(receive_buffer=4_096)
    await wire.send(encode_request("GET", WEBSOCKET, HANDSHAKE))
    assert (await wire.response()).status == 101
    assert str(await wire.packet())[:1] == "0"
    (transport,) = harness.server.http.connections
    sock = transport.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_096)
    # Little enough that asyncio does not call it a stall.
    harness.connection.send(b"x" * 40_000)
    await until(transport.get_write_buffer_size)
    assert harness.connection.session.waiting
    if says_so:
        await wire.send_frame(CLOSE, b"\x03\xe8")
    else:
        wire.writer.write_eof()
    await until(transport.is_closing)
    for _ in range(patience):
        assert harness.server.http.connections
        await clock.advance(0.99)
    # Each of these times begins with the step that found the one before it over.
    await clock.advance(patience * 0.01 + 3)
    await until(lambda: not harness.server.http.connections)
    assert len(harness.closed) == 1


async def test_pongs_for_a_peer_that_does_not_read(harness: Harness) -> None:
    wire = await stalled(harness)
    for _ in range(MAX_PENDING_PONGS + 1):
        await wire.send_frame(PING, b"x" * 125)
    await until(lambda: harness.closed)
    assert harness.closed == ["transport error"]
    await until(lambda: not harness.server.http.connections)


async def test_a_few_pongs_may_wait(harness: Harness) -> None:
    wire = await stalled(harness)
    await wire.send_frame(PING, b"x")
    for _ in range(20):
        await asyncio.sleep(0)
    assert harness.closed == []
    await wire.reader.readexactly(8_000_010)
    pong = await wire.frame()
    assert (pong.opcode, pong.payload) == (PONG, b"x")


async def test_every_ping_of_a_peer_that_reads_is_answered(harness: Harness) -> None:
    wire = await harness.opened_websocket()
    await wire.send(b"".join(encode_frame(PING, b"%d" % number) for number in range(1_000)))
    for number in range(1_000):
        pong = await wire.frame()
        assert (pong.opcode, pong.payload) == (PONG, b"%d" % number)

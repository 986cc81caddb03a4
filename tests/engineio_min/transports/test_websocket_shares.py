"""A WebSocket has its share of a turn of the event loop, in and out; and compression."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import pairwise

import pytest
import uvloop

from engineio_min import Connection
from engineio_min.http.connection import HttpConnection
from engineio_min.protocol.session import Session
from engineio_min.transports.websocket import WebSocket
from tests.engineio_min.harness import (
    WEBSOCKET,
    Harness,
    serving,
)
from tests.engineio_min.transports.sockets import stall
from tests.engineio_min.wire import HANDSHAKE, Wire, connect, encode_request
from tests.frames import CLOSE, PING, PONG, TEXT, encode_frame, packet_frame
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


async def test_large_reads_of_many_connections_share_a_turn(harness: Harness) -> None:
    """Messages of 60 KB over six connections are taken three at a time, in the order in which they
    came; who sends little waits for none of them.
    """
    # Time stands still: how much fits into a turn does not depend on this machine.
    harness.server.turn_share.begin(asyncio.get_running_loop().call_soon, lambda: 0.0)
    transports = [opened(harness) for _ in range(7)]
    for number, transport in enumerate(transports[:6]):
        transport.receive(packet_frame(f"4{number}" + "a" * 60_000))
    transports[6].receive(packet_frame("4little"))
    heads = [str(message)[:6] for message in harness.received]
    assert heads == ["0aaaaa", "1aaaaa", "2aaaaa", "little"]
    assert [transport.is_reading() for transport in transports] == [True] * 3 + [False] * 3 + [True]
    transports[0].receive(packet_frame("4" + "b" * 60_000))
    assert harness.server.account.held > 4 * 60_000
    await asyncio.sleep(0)
    heads = [str(message)[:1] for message in harness.received[4:]]
    assert heads == ["3", "4", "5"]
    assert len(harness.received) == 7
    await asyncio.sleep(0)
    assert str(harness.received[7]) == "b" * 60_000
    assert all(transport.is_reading() for transport in transports)
    assert harness.server.account.held == 0
    for transport in transports:
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
        # What is read at once after a share waits a turn more.
        await asyncio.sleep(0)
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


def backlogged(harness: Harness) -> tuple[MemoryTransport, WebSocket]:
    """Return a WebSocket, and what it writes to, that has taken the first share of a backlog."""
    transport = opened(harness)
    websocket = transport.get_protocol()
    assert isinstance(websocket, WebSocket)
    websocket.pause_writing()
    for _ in range(40):
        harness.connection.send("x" * 50_000)
    websocket.resume_writing()
    return transport, websocket


async def test_a_backlog_waits_for_a_transport_that_takes_no_more(harness: Harness) -> None:
    transport, websocket = backlogged(harness)
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
    transport, _ = backlogged(harness)
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


async def test_a_connection_refused_at_its_start(harness: Harness) -> None:
    """A handler that closes at once: the client gets the open packet, then the close frame."""
    harness.server.on_connection(lambda connection: connection.close())
    async with connect(harness.port) as wire:
        assert (await wire.request("GET", WEBSOCKET, HANDSHAKE)).status == 101
        assert str(await wire.packet())[:1] == "0"
        assert await wire.close_code() == 1005
    assert not harness.server.sessions

"""half_packets.py over the wire: how long attachments may take."""

from __future__ import annotations

import pytest

from socketio_min import Limits, Server, Socket
from socketio_min.protocol.weights import weigh
from socketio_min.server.connection import ServerConnection
from socketio_min.server.half_packets import HalfPacket
from tests.socketio_min.server.admitting import HOLE, Gate
from tests.socketio_min.serving import TRANSPORTS, Transport, serving
from tests.waiting import until


def half_packet(watched: ServerConnection) -> HalfPacket:
    """Return the incomplete packet of a connection that has had one."""
    half = watched._half
    assert half is not None
    return half


def due(watched: ServerConnection) -> float:
    """Return when the attachments of a connection have to be there."""
    return half_packet(watched).deadline


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_attachments_that_do_not_come_end_the_connection(transport: Transport) -> None:
    io = Server(limits=Limits(attachment_timeout=0.01))
    reasons: list[str] = []
    io.on("disconnect", lambda _socket, reason: reasons.append(reason))
    async with serving(io) as net:
        client, _ = await net.join(transport=transport)
        await client.send(f'452-["x",{HOLE}]', b"one of two")
        assert await client.rest() == []
    assert reasons == ["forced close"]


async def test_the_deadline_of_attachments_ends_with_the_last_one() -> None:
    io = Server(limits=Limits(attachment_timeout=60.0))
    async with serving(io) as net:
        client, _ = await net.join()
        (watched,) = io.connections
        await client.send(f'452-["x",{HOLE}]')
        await until(lambda: watched.peer.reconstructor)
        deadline = due(watched)
        assert io.engine.loop.time() < deadline < io.engine.loop.time() + 61.0
        await client.send(b"one", "3", b"two")
        await client.nothing_more()
        assert due(watched) == float("inf")


async def test_the_bytes_of_an_incomplete_packet_are_counted() -> None:
    """Those of a small one are in no sum; the values of a long text weigh more than its length."""
    io = Server()
    async with serving(io) as net:
        client, _ = await net.join()
        (watched,) = io.connections
        await client.send(f'452-["x",{HOLE}]')
        await until(lambda: watched.peer.reconstructor)
        assert half_packet(watched).size == 0
        await client.send(b"1" * 2_000)
        await until(lambda: half_packet(watched).size)
        assert half_packet(watched).size == 2_000 + len(f'52-["x",{HOLE}]')
        await client.send(b"2")
        await until(lambda: watched.peer.reconstructor is None)
        assert half_packet(watched).size == 0
        text = f'52-["x",{HOLE},"{"y" * 2_000}"]'
        await client.send(f"4{text}")
        await until(lambda: half_packet(watched).size)
        assert half_packet(watched).size == weigh(text) > len(text)


async def test_each_attachment_does_not_prolong_the_deadline() -> None:
    io = Server(limits=Limits(attachment_timeout=60.0))
    async with serving(io) as net:
        client, _ = await net.join()
        (watched,) = io.connections
        await client.send(f'453-["x",{HOLE}]')
        await until(lambda: watched.peer.reconstructor)
        # As if it had been set a while ago.
        half_packet(watched).deadline -= 30.0
        deadline = due(watched)
        await client.send(b"one", b"two")
        await client.send("3")
        await until(lambda: len(watched.peer.reconstructor._attachments) == 2)  # type: ignore[union-attr]
        assert due(watched) == deadline


async def test_the_deadline_of_attachments_ends_when_their_namespace_is_left() -> None:
    io = Server(limits=Limits(attachment_timeout=60.0))
    io.of("/other")
    async with serving(io) as net:
        client, _ = await net.join()
        other = io.of("/other").sockets[await client.join("/other")]
        (watched,) = io.connections
        await client.send(f'451-/other,["x",{HOLE}]')
        await until(lambda: watched.peer.reconstructor)
        other.disconnect()
        await client.expect("41/other,")
        await client.send(b"late")
        await until(lambda: watched.peer.reconstructor is None)
        assert due(watched) == float("inf")
        await client.nothing_more()


async def test_the_deadline_of_attachments_outlives_what_was_received_before_them() -> None:
    """Invariant: while attachments are due, a deadline runs."""
    io = Server(limits=Limits(attachment_timeout=60.0))
    gate = Gate()

    @io.of("/slow").use
    async def wait(_socket: Socket) -> None:
        await gate.wait()

    @io.on("later")
    async def later(_socket: Socket) -> None:
        pass

    async with serving(io) as net:
        client, _ = await net.join()
        (watched,) = io.connections
        # The event `x` waits for its turn until after the header has been read.
        await client.send("40/slow,", '42["later"]', '42["x"]', f'451-["x",{HOLE}]')
        await until(lambda: gate.waiting and watched.peer.reconstructor)
        gate.open()
        assert (await client.receive_text()).startswith("40/slow,")
        assert due(watched) != float("inf")
        await client.send(b"x")
        await client.nothing_more()

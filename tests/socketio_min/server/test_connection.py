"""connection.py: the deadline of attachments, and how much is read and kept."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from socketio_min import Limits, Server, Socket
from tests.socketio_min.server.admitting import HOLE, Gate
from tests.socketio_min.serving import TRANSPORTS, Transport, serving
from tests.waiting import until


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
        await until(lambda: watched.peer.incomplete)
        deadline = watched.deadline
        assert io.engine.loop.time() < deadline < io.engine.loop.time() + 61.0
        await client.send(b"one", "3", b"two")
        await client.nothing_more()
        assert watched.deadline == float("inf")


async def test_each_attachment_does_not_prolong_the_deadline() -> None:
    io = Server(limits=Limits(attachment_timeout=60.0))
    async with serving(io) as net:
        client, _ = await net.join()
        (watched,) = io.connections
        await client.send(f'453-["x",{HOLE}]')
        await until(lambda: watched.peer.incomplete)
        # As if it had been set a while ago.
        watched.deadline -= 30.0
        deadline = watched.deadline
        await client.send(b"one", b"two")
        await client.send("3")
        await until(lambda: len(watched.peer.reconstructor._attachments) == 2)  # type: ignore[union-attr]
        assert watched.deadline == deadline


async def test_the_deadline_of_attachments_ends_when_their_namespace_is_left() -> None:
    io = Server(limits=Limits(attachment_timeout=60.0))
    io.of("/other")
    async with serving(io) as net:
        client, _ = await net.join()
        other = io.of("/other").sockets[await client.join("/other")]
        (watched,) = io.connections
        await client.send(f'451-/other,["x",{HOLE}]')
        await until(lambda: watched.peer.incomplete)
        other.disconnect()
        await client.expect("41/other,")
        await client.send(b"late")
        await until(lambda: not watched.peer.incomplete)
        assert watched.deadline == float("inf")
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
        await until(lambda: gate.waiting and watched.peer.incomplete)
        gate.open()
        assert (await client.receive_text()).startswith("40/slow,")
        assert watched.deadline != float("inf")
        await client.send(b"x")
        await client.nothing_more()


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_reading_pauses_while_too_many_handlers_are_in_flight(transport: Transport) -> None:
    io = Server(limits=Limits(max_handlers=2))
    gate = Gate()
    seen: list[int] = []

    @io.on("work")
    async def work(_socket: Socket, number: int) -> None:
        seen.append(number)
        await gate.wait()

    async with serving(io) as net:
        client, _ = await net.join(transport=transport)
        (watched,) = io.connections
        connection = watched.connection
        await client.send('42["work",1]')
        await until(lambda: gate.waiting == 1)
        paused = [connection.paused]
        sending = asyncio.ensure_future(client.send('42["work",2]'))
        await until(lambda: gate.waiting == 2)
        paused.append(connection.paused)
        # WebSocket: it stays in the kernel. Polling: the client may not post before its answer.
        assert sending.done() == (transport == "websocket")
        if transport == "websocket":
            await client.send('42["work",3]')
            for _ in range(20):
                await asyncio.sleep(0)
            assert seen == [1, 2]
        gate.open()
        await sending
        await client.nothing_more()
        assert [*paused, connection.paused] == [False, True, False]
        assert seen == ([1, 2, 3] if transport == "websocket" else [1, 2])


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("broadcast", [False, True])
async def test_handlers_that_wait_for_the_client_do_not_stop_it(
    broadcast: bool, transport: Transport
) -> None:
    io = Server(limits=Limits(max_handlers=1))

    @io.on("ask")
    async def ask(socket: Socket) -> Any:
        if broadcast:
            return await io.to(socket.id).timeout(20.0).call("question")
        return await socket.call("question", timeout=20.0)

    async with serving(io) as net:
        client, _ = await net.join(transport=transport)
        await client.send('421["ask"]')
        await client.expect('420["question"]')
        await client.send('430["answer"]')
        await client.expect('431[["answer"]]' if broadcast else '431["answer"]')


async def test_a_paused_connection_can_be_closed() -> None:
    io = Server(limits=Limits(max_handlers=1))
    gate = Gate()

    @io.on("work")
    async def work(_socket: Socket) -> None:
        await gate.wait()

    async with serving(io) as net:
        client, socket = await net.join()
        await client.send('42["work"]')
        await until(lambda: gate.waiting)
        socket.disconnect(close=True)
        await client.expect("41")
        assert await client.rest() == []
        gate.open()


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_packets_before_the_reply_to_connect_are_bounded(transport: Transport) -> None:
    io = Server(limits=Limits(max_held_packets=3))
    reasons: list[str] = []

    @io.use
    def flood(socket: Socket) -> None:
        for _ in range(int(socket.handshake.auth["count"])):
            socket.emit("x")

    io.on("disconnect", lambda _socket, reason: reasons.append(reason))
    async with serving(io) as net:
        client = await net.open(transport)
        await client.join(auth='{"count":3}')
        await client.expect(*['42["x"]'] * 3)
        greedy = await net.open(transport)
        await greedy.send('40{"count":4}')
        assert await greedy.rest() == []

"""connection.py over the wire: how much is read and kept."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from engineio_min.transports.websocket import CLOSE_TIMEOUT
from socketio_min import Limits, Server, Socket
from tests.engineio_min.harness import Clock
from tests.socketio_min.server.admitting import Gate
from tests.socketio_min.serving import TRANSPORTS, Transport, serving
from tests.waiting import until


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


async def test_a_paused_connection_can_be_closed(clock: Clock) -> None:
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
        rest = asyncio.ensure_future(client.rest())
        while not rest.done():
            await clock.advance(CLOSE_TIMEOUT)
        assert await rest == []
        gate.open()


async def test_what_waits_for_a_handler_is_dropped_when_its_socket_leaves() -> None:
    io = Server(limits=Limits(max_handlers=1))
    gate = Gate()
    late: list[Socket] = []
    io.on("late", late.append)

    @io.on("work")
    async def work(_socket: Socket) -> None:
        await gate.wait()

    async with serving(io) as net:
        client, socket = await net.join()
        (watched,) = io.connections
        await client.send('42["work"]', '42["late"]')
        await until(lambda: gate.waiting == 1)
        assert watched.turns.behind == 2
        socket.disconnect()
        await client.expect("41")
        gate.open()
        await until(lambda: not watched.turns.behind)
    assert late == []


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


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_connection_is_idle_when_nothing_is_under_way(transport: Transport) -> None:
    io = Server()
    gate = Gate()

    @io.on("work")
    async def work(_socket: Socket, *_: Any) -> str:
        await gate.wait()
        return "done"

    async with serving(io) as net:
        client, socket = await net.join(transport=transport)
        (connection,) = io.connections
        await until(lambda: connection.is_idle)
        await client.send('420["work"]')
        await until(lambda: gate.waiting)
        assert not connection.is_idle
        gate.open()
        # On polling the acknowledgement waits until it is fetched.
        assert await client.receive() == '430["done"]'
        await until(lambda: connection.is_idle)
        await client.send('451-["half",{"_placeholder":true,"num":0}]')
        await until(lambda: connection.peer.reconstructor is not None)
        assert not connection.is_idle
        assert socket.connected

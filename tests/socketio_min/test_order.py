"""The order of a connection, and what a peer can make it hold, seen from the other end of the wire.

`test_turns.py` has the rules; here are both users of them, a server and a client.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from socketio_min import ClientLimits, Disconnected, Limits, Server, Socket
from tests.engineio_min.scripted import Peer, server_frame
from tests.frames import CLOSE, encode_frame, packet_frame
from tests.socketio_min.client.meeting import joined, log_of, meeting, socketio
from tests.socketio_min.serving import TRANSPORTS, Serving, Transport, serving
from tests.socketio_min.wire import Client, PollingClient, WebSocketClient
from tests.waiting import until
from tests.waiting import until as eventually


async def send_and_leave(client: Client, *packets: str) -> None:
    """Send packets and leave, in one POST or one write."""
    if isinstance(client, PollingClient):
        await client.post("\x1e".join((*packets, "1")).encode())
        client.ended = True
    else:
        assert isinstance(client, WebSocketClient)
        client.wire.writer.write(
            b"".join(map(packet_frame, packets)) + encode_frame(CLOSE, b"\x03\xe8")
        )


# --- a server


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_what_a_client_sends_before_it_leaves_is_handled(transport: Transport) -> None:
    io = Server()
    seen: list[Any] = []

    @io.on("later")
    async def later(socket: Socket, number: int) -> None:
        seen.append((number, socket.connected))
        await asyncio.sleep(0)

    io.on("now", lambda socket, number: seen.append((number, socket.connected)))
    io.on("disconnect", lambda _socket, reason: seen.append(reason))
    async with serving(io) as net:
        for packets, reason in (
            (('42["later",3]', "41"), "client namespace disconnect"),
            (('42["later",3]',), "transport close"),
            (('42["later",3]', "9"), "parse error"),
        ):
            client, _ = await net.join(transport=transport)
            await send_and_leave(client, '42["later",1]', '42["now",2]', *packets)
            await until(lambda: len(seen) == 4)
            assert seen == [(1, True), (2, True), (3, True), reason]
            seen.clear()


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_leaving_starts_no_more_handlers_than_staying(transport: Transport) -> None:
    io = Server(limits=Limits(max_handlers=2))
    gate = asyncio.Event()
    seen: list[Any] = []

    @io.on("work")
    async def work(_socket: Socket, number: int) -> None:
        seen.append(number)
        await gate.wait()

    io.on("disconnect", lambda _socket, reason: seen.append(reason))
    async with serving(io) as net:
        client, socket = await net.join(transport=transport)
        packets = [f'42["work",{number}]' for number in range(5)]
        await send_and_leave(client, *packets, "41")
        await until(lambda: not socket.connected)
        assert seen == [0, 1, "client namespace disconnect"]
        gate.set()


async def test_a_server_reads_no_faster_than_handlers_start() -> None:
    """Invariant: what waits is never more than the limit and one read."""
    io = Server(limits=Limits(max_handlers=8))
    handled = 0

    @io.on("work")
    async def work(_socket: Socket) -> None:
        nonlocal handled
        handled += 1

    async with serving(io) as net:
        client, _ = await net.join()
        (watched,) = io.connections
        assert isinstance(client, WebSocketClient)
        for _ in range(50):
            client.wire.writer.write(packet_frame('42["work"]') * 200)
            await asyncio.sleep(0)
            # A handler starts with each turn of the loop, so all that while it is the first reads.
            assert watched.turns.behind < 1_000
        await until(lambda: handled == 10_000)


async def test_what_waits_when_the_server_closes_is_not_begun() -> None:
    """Invariant: `close` leaves no handler behind, also of a client that has just left."""
    io = Server()
    gate = asyncio.Event()
    begun: list[int] = []

    @io.on("work")
    async def work(_socket: Socket, number: int) -> None:
        begun.append(number)
        await gate.wait()

    await io.listen(port=0)
    clients = Serving(io)
    client, _ = await clients.join()
    await send_and_leave(client, *[f'42["work",{number}]' for number in range(150)], "41")
    await until(lambda: begun)
    await io.close()
    assert len(begun) < 150
    for _ in range(300):
        await asyncio.sleep(0)
    assert not io.handler_tasks
    assert asyncio.all_tasks() == {asyncio.current_task()}
    clients.abort()


async def test_the_limit_counts_within_a_read() -> None:
    io = Server(limits=Limits(max_handlers=1))
    gate = asyncio.Event()
    seen: list[str] = []

    @io.on("ask")
    async def ask(socket: Socket) -> None:
        seen.append(await socket.call("question"))
        await gate.wait()
        seen.append("end")

    @io.on("work")
    async def work(_socket: Socket) -> None:
        seen.append("work")

    async with serving(io) as net:
        client, _ = await net.join()
        await client.send('42["ask"]')
        await client.expect('420["question"]')
        # With the answer its handler runs again.
        await client.send('430["answer"]', '42["work"]')
        await until(lambda: seen)
        for _ in range(10):
            await asyncio.sleep(0)
        assert seen == ["answer"]
        gate.set()
        await client.nothing_more()
        assert seen == ["answer", "end", "work"]


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_connection_that_is_over_is_not_paused(transport: Transport) -> None:
    """Its transport may be closed, and then some event loops refuse it."""
    io = Server(limits=Limits(max_handlers=1))
    paused: list[bool] = []

    @io.on("ask")
    async def ask(socket: Socket) -> None:
        try:
            await socket.call("question")
        except Disconnected:
            # Without an answer due it counts for the limit again.
            paused.append(watched.connection.paused)

    async with serving(io) as net:
        client, _ = await net.join(transport=transport)
        (watched,) = io.connections
        await client.send('42["ask"]')
        await client.expect('420["question"]')
        await client.leave()
        await until(lambda: paused)
        assert paused == [False]


async def test_what_waits_is_dropped_when_the_server_closes() -> None:
    io = Server(limits=Limits(max_handlers=1))
    started: list[Any] = []
    reasons: list[str] = []
    io.of("/other").on("connect", started.append)

    @io.on("work")
    async def work(socket: Socket) -> None:
        started.append(socket)
        await asyncio.Event().wait()

    io.on("disconnect", lambda _socket, reason: reasons.append(reason))
    async with serving(io) as net:
        client, socket = await net.join()
        await client.send('42["work"]', '42["work"]', "40/other,")
        await until(lambda: started)
        await io.close()
        assert reasons == ["server shutting down"]
        await until(lambda: not io.handler_tasks)
        for _ in range(3):
            await asyncio.sleep(0)
        assert started == [socket]


async def test_a_predicate_that_fails_refuses_its_connect_alone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    io = Server()

    def matches(_name: str, _auth: Any) -> bool:
        raise ValueError("the predicate's own")

    io.of(matches)

    @io.on("work")
    async def work(_socket: Socket) -> None:
        pass

    async with serving(io) as net:
        client, _ = await net.join()
        await client.send("40/a,", '42["work"]', "40/b,")
        await client.expect(
            '44/a,{"message":"Internal server error"}', '44/b,{"message":"Internal server error"}'
        )
        await client.nothing_more()
    assert caplog.text.count("ValueError: the predicate's own") == 2


# --- a client


def in_one_write(peer: Peer, *packets: str) -> None:
    peer.writer.write(b"".join(map(server_frame, packets)))


async def test_a_read_full_of_events_costs_a_client_a_callback_each() -> None:
    """It was a callback for each event and each event before it."""
    count = 400

    async def talk(peer: Peer) -> None:
        in_one_write(peer, *[f'42["slow",{number}]' for number in range(count)], '42["end"]')

    async with meeting(joined(talk), limits=ClientLimits(max_handlers=1_000)) as (client, _):
        loop = asyncio.get_running_loop()
        call_soon = loop.call_soon
        callbacks = 0

        def counted(*args: Any, **options: Any) -> Any:
            nonlocal callbacks
            callbacks += 1
            return call_soon(*args, **options)

        started: list[int] = []

        @client.on("slow")
        async def slow(number: int) -> None:
            started.append(number)

        ended = log_of(client, "end")
        loop.call_soon = counted  # type: ignore[assignment, method-assign]
        await client.connect()
        await eventually(lambda: ended)
        assert started == list(range(count))
        # A turn, a task's first step and a task's end for each; the test's own waiting apart.
        assert callbacks < 10 * count


async def test_a_client_starts_no_more_handlers_of_a_read_than_allowed() -> None:
    async def talk(peer: Peer) -> None:
        in_one_write(peer, *[f'42["slow",{number}]' for number in range(20)], '42["end"]')

    async with meeting(joined(talk), limits=ClientLimits(max_handlers=3)) as (client, _):
        running = most = 0

        @client.on("slow")
        async def slow(number: int) -> None:
            nonlocal running, most
            running += 1
            most = max(most, running)
            for _ in range(number % 5 * 3):
                await asyncio.sleep(0)
            running -= 1

        ended = log_of(client, "end")
        await client.connect()
        await eventually(lambda: ended)
        assert most == 3


async def test_a_client_reads_no_faster_than_its_handlers_start() -> None:
    """As a server does, and on each of its connections."""
    waiting: list[int] = []

    async def talk(peer: Peer) -> None:
        for _ in range(50):
            in_one_write(peer, *['42["work"]'] * 100)
            await asyncio.sleep(0)
            waiting.append(client._connection.turns.behind)
        peer.frame('42["end"]')
        assert await peer.packet() == "41"

    async with meeting(joined(talk), limits=ClientLimits(max_handlers=8)) as (client, _):

        @client.on("work")
        async def work() -> None:
            pass

        ended = log_of(client, "end")
        for _ in range(2):
            await client.connect()
            await eventually(lambda: ended)
            ended.clear()
            await client.disconnect()
        assert max(waiting) < 1_000


async def test_a_client_tells_of_the_end_after_all_that_came_before() -> None:
    """No handler can delay the end, and so the next connection; no event is lost for it either."""

    async def talk(peer: Peer) -> None:
        in_one_write(peer, *[f'42["slow",{number}]' for number in range(5)], "41")
        peer.frame("", 0x88)

    async with meeting(joined(talk), limits=ClientLimits(max_handlers=2)) as (client, _):
        seen = log_of(client, "disconnect")

        @client.on("slow")
        async def slow(number: int) -> None:
            seen.append(number)
            await asyncio.Event().wait()

        await client.connect()
        await eventually(lambda: not client.connected)
        assert seen == [*range(5), ("disconnect", "io server disconnect")]


async def test_held_events_come_before_what_waits_already() -> None:
    async def talk(peer: Peer) -> None:
        assert await peer.packet() == "40"
        peer.frame('40{"sid":"s1"}')
        assert await peer.packet() == "40/b,"
        in_one_write(
            peer,
            '42/b,["slow","held 1"]',
            '42/b,["slow","held 2"]',
            '42/b,["quick","held 3"]',
            '42["slow","main"]',
            '40/b,{"sid":"b1"}',
            '42/b,["quick","after"]',
            '42["quick","last"]',
        )
        assert await peer.packet() == '42/b,["done"]'

    async with meeting(socketio(talk)) as (client, _):
        other = client.of("/b")
        seen: list[str] = []
        other.on("connect", lambda: seen.append("connect"))
        for namespace in (client, other):

            @namespace.on("slow")
            async def slow(name: str) -> None:
                seen.append(name)

            namespace.on("quick", seen.append)

        await client.connect()
        await other.connect()
        await eventually(lambda: "last" in seen)
        other.emit("done")
        assert seen == ["main", "held 1", "held 2", "held 3", "connect", "after", "last"]

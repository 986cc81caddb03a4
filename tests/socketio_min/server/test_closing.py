"""The end of a server, and of what its clients wait for."""

from __future__ import annotations

import asyncio
import re

import pytest

from socketio_min import Server, Socket
from tests.socketio_min.server.admitting import Gate
from tests.socketio_min.serving import TRANSPORTS, Transport, serving
from tests.socketio_min.wire import Ended, PollingClient
from tests.waiting import until


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_closing_the_server_tells_the_reason_and_sends_no_packet(
    transport: Transport,
) -> None:
    io = Server()
    reasons: list[tuple[str, str]] = []
    gate = Gate()

    @io.on("work")
    async def work(_socket: Socket) -> None:
        await gate.wait()

    for namespace in (io, io.of("/other")):

        @namespace.on("disconnect")
        def disconnect(socket: Socket, reason: str) -> None:
            reasons.append((socket.namespace.name, reason))

    async with serving(io) as net:
        client, _ = await net.join(transport=transport)
        await client.join("/other")
        await client.send('42["work"]')
        await until(lambda: gate.waiting)
        if isinstance(client, PollingClient):
            await client.park()
            await until(lambda: next(iter(io.engine.sessions.values())).session.waiting)
        await io.close()
        assert await client.rest() == []
        if isinstance(client, PollingClient):
            client.ended = True
    assert reasons == [("/", "server shutting down"), ("/other", "server shutting down")]
    assert io.shutdown_reason is None


async def test_a_server_drains_before_it_closes() -> None:
    """Handlers in flight end and are acknowledged, those too that begin meanwhile."""
    io = Server()
    gate, second = Gate(), Gate()

    @io.on("work")
    async def work(_socket: Socket) -> str:
        await gate.wait()
        return "done"

    @io.on("more")
    async def more(_socket: Socket) -> str:
        await second.wait()
        return "done too"

    async with serving(io) as net:
        client, _ = await net.join()
        poller, _ = await net.join(transport="polling")
        assert isinstance(poller, PollingClient)
        for one in (client, poller):
            await one.send('421["work"]')
        await until(lambda: len(io.handler_tasks) == 2)
        await poller.park()
        closing = asyncio.create_task(io.close(drain=60))
        await asyncio.sleep(0)
        with pytest.raises(ConnectionRefusedError):
            await net.open()
        await client.send('422["more"]')
        await until(lambda: second.waiting)
        gate.open()
        for one in (client, poller):
            await one.expect('431["done"]')
        assert not closing.done()
        second.open()
        await client.expect('432["done too"]')
        assert await client.rest() == []
        poller.ended = True
        await closing


async def test_what_is_left_of_the_time_is_for_the_handlers_of_disconnect(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """They begin with the end of the sessions, and may have something to store."""
    io = Server()
    gate = Gate()
    stored: list[str] = []
    stop = io.engine.stop

    async def stop_and_open() -> None:
        await stop()
        assert gate.waiting
        asyncio.get_running_loop().call_soon(gate.open)

    @io.on("disconnect")
    async def disconnect(_socket: Socket, reason: str) -> None:
        await gate.wait()
        stored.append(reason)

    async with serving(io) as net:
        client, _ = await net.join()
        monkeypatch.setattr(io.engine, "stop", stop_and_open)
        await io.close(drain=60)
        assert stored == ["server shutting down"]
        assert await client.rest() == []


async def test_a_server_does_not_drain_for_ever() -> None:
    io = Server()
    gate = Gate()
    cancelled: list[bool] = []

    @io.on("work")
    async def work(_socket: Socket) -> None:
        try:
            await gate.wait()
        except asyncio.CancelledError:
            cancelled.append(True)
            raise

    async with serving(io) as net:
        client, _ = await net.join()
        await client.send('42["work"]')
        await until(lambda: gate.waiting)
        await io.close(drain=0.01)
        assert cancelled == [True]
        assert await client.rest() == []


async def test_a_handler_may_close_the_server() -> None:
    """It is not cancelled, and not waited for."""
    io = Server()
    ended: list[bool] = []

    @io.on("end")
    async def end(_socket: Socket) -> None:
        await io.close(drain=60)
        ended.append(True)

    async with serving(io) as net:
        client, _ = await net.join()
        await client.send('42["end"]')
        assert await client.rest() == []
        await until(lambda: ended)
        assert io.shutdown_reason is None


@pytest.mark.parametrize("where", ["middleware", "handler"])
async def test_closing_the_server_while_a_client_is_being_admitted_leaves_nothing(
    where: str,
) -> None:
    io = Server()
    gate = Gate()
    dynamic = io.of(re.compile("^/dynamic"))

    async def wait(socket: Socket) -> None:
        socket.join("room")
        await gate.wait()

    for namespace in (io, dynamic):
        if where == "middleware":
            namespace.use(wait)
        else:
            namespace.on("connect", wait)
    async with serving(io) as net:
        client = await net.open()
        await client.send("40", "40/dynamic,")
        await until(lambda: gate.waiting == 2)
        await io.close()
        assert await client.rest() == []


async def test_a_server_can_listen_again() -> None:
    io = Server()
    async with serving(io) as net:
        await net.join()
        await io.close()
        await io.listen(port=0)
        client, _ = await net.join()
        await client.nothing_more()


async def test_closing_a_server_that_never_listened() -> None:
    await Server().close()


async def test_a_server_that_refuses_newcomers_goes_on_with_its_clients() -> None:
    io = Server()
    io.on("ask", lambda _socket: "here")
    async with serving(io) as net:
        client, _ = await net.join()
        io.refuse_newcomers()
        with pytest.raises(Ended, match="503"):
            await net.open()
        await client.send('421["ask"]')
        await client.expect('431["here"]')

"""A CONNECT from its packet to its answer, and whoever goes meanwhile."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from socketio_min import Client, ConnectionRefused, Limits, Server, Socket
from tests.socketio_min.server.admitting import HOLE, REFUSED, Gate, refuse
from tests.socketio_min.serving import TRANSPORTS, Transport, serving
from tests.waiting import PATIENCE, until


def admit_by(io: Server, where: str, function: Any) -> None:
    """Let a function decide on clients, as a middleware or as the handler of `connect`."""
    if where == "middleware":
        io.use(function)
    else:
        io.on("connect", function)


async def refuse_later(*_anything: Any) -> None:
    await asyncio.sleep(0)
    refuse()


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("where", ["middleware", "handler"])
@pytest.mark.parametrize("function", [refuse, refuse_later])
async def test_a_refused_client_is_told_why_and_may_try_again(
    function: Any, where: str, transport: Transport
) -> None:
    io = Server()
    ended: list[str] = []
    admit_by(io, where, function)
    io.on("disconnect", lambda _socket, reason: ended.append(reason))
    async with serving(io) as net:
        client = await net.open(transport)
        for _ in range(2):
            await client.send("40")
            await client.expect(REFUSED)
        assert io.sockets == {}
    assert ended == []


@pytest.mark.parametrize(
    ("error", "reply"),
    [
        (ConnectionRefused(), '44{"message":"not authorized"}'),
        (ConnectionRefused("full"), '44{"message":"full"}'),
        (ConnectionRefused("full", 0), '44{"message":"full","data":0}'),
        (ConnectionRefused("full", [1, None]), '44{"message":"full","data":[1,null]}'),
        (ValueError("a secret"), '44{"message":"Internal server error"}'),
    ],
)
async def test_what_a_refused_client_is_told(error: Exception, reply: str) -> None:
    io = Server()

    @io.use
    def fail(_socket: Socket) -> None:
        raise error

    async with serving(io) as net:
        client = await net.open()
        await client.send("40")
        await client.expect(reply)


@pytest.mark.parametrize("later", [False, True])
async def test_refusing_with_data_that_cannot_be_sent_still_answers(
    later: bool, caplog: pytest.LogCaptureFixture
) -> None:
    io = Server()

    @io.use
    async def wait(_socket: Socket) -> None:
        await asyncio.sleep(0)

    if not later:
        io.middlewares.clear()

    @io.use
    def fail(_socket: Socket) -> None:
        raise ConnectionRefused("no", {"bytes": b"x"})

    async with serving(io) as net:
        client = await net.open()
        for _ in range(2):
            await client.send("40")
            await client.expect('44{"message":"no"}')
    assert "EncodeError" in caplog.text


async def test_middlewares_run_in_order_and_the_first_refusal_ends_it() -> None:
    io = Server()
    calls: list[str] = []

    @io.use
    def first(_socket: Socket) -> None:
        calls.append("first")

    @io.use
    async def second(_socket: Socket) -> None:
        await asyncio.sleep(0)
        calls.append("second")

    @io.use
    def third(socket: Socket) -> None:
        calls.append("third")
        assert not socket.connected
        if socket.handshake.auth.get("bad"):
            refuse()

    @io.use
    async def fourth(_socket: Socket) -> None:
        calls.append("fourth")

    @io.on("connect")
    async def connect(_socket: Socket) -> None:
        calls.append("connect")

    async with serving(io) as net:
        client = await net.open()
        await client.send('40{"bad":true}')
        await client.expect(REFUSED)
        assert calls == ["first", "second", "third"]
        calls.clear()
        await client.join()
        assert calls == ["first", "second", "third", "fourth", "connect"]


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_what_is_emitted_before_the_reply_arrives_after_it(transport: Transport) -> None:
    io = Server()

    @io.use
    def middleware(socket: Socket) -> None:
        socket.emit("middleware")
        socket.join("early")

    @io.on("connect")
    async def connect(socket: Socket) -> None:
        socket.emit("before", b"x")
        await asyncio.sleep(0)
        io.to("early").emit("room")
        io.emit("everybody")
        socket.volatile.emit("dropped, for it cannot leave at once")

    async with serving(io) as net:
        client, socket = await net.join(transport=transport)
        await client.expect(
            '42["middleware"]', f'451-["before",{HOLE}]', b"x", '42["room"]', '42["everybody"]'
        )
        assert socket.rooms == {socket.id, "early"}
        await client.nothing_more()


@pytest.mark.parametrize("where", ["middleware", "handler"])
@pytest.mark.parametrize("later", [False, True])
async def test_disconnecting_a_socket_that_is_being_admitted(where: str, later: bool) -> None:
    io = Server()
    reasons: list[str] = []

    def dismiss(socket: Socket) -> None:
        socket.emit("bye")
        socket.disconnect()

    async def dismiss_later(socket: Socket) -> None:
        await asyncio.sleep(0)
        dismiss(socket)

    function = dismiss_later if later else dismiss
    admit_by(io, where, function)
    io.on("disconnect", lambda _socket, reason: reasons.append(reason))
    async with serving(io) as net:
        client = await net.open()
        await client.join()
        await client.expect('42["bye"]', "41")
        assert reasons == ["server namespace disconnect"]
        assert io.sockets == {}


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("where", ["middleware", "handler"])
@pytest.mark.parametrize("later", [False, True])
async def test_closing_the_connection_of_a_socket_that_is_being_admitted(
    later: bool, where: str, transport: Transport
) -> None:
    """CONNECT is answered and taken back, so that the client stays away."""
    io = Server()
    io.of("/other")
    reasons: list[tuple[str, str]] = []

    def dismiss(socket: Socket) -> None:
        socket.emit("bye")
        socket.disconnect(close=True)
        socket.disconnect()

    async def dismiss_later(socket: Socket) -> None:
        await asyncio.sleep(0)
        dismiss(socket)

    function = dismiss_later if later else dismiss
    admit_by(io, where, function)
    for namespace in (io, io.of("/other")):
        namespace.on("disconnect", lambda s, reason: reasons.append((s.namespace.name, reason)))
    async with serving(io) as net:
        client = await net.open(transport)
        await client.join("/other")
        await client.join()
        assert await client.rest() == ['42["bye"]', "41/other,", "41"]
    assert reasons == [
        ("/other", "server namespace disconnect"),
        ("/", "server namespace disconnect"),
    ]


async def test_closing_the_connection_of_a_client_that_is_refused() -> None:
    io = Server()

    @io.on("connect")
    def refuse(socket: Socket) -> None:
        socket.disconnect(close=True)
        raise ConnectionRefused("go away")

    async with serving(io) as net:
        client = await net.open()
        await client.send("40")
        assert await client.rest() == ['44{"message":"go away"}']


async def test_a_client_that_is_closed_when_it_connects_stays_away() -> None:
    io = Server()
    io.on("connect", lambda socket: socket.disconnect(close=True))
    await io.listen(port=0)
    client = Client(f"http://127.0.0.1:{io.port}", reconnection_delay=0.001)
    told: asyncio.Queue[str] = asyncio.Queue()
    client.on("disconnect", told.put_nowait)
    try:
        async with asyncio.timeout(PATIENCE):
            await client.connect()
            assert await told.get() == "io server disconnect"
            assert not client.active
    finally:
        await client.close()
        await io.close()


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("where", ["middleware", "handler"])
async def test_a_client_that_leaves_while_it_is_being_admitted_leaves_nothing(
    where: str, transport: Transport
) -> None:
    io = Server()
    gate = Gate()
    events: list[str] = []

    async def admit(socket: Socket) -> None:
        socket.join("before")
        await gate.wait()
        assert not socket.connected
        socket.join("after")
        socket.emit("nobody hears this")
        events.append("admitted")

    if where == "middleware":
        io.use(admit)
        io.use(lambda _socket: events.append("second middleware"))
        io.on("connect", lambda _socket: events.append("connect"))
    else:
        io.on("connect", admit)
    io.on("disconnecting", lambda _socket, reason: events.append(reason))
    io.on("disconnect", lambda _socket, reason: events.append(reason))
    async with serving(io) as net:
        client = await net.open(transport)
        await client.send("40")
        await until(lambda: gate.waiting)
        await client.leave()
        await until(lambda: not io.connections)
        assert io.sockets == {}
        assert await io.in_("before").fetch_sockets() == []
        gate.open()
        await until(lambda: not io.handler_tasks)
        assert events == ["admitted"]


async def test_a_refusal_after_the_client_has_left_is_told_to_nobody() -> None:
    io = Server()
    gate = Gate()

    @io.use
    async def wait(_socket: Socket) -> None:
        await gate.wait()
        refuse()

    async with serving(io) as net:
        client = await net.open()
        await client.send("40")
        await until(lambda: gate.waiting)
        await client.leave()
        await until(lambda: not io.connections)
        gate.open()


async def test_connect_twice_while_pending_ends_the_connection() -> None:
    io = Server()
    gate = Gate()

    @io.use
    async def wait(_socket: Socket) -> None:
        await gate.wait()

    async with serving(io) as net:
        client = await net.open()
        await client.send("40")
        await until(lambda: gate.waiting)
        await client.send("40")
        assert await client.rest() == []
        gate.open()
        await until(lambda: not io.handler_tasks)
        assert io.sockets == {}


async def test_namespaces_are_admitted_independently() -> None:
    io = Server()
    gate = Gate()

    @io.of("/slow").use
    async def wait(_socket: Socket) -> None:
        await gate.wait()

    async with serving(io) as net:
        client = await net.open()
        await client.send("40/slow,")
        await client.join()
        await client.nothing_more()
        gate.open()
        assert (await client.receive_text()).startswith('40/slow,{"sid":')


async def test_a_middleware_that_is_cancelled_costs_only_its_client() -> None:
    io = Server()

    @io.use
    async def wait(socket: Socket) -> None:
        if socket.handshake.auth.get("bad"):
            socket.join("room")
            raise asyncio.CancelledError

    async with serving(io) as net:
        client = await net.open()
        await client.send('40{"bad":true}')
        honest, _ = await net.join()
        await honest.nothing_more()


async def test_connect_that_waits_behind_a_handler_is_dropped_when_the_client_goes() -> None:
    io = Server(limits=Limits(max_handlers=1))
    io.of("/other")
    gate = Gate()

    @io.on("work")
    async def work(_socket: Socket) -> None:
        await gate.wait()

    async with serving(io) as net:
        client = await net.polling()
        await client.join()
        # One payload: CONNECT waits for the handler when the session ends.
        await client.send('42["work"]', "40/other,", "1")
        await until(lambda: not io.connections)
        assert gate.waiting == 1
        assert io.of("/other").sockets == {}
        gate.open()

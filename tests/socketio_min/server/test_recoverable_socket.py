"""recoverable_socket.py over the wire: what its client is sent, now and when it is back."""

from __future__ import annotations

import json

import pytest

from socketio_min import (
    ConnectionRefused,
    Recovery,
    Session,
    Socket,
)
from tests.socketio_min.server.recovering import coming_back, connect, gone, lose, server, serving
from tests.socketio_min.serving import TRANSPORTS, Transport
from tests.waiting import until


async def test_flags_of_one_socket() -> None:
    io = server()
    async with serving(io) as clients:
        client = await clients.open()
        first = await connect(client)
        io.sockets[first["sid"]].compress(False).emit("plain", 1)
        assert str(await client.receive()).startswith('42["plain",1,"')


async def test_a_middleware_may_send_and_join() -> None:
    """What a socket is sent before it is in its namespace comes after the answer, and is kept."""
    io = server()

    @io.use
    def middleware(socket: Socket) -> None:
        socket.join("early")
        socket.leave("never")
        io.to("early").emit("not yet")
        socket.emit("hello")

    async with serving(io) as clients:
        client = await clients.open()
        first = await connect(client)
        assert str(await client.receive()).startswith('42["hello","')
        await lose(clients, client)
        again = await coming_back(clients, first)
        assert str(await again.receive()).startswith('42["hello","')
        assert await again.receive() == "40" + json.dumps(first, separators=(",", ":"))


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_client_takes_its_socket_over(transport: Transport) -> None:
    """It is back before the server noticed its loss: the old connection ends, nothing is missed."""
    io = server()
    io.of("/other")
    reasons: list[str] = []
    io.on("disconnect", lambda socket, reason: reasons.append(reason))
    async with serving(io) as clients:
        old = await clients.open(transport)
        first = await connect(old)
        other = await connect(old, namespace="/other")
        io.sockets[first["sid"]].join("a")
        io.emit("unread", 1)
        new = await clients.open(transport)
        await new.send("40" + json.dumps({"pid": first["pid"]}))
        assert str(await new.receive()).startswith('42["unread",1,"')
        assert await new.receive() == "40" + json.dumps(first, separators=(",", ":"))
        assert reasons == ["transport close"]
        assert io.sockets[first["sid"]].rooms == {first["sid"], "a"}
        await until(lambda: len(io.connections) == 1)
        await old.rest()
        assert await connect(new, {"pid": other["pid"]}, "/other") == other
        await new.nothing_more()


async def test_who_comes_back_may_be_refused() -> None:
    ended: list[Session] = []
    io = server(Recovery(expired=ended.append))

    @io.on("connect")
    def connected(socket: Socket) -> None:
        if socket.recovered:
            raise ConnectionRefused("not any more")

    async with serving(io) as clients:
        first = await gone(clients)
        again = await coming_back(clients, first)
        assert await again.receive() == '44{"message":"not any more"}'
        assert [session.id for session in ended] == [first["sid"]]
        assert io.sockets == {}

"""recoveries.py: clients that come back, and who they are then."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

import pytest

from socketio_min import (
    ConnectionRefused,
    Recovery,
    Session,
    Socket,
)
from tests.socketio_min.server.recovering import (
    coming_back,
    connect,
    gone,
    lose,
    offset_of,
    server,
    serving,
)
from tests.socketio_min.serving import (
    TRANSPORTS,
    Transport,
)
from tests.waiting import until


async def test_the_whole_way_over_each_transport() -> None:
    for transport in TRANSPORTS:
        await the_whole_way(transport)


async def the_whole_way(transport: Transport) -> None:
    io = server()
    seen: list[Any] = []

    @io.on("connect")
    def connected(socket: Socket) -> None:
        seen.append(("connect", socket.recovered, sorted(socket.rooms - {socket.id})))
        socket.emit("welcome")

    @io.on("disconnect")
    def disconnected(socket: Socket, reason: str) -> None:
        seen.append(("disconnect", reason))

    async with serving(io) as clients:
        client = await clients.open(transport)
        first = await connect(client)
        socket = io.sockets[first["sid"]]
        socket.join(["a", "b"])
        socket.data["name"] = "Ada"
        welcome = await client.receive()
        assert welcome == f'42["welcome","{offset_of(welcome)}"]'
        await lose(clients, client)
        io.emit("all", 1)
        io.to("a").emit("bytes", b"\x01\x02")
        io.to("c").emit("others")
        io.except_("b").emit("others")
        io.volatile.emit("gone")
        io.to(first["sid"]).emit("own")
        socket.emit("late", {"of": "a handler"})
        socket.leave("a")

        again = await clients.open(transport)
        await again.send("40" + json.dumps({"pid": first["pid"], "offset": offset_of(welcome)}))
        missed = [await again.receive() for _ in range(5)]
        assert [re.sub(r',"[\w-]{8}\.\d+"', "", str(packet)) for packet in missed] == [
            '42["all",1]',
            '451-["bytes",{"_placeholder":true,"num":0}]',
            str(b"\x01\x02"),
            '42["own"]',
            '42["late",{"of":"a handler"}]',
        ]
        assert await again.receive() == "40" + json.dumps(first, separators=(",", ":"))
        assert await again.receive() == f'42["welcome","{io._memory.log.offset}"]'  # type: ignore[union-attr]
        back = io.sockets[first["sid"]]
        assert back is not socket
        assert isinstance(back, type(socket))
        assert back.recovered
        assert back.rooms == {first["sid"], "a", "b"}
        assert back.data == {"name": "Ada"}
        assert [event[0] for event in seen] == ["connect", "disconnect", "connect"]
        assert seen[0] == ("connect", False, [])
        assert seen[2] == ("connect", True, ["a", "b"])
        # Who held the old socket reaches the new one.
        socket.emit("still")
        assert str(await again.receive()).startswith('42["still","')
        io.to("a").emit("here")
        assert str(await again.receive()).startswith('42["here","')
        await again.nothing_more()


async def test_a_client_that_had_no_event_comes_back() -> None:
    io = server()
    async with serving(io) as clients:
        first = await gone(clients)
        io.emit("missed")
        again = await coming_back(clients, first)
        assert str(await again.receive()).startswith('42["missed","')
        assert await again.receive() == "40" + json.dumps(first, separators=(",", ":"))


async def test_an_offset_from_before_the_session_is_as_none() -> None:
    """The official client goes on to present the last offset it has had, of whichever session."""
    io = server()
    async with serving(io) as clients:
        client = await clients.open()
        first = await connect(client, {"pid": "unknown", "offset": "earlier.7"})
        await lose(clients, client)
        again = await clients.open()
        assert await connect(again, {"pid": first["pid"], "offset": "earlier.7"}) == first
        await lose(clients, again)
        third = await clients.open()
        assert await connect(third, {"pid": first["pid"], "offset": "earlier.7"}) == first


@pytest.mark.parametrize("offset", ["earlier.7", "", 7, {}, "text of an event"])
async def test_an_unknown_offset_gives_a_new_socket(offset: object) -> None:
    ended: list[Session] = []
    io = server(Recovery(expired=ended.append))
    async with serving(io) as clients:
        client = await clients.open()
        first = await connect(client)
        io.sockets[first["sid"]].data["name"] = "Ada"
        await lose(clients, client)
        again = await clients.open()
        new = await connect(again, {"pid": first["pid"], "offset": offset})
        assert new["sid"] != first["sid"]
        assert new["pid"] != first["pid"]
        assert not io.sockets[new["sid"]].recovered
        assert [(session.id, session.data) for session in ended] == [
            (first["sid"], {"name": "Ada"})
        ]


async def test_an_offset_that_is_too_old_gives_a_new_socket() -> None:
    io = server(Recovery(max_packets=2))
    async with serving(io) as clients:
        client = await clients.open()
        first = await connect(client)
        io.emit("kept")
        offset = offset_of(await client.receive())
        await lose(clients, client)
        for number in range(3):
            io.emit("missed", number)
        again = await clients.open()
        new = await connect(again, {"pid": first["pid"], "offset": offset})
        assert new["sid"] != first["sid"]
        await again.nothing_more()


@pytest.mark.parametrize("auth", [None, {}, {"pid": None}, {"pid": 7}, {"pid": "unknown"}])
async def test_without_a_private_id_that_is_known_there_is_a_new_socket(auth: object) -> None:
    io = server()
    async with serving(io) as clients:
        client = await clients.open()
        answer = await connect(client, auth)
        assert not io.sockets[answer["sid"]].recovered


async def test_a_private_id_is_good_for_one_return() -> None:
    io = server()
    async with serving(io) as clients:
        first = await gone(clients)
        again, thief = await clients.open(), await clients.open()
        assert await connect(again, {"pid": first["pid"]}) == first
        await lose(clients, again)
        assert await connect(thief, {"pid": first["pid"]}) == first
        assert len(io.sockets) == 1


async def test_a_private_id_is_of_its_namespace() -> None:
    io = server()
    io.of("/other")
    async with serving(io) as clients:
        client = await clients.open()
        first = await connect(client)
        other = await clients.open()
        assert (await connect(other, {"pid": first["pid"]}, "/other"))["sid"] != first["sid"]
        assert first["sid"] in io.sockets, "it was not taken over"
        await lose(clients, client)
        third = await clients.open()
        assert (await connect(third, {"pid": first["pid"]}, "/other"))["sid"] != first["sid"]
        assert await connect(third, {"pid": first["pid"]}) == first


async def test_a_client_takes_its_socket_over_while_that_is_decided() -> None:
    """It came back, and went again unnoticed before its `connect` handler had ended."""
    io = server()
    gate = asyncio.Event()
    calls: list[bool] = []

    @io.on("connect")
    async def connected(socket: Socket) -> None:
        calls.append(socket.recovered)
        if len(calls) == 2:
            await gate.wait()

    async with serving(io) as clients:
        first = await gone(clients)
        await coming_back(clients, first)
        await until(lambda: len(calls) == 2)
        io.emit("meanwhile")
        fast = await coming_back(clients, first)
        assert str(await fast.receive()).startswith('42["meanwhile","')
        assert await fast.receive() == "40" + json.dumps(first, separators=(",", ":"))
        gate.set()
        await until(lambda: len(io.connections) == 1)
        assert io.sockets[first["sid"]].connected
        io.emit("after")
        assert str(await fast.receive()).startswith('42["after","')
        assert calls == [False, True, True]


@pytest.mark.parametrize("skip", [True, False])
async def test_middlewares_are_skipped_unless_told_otherwise(skip: bool) -> None:
    io = server(Recovery(skip_middlewares=skip))
    calls: list[bool] = []
    io.use(lambda socket: calls.append(socket.recovered))
    async with serving(io) as clients:
        first = await gone(clients)
        again = await clients.open()
        assert await connect(again, {"pid": first["pid"]}) == first
        assert calls == ([False] if skip else [False, True])


async def test_who_is_refused_at_first_has_nothing_to_end() -> None:
    ended: list[Session] = []
    io = server(Recovery(expired=ended.append))

    @io.use
    def refuse(socket: Socket) -> None:
        raise ConnectionRefused("no")

    async with serving(io) as clients:
        client = await clients.open()
        await client.send("40")
        assert await client.receive() == '44{"message":"no"}'
    assert ended == []


async def test_who_goes_while_coming_back_may_come_back() -> None:
    io = server()
    gate = asyncio.Event()
    waiting: list[bool] = []

    @io.on("connect")
    async def connected(socket: Socket) -> None:
        if socket.recovered and not gate.is_set():
            waiting.append(True)
            await gate.wait()

    async with serving(io) as clients:
        first = await gone(clients)
        again = await coming_back(clients, first)
        await until(lambda: waiting)
        io.emit("missed")
        await again.finish()
        # The end of a connection waits for its handlers.
        gate.set()
        await until(lambda: not io.connections and not io.handler_tasks)
        assert io.sockets == {}
        third = await coming_back(clients, first)
        assert str(await third.receive()).startswith('42["missed","')
        assert await third.receive() == "40" + json.dumps(first, separators=(",", ":"))

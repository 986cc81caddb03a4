"""What a client sends and how it takes what comes, on the wire."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from engineio_min.protocol.packets import LONG
from socketio_min import (
    ClientLimits,
    ConnectionRefused,
)
from tests.engineio_min.scripted import (
    Peer,
)
from tests.socketio_min.client.meeting import joined, log_of, meeting, socketio
from tests.waiting import until


async def test_connect_events_and_acknowledgements_on_the_wire() -> None:
    async def talk(peer: Peer) -> None:
        assert await peer.packet() == '42["hello",1,"two"]'
        assert await peer.packet() == '451-["bin",{"_placeholder":true,"num":0}]'
        assert await peer.packet() == b"\x01"
        assert await peer.packet() == '420["ask"]'
        peer.frame('430["answer"]')
        assert await peer.packet() == '421["ask"]'
        peer.frame('461-1[{"_placeholder":true,"num":0},2]')
        peer.frame(b"\x02")
        assert await peer.packet() == '422["ask"]'
        peer.frame("432[]")
        peer.frame('4217["question",3]')
        assert await peer.packet() == "4317[6]"
        peer.frame('4218["question",b'.replace("b", "4]"))
        assert await peer.packet() == "4318[8]"
        peer.frame('4219["many"]')
        assert await peer.packet() == '4319[1,"2"]'
        peer.frame('4220["nothing"]')
        assert await peer.packet() == "4320[]"
        peer.frame('4221["binary"]')
        assert await peer.packet() == '461-21[{"_placeholder":true,"num":0}]'
        assert await peer.packet() == b"\x03"
        peer.frame('4222["long"]')
        assert await peer.packet() == '4322["' + "é" * LONG + '"]'
        peer.frame('42["end"]')
        assert await peer.packet() == "41"

    async with meeting(joined(talk)) as (client, server):
        client.on("long", lambda: "é" * LONG)
        client.on("question", lambda number: number * 2)
        client.on("many", lambda: (1, "2"))
        client.on("nothing", lambda: None)
        client.on("binary", lambda: b"\x03")
        ended = log_of(client, "end")
        await client.connect()
        assert (client.id, client.connected, client.recovered) == ("s1", True, False)
        assert repr(client) == "<Client / (connected)>"
        client.emit("hello", 1, "two")
        client.emit("bin", b"\x01")
        assert await client.call("ask") == "answer"
        assert await client.call("ask") == (b"\x02", 2)
        assert await client.emit_with_ack("ask") is None
        await client.drained()
        await until(lambda: ended)
        await client.disconnect()
        assert repr(client) == "<Client / (not connected)>"
        await client.disconnect()
        await server.gone()


async def test_auth_and_namespaces_on_the_wire() -> None:
    async def talk(peer: Peer) -> None:
        assert await peer.packet() == '40/chat,{"token":"a"}'
        peer.frame('40/chat,{"sid":"c1"}')
        assert await peer.packet() == '42/chat,["hello"]'
        assert await peer.packet() == "40/admin,"
        peer.frame('44/admin,{"message":"not authorized","data":{"code":3}}')
        assert await peer.packet() == "40/old,"
        peer.frame('44/old,"refused as in version 4"')
        assert await peer.packet() == "41/chat,"

    async with meeting(socketio(talk)) as (main, _):
        client = main.of("chat", auth={"token": "a"})
        await client.connect()
        client.emit("hello")
        with pytest.raises(ConnectionRefused) as caught:
            await main.of("/admin").connect()
        assert (caught.value.message, caught.value.data) == ("not authorized", {"code": 3})
        with pytest.raises(ConnectionRefused, match="refused as in version 4"):
            await main.of("/old").connect()
        assert not main.active


async def test_the_order_of_a_connection() -> None:
    """The official one: what came early, what was emitted early, then "connect"."""

    async def talk(peer: Peer) -> None:
        assert await peer.packet() == "40"
        peer.frame('42["early",1]')
        peer.frame('425["early",2]')
        peer.frame('40{"sid":"s1"}')
        assert await peer.packet() == "435[]"
        assert await peer.packet() == '42["emitted early"]'
        assert await peer.packet() == '42["connected"]'

    async with meeting(socketio(talk)) as (client, _):
        seen = log_of(client, "early")

        @client.on("connect")
        def connect() -> None:
            seen.append("connect")
            client.emit("connected")

        client.emit("emitted early")
        client.volatile.emit("dropped")
        await client.connect()
        assert seen == [("early", 1), ("early", 2), "connect"]


async def test_asynchronous_handlers_start_in_order() -> None:
    async def talk(peer: Peer) -> None:
        for number in range(3):
            peer.frame(f'42["slow",{number}]')
            peer.frame(f'42["quick",{number}]')
        peer.frame('4290["slow",3]')
        assert await peer.packet() == "4390[3]"
        peer.frame('42["unknown"]')
        peer.frame('42["end"]')

    async with meeting(joined(talk)) as (client, _):
        started: list[Any] = []

        @client.on("slow")
        async def slow(number: int) -> int:
            started.append(("slow", number))
            await asyncio.sleep(0.001)
            return number

        client.on("quick", lambda number: started.append(("quick", number)))
        ended = log_of(client, "end")
        await client.connect()
        await until(lambda: ended)
        numbers = [(name, number) for number in range(3) for name in ("slow", "quick")]
        assert started == [*numbers, ("slow", 3)]


async def test_reading_pauses_when_handlers_do_not_keep_up() -> None:
    async def talk(peer: Peer) -> None:
        for number in range(20):
            peer.frame(f'42["slow",{number}]')
            await asyncio.sleep(0)
        peer.frame('42["asks"]')
        assert await peer.packet() == '420["ask"]'
        peer.frame("430[]")

    async with meeting(joined(talk), limits=ClientLimits(max_handlers=2)) as (client, _):
        running = most = 0
        release = asyncio.Event()

        @client.on("slow")
        async def slow(number: int) -> None:
            nonlocal running, most
            running += 1
            most = max(most, running)
            await release.wait()
            running -= 1

        asked = client.on("asks", lambda: client.call("ask"))
        assert asked is not None
        await client.connect()
        await until(lambda: running == 2)
        for _ in range(20):
            await asyncio.sleep(0)
        # What one read brought is handled; the next one waits.
        assert most < 20
        release.set()
        await until(lambda: client._outbox._acks._last_id == 0 and not client.pending_acks)


async def test_handlers_that_wait_for_an_answer_do_not_keep_it_away() -> None:
    async def talk(peer: Peer) -> None:
        peer.frame('42["asks"]')
        peer.frame('42["asks"]')
        assert await peer.packet() == '420["ask"]'
        assert await peer.packet() == '421["ask"]'
        await asyncio.sleep(0.001)
        peer.frame("431[]")
        peer.frame("430[]")

    async with meeting(joined(talk), limits=ClientLimits(max_handlers=1)) as (client, _):
        answered: list[int] = []

        @client.on("asks")
        async def asks() -> None:
            # What comes meanwhile is not read, until this handler waits for it.
            for _ in range(10):
                await asyncio.sleep(0)
            await client.call("ask")
            answered.append(1)

        await client.connect()
        await until(lambda: len(answered) == 2)

"""Connecting, cancelling, leaving and closing, in any order."""

from __future__ import annotations

import asyncio

import pytest

from socketio_min import (
    Client,
    Disconnected,
)
from tests.engineio_min.scripted import (
    Peer,
    scripted,
)
from tests.socketio_min.client.meeting import joined, log_of, meeting, socketio
from tests.waiting import patient, until


async def test_leaving_before_the_answer() -> None:
    async def talk(peer: Peer) -> None:
        assert await peer.packet() == "40"
        peer.frame('40{"sid":"s1"}')
        assert await peer.packet() == "40/chat,"
        left.set()
        await asyncio.sleep(0.001)
        peer.frame('42/chat,["dropped"]')
        peer.frame('40/chat,{"sid":"c1"}')
        assert await peer.packet() == "41/chat,"
        assert await peer.packet() == "40/chat,"
        left_again.set()
        await asyncio.sleep(0.001)
        peer.frame('44/chat,{"message":"no"}')
        assert await peer.packet() == "40/chat,"
        peer.frame('40/chat,{"sid":"c2"}')

    left, left_again = asyncio.Event(), asyncio.Event()
    async with meeting(socketio(talk)) as (client, _):
        await client.connect()
        chat = client.of("/chat")
        waiting = asyncio.create_task(chat.connect())
        await patient(left.wait())
        chat.disconnect()
        with pytest.raises(Disconnected, match="was called"):
            await waiting
        await until(lambda: not chat.asked)
        assert not chat.connected
        chat.open()
        await patient(left_again.wait())
        chat.disconnect()
        await until(lambda: not chat.asked)
        await chat.connect()
        assert chat.id == "c2"


async def test_coming_back_before_the_answer_asks_only_once() -> None:
    async def talk(peer: Peer) -> None:
        assert await peer.packet() == "40"
        peer.frame('40{"sid":"s1"}')
        assert await peer.packet() == "40/chat,"
        back.set()
        await asyncio.sleep(0.001)
        peer.frame('40/chat,{"sid":"c1"}')
        assert await peer.packet() == '42/chat,["once"]'

    back = asyncio.Event()
    async with meeting(socketio(talk)) as (client, _):
        await client.connect()
        chat = client.of("/chat")
        chat.open()
        await patient(back.wait())
        chat.disconnect()
        await chat.connect()
        await chat.connect()
        chat.emit("once")
        await chat.drained()


async def test_leaving_while_it_waits_for_the_next_attempt() -> None:
    async def refuses(peer: Peer) -> None:
        await peer.request()
        peer.answer("no", status="503 Busy")

    async with meeting(refuses, reconnection_delay=60.0, reconnection_delay_max=60.0) as (
        client,
        server,
    ):
        errors = log_of(client, "connect_error")
        client.open()
        await until(lambda: errors)
        assert errors[0][1].status == 503
        await client.drained()
        client.disconnect()
        await client.close()
        assert len(server.peers) == 1


async def test_the_context_manager_connects_and_closes() -> None:
    async with scripted(joined()) as server:
        async with Client(server.url, transports=["websocket"]) as client:
            assert client.connected
        assert not client.connected


async def test_a_handler_may_close_the_client() -> None:
    async def talk(peer: Peer) -> None:
        peer.frame('42["end"]')
        assert await peer.packet() == "41"

    async with meeting(joined(talk)) as (client, _):
        closed = asyncio.Event()

        @client.on("end")
        async def end() -> None:
            await client.close()
            closed.set()

        await client.connect()
        await patient(closed.wait())


async def test_closing_stops_the_handlers() -> None:
    async def talk(peer: Peer) -> None:
        peer.frame('42["long"]')

    async with meeting(joined(talk)) as (client, _):
        began = asyncio.Event()
        cancelled = asyncio.Event()

        @client.on("long")
        async def long() -> None:
            began.set()
            try:
                await asyncio.Event().wait()
            finally:
                cancelled.set()

        await client.connect()
        await patient(began.wait())
        await client.close()
        assert cancelled.is_set()

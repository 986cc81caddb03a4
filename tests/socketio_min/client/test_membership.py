"""membership.py on the wire: CONNECT and DISCONNECT that cross each other."""

from __future__ import annotations

import asyncio

import pytest

from socketio_min import (
    Disconnected,
)
from tests.engineio_min.scripted import (
    Peer,
)
from tests.socketio_min.client.meeting import meeting, socketio
from tests.waiting import patient, until


async def test_leaving_before_the_answer() -> None:
    async def talk(peer: Peer) -> None:
        assert await peer.packet() == "40"
        peer.frame('40{"sid":"s1"}')
        assert await peer.packet() == "40/chat,"
        asked.set()
        await patient(left.wait())
        peer.frame('42/chat,["dropped"]')
        peer.frame('40/chat,{"sid":"c1"}')
        assert await peer.packet() == "41/chat,"
        assert await peer.packet() == "40/chat,"
        asked_again.set()
        await patient(left_again.wait())
        peer.frame('44/chat,{"message":"no"}')
        assert await peer.packet() == "40/chat,"
        peer.frame('40/chat,{"sid":"c2"}')

    asked, left, asked_again, left_again = (asyncio.Event() for _ in range(4))
    async with meeting(socketio(talk)) as (client, _):
        await client.connect()
        chat = client.of("/chat")
        waiting = asyncio.create_task(chat.connect())
        await patient(asked.wait())
        chat.disconnect()
        left.set()
        with pytest.raises(Disconnected, match="was called"):
            await waiting
        await until(lambda: not chat._membership.asked)
        assert not chat.connected
        chat.open()
        await patient(asked_again.wait())
        chat.disconnect()
        left_again.set()
        await until(lambda: not chat._membership.asked)
        await chat.connect()
        assert chat.id == "c2"


async def test_coming_back_before_the_answer_asks_only_once() -> None:
    async def talk(peer: Peer) -> None:
        assert await peer.packet() == "40"
        peer.frame('40{"sid":"s1"}')
        assert await peer.packet() == "40/chat,"
        asked.set()
        await patient(back.wait())
        peer.frame('40/chat,{"sid":"c1"}')
        assert await peer.packet() == '42/chat,["once"]'

    asked, back = asyncio.Event(), asyncio.Event()
    async with meeting(socketio(talk)) as (client, _):
        await client.connect()
        chat = client.of("/chat")
        chat.open()
        await patient(asked.wait())
        chat.disconnect()
        waiting = asyncio.create_task(chat.connect())
        await asyncio.sleep(0)
        back.set()
        await waiting
        await chat.connect()
        chat.emit("once")
        await chat.drained()

"""intents.py: several calls wait for one connection, and some of them no longer."""

from __future__ import annotations

import asyncio

import pytest

from tests.engineio_min.scripted import (
    Peer,
)
from tests.socketio_min.client.meeting import joined, meeting, socketio
from tests.waiting import patient, until


async def test_connecting_can_be_cancelled() -> None:
    async def silent(peer: Peer) -> None:
        assert await peer.packet() == "40"

    async with meeting(socketio(silent)) as (client, server):
        task = asyncio.create_task(client.connect())
        await until(lambda: client._membership.asked)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not client.active
        await server.gone()


async def test_two_who_wait_for_one_connection() -> None:
    async with meeting(joined()) as (client, _):
        await asyncio.gather(client.connect(), client.connect())
        assert client.connected


async def test_namespaces_that_wait_for_one_connection() -> None:
    async def talk(peer: Peer) -> None:
        assert await peer.packet() == "40"
        assert await peer.packet() == "40/chat,"
        peer.frame('40/chat,{"sid":"c1"}')
        peer.frame('40{"sid":"s1"}')

    async with meeting(socketio(talk)) as (client, _):
        chat = client.of("/chat")
        await asyncio.gather(client.connect(), chat.connect())
        assert (client.id, chat.id) == ("s1", "c1")


async def test_one_of_two_who_wait_is_cancelled() -> None:
    async def late(peer: Peer) -> None:
        await cancelled.wait()
        await joined()(peer)

    cancelled = asyncio.Event()
    async with meeting(late) as (client, _):
        waiting = asyncio.create_task(client.connect())
        impatient = asyncio.create_task(client.connect())
        await asyncio.sleep(0)
        impatient.cancel()
        await asyncio.sleep(0)
        cancelled.set()
        await patient(waiting)
        assert impatient.cancelled()


async def test_a_wait_that_is_cancelled_as_it_ends() -> None:
    async with meeting(joined()) as (client, _):
        waiting = asyncio.create_task(client.connect())
        client.on("connect", waiting.cancel)
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert not client.active

"""Connecting, cancelling, leaving and closing, in any order."""

from __future__ import annotations

import asyncio

from socketio_min import (
    Client,
)
from tests.engineio_min.scripted import (
    Peer,
    scripted,
)
from tests.socketio_min.client.meeting import joined, log_of, meeting
from tests.waiting import patient, until


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

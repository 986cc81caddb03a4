"""pending_acks.py: acknowledgements that come, do not come, or come too late."""

from __future__ import annotations

import asyncio

import pytest

from socketio_min import (
    AcknowledgementTimeout,
    Disconnected,
)
from tests.engineio_min.scripted import (
    HANDSHAKE,
    Peer,
)
from tests.socketio_min.client.meeting import joined, log_of, meeting
from tests.waiting import until


async def test_an_acknowledgement_that_does_not_come() -> None:
    async def talk(peer: Peer) -> None:
        assert await peer.packet() == '420["ask"]'
        assert await peer.packet() == '421["ask"]'
        # Too late, never asked, twice, without an id.
        peer.frame('430["late"]')
        peer.frame("4399[]")
        peer.frame("43[]")
        peer.frame('431["in time"]')
        peer.frame('431["again"]')
        peer.frame('42["end"]')

    async with meeting(joined(talk), ack_timeout=0.01) as (client, _):
        seen = log_of(client, "end")
        await client.connect()
        with pytest.raises(AcknowledgementTimeout, match="of 'ask' within"):
            await client.emit_with_ack("ask")
        assert await client.call("ask", timeout=10) == "in time"
        await until(lambda: seen)
        assert client.pending_acks == 0


async def test_a_timeout_of_nothing_is_no_missing_timeout() -> None:
    async with meeting(joined(), ack_timeout=60.0) as (client, _):
        await client.connect()
        with pytest.raises(AcknowledgementTimeout, match="within 0 seconds"):
            await client.call("ask", timeout=0)


async def test_a_connection_that_ends_takes_its_acknowledgements_with_it() -> None:
    async def ends(peer: Peer) -> None:
        await peer.accept_websocket()
        peer.frame(HANDSHAKE)
        assert await peer.packet() == "40"
        peer.frame('40{"sid":"s1"}')
        assert await peer.packet() == '420["ask"]'
        assert await peer.packet() == '42["volatile"]'

    async with meeting(ends, joined()) as (client, _):
        await client.connect()
        answer = client.emit_with_ack("ask")
        client.volatile.emit("volatile")
        with pytest.raises(Disconnected, match="before an acknowledgement: transport close"):
            await answer


async def test_a_call_that_is_cancelled_is_forgotten() -> None:
    async def talk(peer: Peer) -> None:
        assert await peer.packet() == '420["sent"]'
        peer.frame('430["too late"]')
        peer.frame('42["end"]')

    async with meeting(joined(talk)) as (client, _):
        seen = log_of(client, "end")
        unsent = asyncio.create_task(client.call("unsent"))
        await asyncio.sleep(0)
        unsent.cancel()
        await asyncio.gather(unsent, return_exceptions=True)
        await asyncio.sleep(0)
        assert client.pending_acks == 0
        client._outbox._acks._last_id = -1
        await client.connect()
        sent = client.emit_with_ack("sent")
        sent.cancel()
        await until(lambda: seen)
        assert client.pending_acks == 0


async def test_an_answer_is_not_sent_on_a_later_connection() -> None:
    async def first(peer: Peer) -> None:
        peer.frame('425["slow"]')
        await asked.wait()

    async def second(peer: Peer) -> None:
        assert await peer.packet() == '42["connected"]'
        release.set()
        assert await peer.packet() == '42["next"]'
        peer.frame('42["end"]')
        assert await peer.packet() == "41"

    async def ends(peer: Peer) -> None:
        await peer.accept_websocket()
        peer.frame(HANDSHAKE)
        assert await peer.packet() == "40"
        peer.frame('40{"sid":"s1"}')
        await first(peer)

    asked, release = asyncio.Event(), asyncio.Event()
    async with meeting(ends, joined(second, '40{"sid":"s2"}')) as (client, _):

        @client.on("slow")
        async def slow() -> int:
            asked.set()
            await release.wait()
            client.emit("next")
            return 1

        ended = log_of(client, "end")
        await client.connect()
        await until(lambda: client.connected and asked.is_set() and client.id == "s2")
        client.emit("connected")
        await until(lambda: ended)

"""inbox.py: events before the answer to CONNECT, and after the end of their connection."""

from __future__ import annotations

from typing import Any

from socketio_min import (
    ClientLimits,
)
from tests.engineio_min.scripted import (
    Peer,
)
from tests.socketio_min.client.meeting import joined, log_of, meeting, socketio
from tests.waiting import until


async def test_too_many_events_before_the_answer_to_connect() -> None:
    async def floods(peer: Peer) -> None:
        assert await peer.packet() == "40"
        for _ in range(4):
            peer.frame('42["early"]')

    limits = ClientLimits(max_held_packets=3)
    async with meeting(socketio(floods), joined(), limits=limits) as (client, _):
        closes: list[Any] = []
        client.on_connection("close", lambda *args: closes.append(args))
        await client.connect()
        assert closes == [("parse error", "got too many events before the answer to CONNECT")]


async def test_a_packet_after_the_end_of_its_connection_is_dropped() -> None:
    async def talk(peer: Peer) -> None:
        peer.frame('42["slow"]')
        peer.frame("41")
        peer.frame('42["late"]')

    async with meeting(joined(talk)) as (client, _):
        seen = log_of(client, "late", "disconnect")

        @client.on("slow")
        async def slow() -> None:
            seen.append("slow")

        await client.connect()
        await until(lambda: len(seen) == 2)
        assert seen == ["slow", ("disconnect", "io server disconnect")]

"""A server that breaks the protocol costs its own connection only."""

from __future__ import annotations

from typing import Any

import pytest

from socketio_min import (
    ClientLimits,
    Disconnected,
)
from tests.engineio_min.scripted import (
    HANDSHAKE,
    Peer,
)
from tests.socketio_min.client.meeting import joined, log_of, meeting, socketio
from tests.waiting import until


@pytest.mark.parametrize(
    "frames",
    [
        ["4"],
        ["47"],
        ["4x"],
        ["42"],
        ["42{}"],
        ["42[]"],
        ["42[1]"],
        ["42[null]"],
        ['42["connect"]'],
        ['42["disconnect","io client disconnect"]'],
        ['42["connect_error"]'],
        ['42["' + "a" * 129 + '"]'],
        ['42["a",' + "[" * 100 + "]" * 100 + "]"],
        ['42["a",' + "[" * 100_000],
        ['42abc["a"]'],
        ['4299999999999999999999["a"]'],
        ['42²["a"]'],
        ["43{}"],
        ["40[]"],
        ["40"],
        ["40{}"],
        ['40{"sid":1}'],
        ['40{"sid":""}'],
        ['40{"sid":"' + "a" * 257 + '"}'],
        ['40{"sid":"s1","pid":1}'],
        ['40{"sid":"s2"}'],
        ['44{"message":"late"}'],
        ["44"],
        ["44[]"],
        ["45"],
        ["450-[]"],
        ['450-["a"]'],
        ['4511-["a"]'],
        ['451000000000-["a"]'],
        ['451-["a",{"_placeholder":true,"num":1}]'],
        ['451-["a",{"_placeholder":true,"num":-1}]'],
        ['451-["a",{"_placeholder":true,"num":"0"}]'],
        ['451-["a",{"_placeholder":true,"num":0.5}]'],
        ['451-["a",' + ",".join(['{"_placeholder":true,"num":0}'] * 3) + "]"],
        ['451-[{"_placeholder":true,"num":0}]'],
        ['451-["a",{"_placeholder":true,"num":0}]', '42["text instead"]'],
        ['451-["a",{"_placeholder":true,"num":0}]', b"a" * 20_001],
        [b"nobody asked"],
        ["41{}"],
        ["42/" + "n" * 300 + ',["a"]'],
    ],
)
async def test_a_broken_packet_ends_the_connection_and_the_client_comes_back(
    frames: list[str | bytes],
) -> None:
    async def breaks(peer: Peer) -> None:
        for frame in frames:
            peer.frame(frame)

    async with meeting(joined(breaks), joined(), max_receive_size=200_000) as (client, _):
        client._manager._max_message = 20_000
        seen = log_of(client, "disconnect", "a")
        await client.connect()
        await until(lambda: seen)
        assert seen == [("disconnect", "parse error")]
        await until(lambda: client.connected)


@pytest.mark.parametrize("reply", ["40", "40{}", '40{"sid":5}', '42["connect"]', '451-["a"]', "x"])
async def test_a_broken_answer_to_connect_is_no_connection(reply: str) -> None:
    async def breaks(peer: Peer) -> None:
        assert await peer.packet() == "40"
        peer.frame(reply)
        peer.frame(reply)

    async with meeting(socketio(breaks), joined()) as (client, server):
        seen = log_of(client, "disconnect")
        await client.connect()
        assert len(server.peers) == 2
        assert seen == []


async def test_what_is_for_nobody_is_dropped() -> None:
    async def talk(peer: Peer) -> None:
        peer.frame('42/nowhere,["a"]')
        peer.frame("41/nowhere,")
        peer.frame('40/nowhere,{"sid":"x"}')
        peer.frame('42/inactive,["a"]')
        peer.frame('40/inactive,{"sid":"x"}')
        peer.frame('42["end"]')

    async with meeting(joined(talk)) as (client, _):
        client.of("/inactive")
        seen = log_of(client, "a", "end")
        await client.connect()
        await until(lambda: seen)
        assert seen == [("end",)]


async def test_the_server_puts_a_client_out_before_it_is_in() -> None:
    async def talk(peer: Peer) -> None:
        assert await peer.packet() == "40"
        peer.frame("41")

    async with meeting(socketio(talk)) as (client, _):
        seen = log_of(client, "disconnect")
        with pytest.raises(Disconnected, match="put this client out"):
            await client.connect()
        assert seen == []


async def test_attachments_that_do_not_come_end_the_connection() -> None:
    async def talk(peer: Peer) -> None:
        peer.frame('452-["a",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]')
        peer.frame(b"1")
        peer.frame(b"2")
        peer.frame('451-["a",{"_placeholder":true,"num":0}]')

    limits = ClientLimits(attachment_timeout=0.02)
    async with meeting(joined(talk), joined(), limits=limits) as (client, _):
        seen = log_of(client, "disconnect", "a")
        closes: list[Any] = []
        client.on_connection("close", lambda *args: closes.append(args))
        await client.connect()
        await until(lambda: closes)
        assert seen == [("a", b"1", b"2"), ("disconnect", "parse error")]
        assert closes == [
            ("parse error", "a packet's attachments did not come within 0.02 seconds")
        ]


async def test_the_connection_ends_while_attachments_are_due() -> None:
    async def talk(peer: Peer) -> None:
        await peer.accept_websocket()
        peer.frame(HANDSHAKE)
        assert await peer.packet() == "40"
        peer.frame('40{"sid":"s1"}')
        peer.frame('451-["a",{"_placeholder":true,"num":0}]')

    async with meeting(talk, joined()) as (client, _):
        seen = log_of(client, "disconnect")
        await client.connect()
        await until(lambda: seen and client.connected)
        assert seen == [("disconnect", "transport close")]


async def test_emitting_while_the_server_is_overdue_keeps_the_event(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def sleeps(peer: Peer) -> None:
        pass

    async def awake(peer: Peer) -> None:
        assert await peer.packet() == '42["kept"]'

    async with meeting(joined(sleeps), joined(awake), close_timeout=0.01) as (client, _):
        await client.connect()
        engine = client._manager.engine
        assert engine is not None
        # The machine has slept: no timer has run yet, but the time has passed.
        engine.session._heartbeat = engine.session.deadline = 0.0
        client.emit("kept")
        client.volatile.emit("dropped")
        assert client._outbox._unsent
        engine.session.handle_timeout(1.0)
        await until(lambda: not client._outbox._unsent)
        await client.drained()

"""What a CONNECT carries: auth, and what recovery needs."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from socketio_min import (
    ConnectionFailed,
)
from tests.engineio_min.scripted import (
    HANDSHAKE,
    Peer,
)
from tests.socketio_min.client.meeting import log_of, meeting, socketio
from tests.waiting import patient, until


async def test_recovery_on_the_wire() -> None:
    async def first(peer: Peer) -> None:
        await peer.accept_websocket()
        peer.frame(HANDSHAKE)
        assert await peer.packet() == "40"
        peer.frame('40{"sid":"s1","pid":"p1"}')
        peer.frame('42["one",1,"offset 1"]')
        peer.frame('42["any",1,"offset 2"]')
        peer.frame('42["one",1]')
        peer.frame('427["asked","text"]')
        assert await peer.packet() == '437["text"]'

    async def second(peer: Peer) -> None:
        assert await peer.packet() == '40{"pid":"p1","offset":"offset 2"}'
        peer.frame('42["any",2,"offset 3"]')
        peer.frame('40{"sid":"s1","pid":"p1"}')
        assert await peer.packet() == '42["recovered",true]'
        peer.frame("41")

    async def third(peer: Peer) -> None:
        assert await peer.packet() == '40{"pid":"p1","offset":"offset 3"}'
        peer.frame('40{"sid":"s2","pid":"p2"}')
        assert await peer.packet() == '42["recovered",false]'
        assert await peer.packet() == "41"

    async def fourth(peer: Peer) -> None:
        assert await peer.packet() == "40"
        peer.frame('40{"sid":"s3"}')

    scripts = (first, socketio(second), socketio(third), socketio(fourth))
    async with meeting(*scripts) as (client, _):
        seen: list[Any] = []
        client.on("one", lambda number: seen.append(("one", number)))
        client.on("any", lambda *args: seen.append(("any", *args)))
        client.on("asked", lambda text: text)
        client.on("connect", lambda: seen.append("connect"))
        await client.connect()
        await until(lambda: client.recovered)
        client.emit("recovered", client.recovered)
        assert seen == [
            "connect",
            ("one", 1),
            ("any", 1, "offset 2"),
            ("one", 1),
            ("any", 2, "offset 3"),
            "connect",
        ]
        await until(lambda: not client.active)
        await client.connect()
        assert not client.recovered
        client.emit("recovered", client.recovered)
        await client.drained()
        await client.disconnect()
        await client.connect()
        assert client.id == "s3"


async def test_a_pid_without_an_offset_is_presented_with_auth() -> None:
    async def first(peer: Peer) -> None:
        await peer.accept_websocket()
        peer.frame(HANDSHAKE)
        assert await peer.packet() == '40{"a":1}'
        peer.frame('40{"sid":"s1","pid":"p1"}')

    async def second(peer: Peer) -> None:
        assert await peer.packet() == '40{"pid":"p1","a":1}'
        peer.frame('40{"sid":"s1","pid":"p1"}')

    async with meeting(first, socketio(second), auth={"a": 1}) as (client, _):
        await client.connect()
        await until(lambda: client.recovered)


async def test_auth_is_asked_again_each_time() -> None:
    async def first(peer: Peer) -> None:
        await peer.accept_websocket()
        peer.frame(HANDSHAKE)
        assert await peer.packet() == '40{"call":1}'
        peer.frame('40{"sid":"s1"}')

    async def second(peer: Peer) -> None:
        assert await peer.packet() == '40{"call":2}'
        peer.frame('40{"sid":"s2"}')

    calls: list[int] = []

    async def auth() -> dict[str, int]:
        calls.append(1)
        await asyncio.sleep(0)
        return {"call": len(calls)}

    async with meeting(first, socketio(second), auth=auth) as (client, _):
        await client.connect()
        await until(lambda: client.id == "s2")


@pytest.mark.parametrize("auth", [lambda: 1 // 0, {"a": {1}}, lambda: 5])
async def test_auth_that_fails(auth: Any, caplog: pytest.LogCaptureFixture) -> None:
    async def nothing(peer: Peer) -> None:
        pass

    async with meeting(socketio(nothing), auth=auth) as (client, _):
        errors = log_of(client, "connect_error")
        with pytest.raises(ConnectionFailed, match="the application's auth failed: ") as caught:
            await client.connect()
        assert caught.value.__cause__ is not None
        assert errors == [("connect_error", caught.value)]
        assert "the auth of namespace / failed" in caplog.text


@pytest.mark.parametrize("then", ["ends", "fails", "answers"])
async def test_auth_whose_connection_is_lost_is_cancelled_and_asked_again(
    then: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever it makes of that does not matter any more."""

    async def lost(peer: Peer) -> None:
        await peer.accept_websocket()
        peer.frame(HANDSHAKE)
        await patient(asked.wait())

    async def second(peer: Peer) -> None:
        assert await peer.packet() == '40{"call":2}'
        peer.frame('40{"sid":"s1"}')

    asked = asyncio.Event()
    calls: list[str] = []

    async def auth() -> dict[str, int]:
        calls.append("asked")
        if len(calls) == 1:
            asked.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                calls.append("cancelled")
                if then == "ends":
                    raise
                if then == "fails":
                    raise ValueError("too late to matter") from None
                return {"call": 1}
        return {"call": 2}

    async with meeting(lost, socketio(second), auth=auth) as (client, _):
        errors = log_of(client, "connect_error")
        await client.connect()
        assert client.id == "s1"
        assert calls == ["asked", "cancelled", "asked"]
        assert [type(error) for _, error in errors] == [ConnectionFailed]
    assert ("the auth of namespace / failed" in caplog.text) is (then == "fails")


async def test_leaving_while_auth_is_asked() -> None:
    async def talk(peer: Peer) -> None:
        assert await peer.packet() == "40/other,"
        peer.frame('40/other,{"sid":"o1"}')
        assert await peer.packet() == '42/other,["end"]'

    async with meeting(socketio(talk)) as (client, _):
        other = client.of("/other")
        await other.connect()
        asked, answer = asyncio.Event(), asyncio.Event()

        async def auth() -> None:
            asked.set()
            await answer.wait()

        client.auth = auth
        assert client.auth is auth
        client.open()
        await patient(asked.wait())
        client.disconnect()
        answer.set()
        await until(lambda: not client._membership.asked)
        other.emit("end")
        await other.drained()

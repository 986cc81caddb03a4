"""stream.py: binary messages as text, and pauses that outlive a change of transport."""

from __future__ import annotations

import asyncio

import pytest

from engineio_min.client.options import ClientOptionValues
from tests.engineio_min.client.ear import TRANSPORTS, Ear, connected, refusal, url_of
from tests.engineio_min.harness import Harness
from tests.engineio_min.scripted import (
    HANDSHAKE,
    Peer,
    scripted,
)
from tests.waiting import patient, until


@pytest.mark.parametrize("options", TRANSPORTS)
async def test_binary_messages_as_text(harness: Harness, options: ClientOptionValues) -> None:
    forced: ClientOptionValues = {**options, "force_base64": True}
    async with connected(url_of(harness), **forced) as ear:
        if len(options["transports"]) == 2:
            await until(lambda: ear.upgrades)
        sent: list[str | bytes] = [b"\x01\x02\x03", "text", b"", "b"]
        for message in sent:
            ear.client.send(message)
        await until(lambda: len(ear.messages) == 4)
        assert ear.messages == harness.received == sent


async def test_binary_messages_as_text_on_the_wire() -> None:
    async def script(peer: Peer) -> None:
        request = await peer.accept_websocket()
        assert "b64=1" in request.target.partition("?")[2].split("&")
        peer.frame(HANDSHAKE)
        assert await peer.packet() == "bAQID"
        peer.frame("bBAUG")
        peer.frame(b"binary")
        assert await peer.packet() == "bBAUG"
        peer.frame("bA")
        await peer.answer_close()

    async with scripted(script) as server:
        ear = Ear(server.url, transports=["websocket"], force_base64=True)
        await patient(ear.client.connect())
        ear.client.send(b"\x01\x02\x03")
        await until(lambda: len(ear.messages) == 2)
        ear.client.send(b"\x04\x05\x06")
        await until(lambda: ear.closed)
        assert ear.messages == [b"\x04\x05\x06", b"binary"]
        assert ear.closed[0][0] == "transport error"
        assert "invalid base64" in ear.closed[0][1]
        await ear.finish()


async def test_pausing_and_resuming(harness: Harness) -> None:
    for options in TRANSPORTS[:2]:
        async with connected(url_of(harness), **options) as ear:
            ear.client.pause()
            ear.client.pause()
            ear.client.send("a" * 1000)
            # The poll that is under way may still bring what comes first.
            await until(lambda: harness.received)
            if options["transports"] == ["polling"]:
                await until(lambda: ear.messages)
                harness.connection.send("b")
            for _ in range(20):
                await asyncio.sleep(0)
            assert "b" not in ear.messages
            ear.client.resume()
            ear.client.resume()
            await until(lambda: "a" * 1000 in ear.messages)
        harness.received.clear()


@pytest.mark.parametrize("options", TRANSPORTS[:2])
async def test_a_client_may_be_paused_before_it_connects(
    harness: Harness, options: ClientOptionValues
) -> None:
    ear = Ear(url_of(harness), **options)
    ear.client.pause()
    ear.client.resume()
    await patient(ear.client.connect())
    ear.client.send("a")
    await until(lambda: ear.messages)
    await ear.finish()


async def test_a_paused_client_stays_so_through_an_upgrade(harness: Harness) -> None:
    ear = Ear(url_of(harness))
    await ear.client.connect()
    ear.client.pause()
    await until(lambda: ear.upgrades)
    harness.connection.send("a")
    for _ in range(20):
        await asyncio.sleep(0)
    assert ear.messages == []
    ear.client.resume()
    await until(lambda: ear.messages)
    await ear.finish()


async def test_a_websocket_that_ends_before_it_opens() -> None:
    async def script(peer: Peer) -> None:
        await peer.accept_websocket()

    async with scripted(script) as server:
        error = await refusal(server.url, transports=["websocket"])
        assert str(error) == "the connection was lost: closed by the server"

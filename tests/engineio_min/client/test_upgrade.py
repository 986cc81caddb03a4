"""The client's upgrade, whatever becomes of the candidate, and its callbacks."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from engineio_min import Client
from tests.engineio_min.client.ear import Ear, connected, url_of
from tests.engineio_min.harness import Clock, Harness
from tests.engineio_min.scripted import (
    UPGRADABLE,
    Peer,
    Script,
    answers_posts,
    scripted,
    silence,
)
from tests.waiting import patient, until

# -- the upgrade


def upgrading(candidate: Script) -> tuple[Script, Script, Script]:
    """A server on polling that offers an upgrade, and what it does with the candidate."""

    async def polling(peer: Peer) -> None:
        await peer.request()
        peer.answer(UPGRADABLE)
        await peer.request()
        await asyncio.sleep(0.01)
        peer.answer("4polled")
        await peer.request()
        await silence(peer)

    return polling, candidate, answers_posts


async def refuses_upgrade(peer: Peer) -> None:
    await peer.request()
    peer.answer("no", status="400 Bad Request")


async def closes_candidate(peer: Peer) -> None:
    await peer.accept_websocket()
    assert await peer.packet() == "2probe"


async def answers_wrongly(peer: Peer) -> None:
    await peer.accept_websocket()
    assert await peer.packet() == "2probe"
    peer.frame("3nope")
    peer.frame("4lost")
    await peer.answer_close()


async def breaks_websocket(peer: Peer) -> None:
    await peer.accept_websocket()
    peer.frame(b"", 0x83)
    await peer.answer_close()


async def talks_on(peer: Peer) -> None:
    await peer.accept_websocket()
    assert await peer.packet() == "2probe"
    peer.frame("3probe")
    peer.frame("4too early")
    await peer.answer_close()


async def falls_silent(peer: Peer) -> None:
    await peer.accept_websocket()
    await peer.answer_close()


@pytest.mark.parametrize(
    "candidate",
    [
        refuses_upgrade,
        closes_candidate,
        answers_wrongly,
        breaks_websocket,
        talks_on,
        falls_silent,
        silence,
    ],
)
async def test_an_upgrade_that_fails_leaves_the_session_on_polling(
    candidate: Script, clock: Clock
) -> None:
    async with (
        scripted(*upgrading(candidate)) as server,
        connected(server.url, upgrade_timeout=10, close_timeout=0.05) as ear,
    ):
        await until(lambda: ear.messages)
        assert ear.messages == ["polled"]
        await server.peer(1)
        if candidate in (falls_silent, silence):
            await clock.advance(11)
        await server.gone(1)
        assert ear.client.transport == "polling"
        assert ear.client.opened
        assert ear.upgrades == 0


async def test_a_candidate_lost_while_polling_pauses_starts_it_again() -> None:
    polls = []

    async def polling(peer: Peer) -> None:
        await peer.request()
        peer.answer(UPGRADABLE)
        while True:
            polls.append(await peer.request())
            if len(polls) == 1:
                # Only after the probe is answered: then the client sends no other GET.
                await probed.wait()
                peer.answer("6")
                paused.set()

    async def candidate(peer: Peer) -> None:
        await peer.accept_websocket()
        await peer.packet()
        peer.frame("3probe")
        await asyncio.sleep(0.01)
        probed.set()
        await paused.wait()
        # A POST is under way and keeps the upgrade waiting.
        await asyncio.sleep(0.01)

    async def posting(peer: Peer) -> None:
        await peer.request()
        await silence(peer)

    probed, paused = asyncio.Event(), asyncio.Event()

    async def either(peer: Peer) -> None:
        line = await patient(peer.reader.readuntil(b"\r\n"))
        rest = peer.reader
        rest._buffer[:0] = line  # type: ignore[attr-defined]
        await (posting if line.startswith(b"POST") else candidate)(peer)

    async with scripted(polling, either) as server:
        ear = Ear(server.url, close_timeout=0.05)
        await ear.client.connect()
        ear.client.send("slow")
        await until(lambda: len(polls) == 2)
        assert ear.client.transport == "polling"
        assert ear.client.opened
        await ear.finish()


async def test_closing_during_an_upgrade() -> None:
    async with scripted(*upgrading(falls_silent)) as server:
        ear = Ear(server.url, close_timeout=60)
        await ear.client.connect()
        await until(lambda: ear.client._stream.upgrade.candidate)
        # The connection of the POST must not come before the candidate's.
        await server.peer(1)
        ear.client.send("last")
        await ear.finish()
        assert ear.closed == [("forced close", "closed by the client")]


# -- the application


async def test_a_message_handler_that_fails_costs_the_session(
    harness: Harness, caplog: pytest.LogCaptureFixture
) -> None:
    ear = Ear(url_of(harness), transports=["websocket"])

    def fail(message: Any) -> None:
        raise ValueError("the application")

    ear.client.on_message = fail
    await ear.client.connect()
    ear.client.send("a")
    assert await ear.ended() == ("forced close", "the message handler failed")
    assert "the application" in caplog.text


async def test_without_callbacks_nothing_is_told(harness: Harness) -> None:
    client = Client(url_of(harness))
    await client.connect()
    client.send("a")
    await until(lambda: harness.received)
    client.close()
    await client.wait_closed()


async def test_the_tap_sees_every_packet(harness: Harness) -> None:
    seen: list[tuple[str, Any]] = []
    ear = Ear(url_of(harness))
    ear.client.tap = lambda direction, packet: seen.append((direction, packet))
    await ear.client.connect()
    await until(lambda: ear.upgrades)
    ear.client.send("a")
    ear.client.send(b"b")
    await until(lambda: len(ear.messages) == 2)
    await ear.finish()
    assert seen[0][0] == "in"
    assert seen[0][1].startswith("0{")
    packets = [packet for packet in seen[1:] if packet[1] != "6"]
    assert packets == [
        ("out", "2probe"),
        ("in", "3probe"),
        ("out", "5"),
        ("out", "4a"),
        ("out", b"b"),
        ("in", "4a"),
        ("in", b"b"),
    ]

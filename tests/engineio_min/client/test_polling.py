"""polling.py: the polls and posts of a client, with servers that answer badly or not at all."""

from __future__ import annotations

from functools import partial

import pytest

from tests.engineio_min.client.ear import Ear, connected, polled
from tests.engineio_min.harness import Clock
from tests.engineio_min.scripted import (
    HANDSHAKE,
    Peer,
    scripted,
    silence,
)
from tests.waiting import until


@pytest.mark.parametrize(
    ("body", "end"),
    [
        (b"", "transport error"),
        (b"\xff\xfe", "transport error"),
        (b"4ok\x1e", "transport error"),
        (b"4ok\x1ex", "transport error"),
        (b"4ok\x1eb!!", "transport error"),
        (b"4ok\x1e" + HANDSHAKE.encode(), "transport error"),
        (b"4ok\x1e1\x1e4late", "transport close"),
        (b"4ok" + b"\x1e6" * 100_000, "transport error"),
        (b"4ok" + b"x" * 100_000_001, "transport error"),
    ],
)
async def test_a_bad_answer_to_a_poll_ends_the_session(body: bytes, end: str) -> None:
    async with scripted(polled(body)) as server:
        ear = Ear(server.url)
        await ear.client.connect()
        reason, _ = await ear.ended()
        assert reason == end
        assert ear.messages in ([], ["ok"])
        await server.gone()


@pytest.mark.parametrize("status", ["400 Bad Request", "500 Oops", "302 Found", "204 None"])
async def test_a_poll_that_is_refused_ends_the_session(status: str) -> None:
    async with scripted(polled("", status=status)) as server:
        ear = Ear(server.url)
        await ear.client.connect()
        reason, description = await ear.ended()
        assert reason == "transport error"
        assert description.startswith(f"got HTTP status {status[:3]}")


async def test_a_post_that_is_refused_ends_the_session() -> None:
    async def refuses(peer: Peer) -> None:
        assert (await peer.request()).body == b"4a"
        peer.answer("\x1b[2J", status="413 Too Large")
        await silence(peer)

    async with scripted(polled(), refuses) as server:
        ear = Ear(server.url)
        await ear.client.connect()
        ear.client.send("a")
        assert await ear.ended() == (
            "transport error",
            "got HTTP status 413, expected success: '\\x1b[2J'",
        )


async def test_the_sid_is_quoted() -> None:
    handshake = HANDSHAKE.replace('"abc"', '"a b\\r\\nX: y&z"')
    targets = []

    async def script(peer: Peer) -> None:
        await peer.request()
        peer.answer(handshake)
        targets.append((await peer.request()).target)
        await silence(peer)

    async with scripted(script) as server, connected(server.url):
        await until(lambda: targets)
        assert targets == ["/engine.io/?EIO=4&transport=polling&sid=a%20b%0D%0AX%3A%20y%26z"]


async def test_a_server_that_falls_silent_is_left(clock: Clock) -> None:
    async def websocket(peer: Peer) -> None:
        await peer.accept_websocket()
        peer.frame(HANDSHAKE)
        await silence(peer)

    for transport, script in (("polling", polled()), ("websocket", websocket)):
        async with scripted(script) as server:
            ear = Ear(server.url, transports=[transport])
            await ear.client.connect()
            await clock.advance(44.9)
            assert [ear.client.opened] == [True]
            await clock.advance(0.2)
            assert [ear.client.opened] == [False]
            await until(partial(list.__len__, ear.closed))
            assert ear.closed == [("ping timeout", "got no ping in time")]
            await clock.advance(5.1)
            await ear.finish()

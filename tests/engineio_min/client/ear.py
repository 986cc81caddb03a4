"""A client of the tests that remembers what it was told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Unpack

import pytest

from engineio_min import Client, ConnectionFailed
from engineio_min.client.options import ClientOptionValues
from tests.engineio_min.harness import Harness
from tests.engineio_min.scripted import (
    HANDSHAKE,
    Peer,
    Script,
    silence,
)
from tests.waiting import patient, until

# The ways of a session: on one transport, or upgraded.
TRANSPORTS: list[ClientOptionValues] = [
    {"transports": ["polling"]},
    {"transports": ["websocket"]},
    {"transports": ["polling", "websocket"]},
]


class Ear:
    """A client, and what it was told."""

    def __init__(self, url: str, **options: Unpack[ClientOptionValues]) -> None:
        self.client = Client(url, **options)
        self.messages: list[str | bytes] = []
        self.closed: list[tuple[str, str]] = []
        self.upgrades = 0
        self.client.on_message = self.messages.append
        self.client.on_close = lambda reason, description: self.closed.append((reason, description))
        self.client.on_upgrade = self.upgraded

    def upgraded(self) -> None:
        self.upgrades += 1

    async def ended(self) -> tuple[str, str]:
        """The end, which must come by itself."""
        await until(lambda: self.closed)
        [end] = self.closed
        await self.finish()
        return end

    async def finish(self) -> None:
        self.client.close()
        await patient(self.client.wait_closed())
        assert not self.client._tasks.running


@asynccontextmanager
async def connected(url: str, **options: Unpack[ClientOptionValues]) -> AsyncIterator[Ear]:
    """A client with an open session; at the end nothing of it may be left."""
    ear = Ear(url, **options)
    await patient(ear.client.connect())
    try:
        yield ear
    finally:
        await ear.finish()


def url_of(harness: Harness) -> str:
    return f"http://127.0.0.1:{harness.port}"


async def refusal(url: str, **options: Unpack[ClientOptionValues]) -> ConnectionFailed:
    """Why the client cannot connect; nothing of it may be left, and nobody is told of an end."""
    ear = Ear(url, **options)
    with pytest.raises(ConnectionFailed) as caught:
        await patient(ear.client.connect())
    assert not ear.client._tasks.running
    assert not ear.closed
    return caught.value


# -- a server that misbehaves later


def polled(*bodies: str | bytes, status: str = "200 OK") -> Script:
    """A server that answers polls one after the other, and then no more."""

    async def script(peer: Peer) -> None:
        for number, body in enumerate((HANDSHAKE, *bodies)):
            assert (await peer.request()).method == "GET"
            peer.answer(body, status=status if number else "200 OK")
        await silence(peer)

    return script

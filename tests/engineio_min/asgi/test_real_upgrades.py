"""Candidates for an upgrade under real ASGI hosts: whichever fails costs the session nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.engineio_min.asgi.real_host import (
    WEBSOCKET,
    Engine,
    HttpKind,
    WebSocketKind,
    closing,
    poll,
    uvicorn_host,
    websocket,
)
from tests.waiting import patient, until

# uvicorn's older WebSocket implementation stands on parts of websockets that will go.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:websockets.legacy")


@asynccontextmanager
async def probed(port: int, sid: str) -> AsyncIterator[Any]:
    """A candidate for a session that polls, after `2probe` and `3probe`."""
    async with websocket(port, f"{WEBSOCKET}&sid={sid}") as candidate:
        await candidate.send("2probe")
        assert await patient(candidate.recv()) == "3probe"
        yield candidate


@pytest.mark.parametrize("packets", [["4early"], ["5"], ["2probe", "4early"], ["2probe", "2probe"]])
async def test_a_wrong_candidate_leaves_the_polling_session_alive(
    host: tuple[HttpKind, WebSocketKind], packets: list[str]
) -> None:
    """Nothing after the wrong packet counts, and the next candidate may upgrade."""
    engine = Engine()
    async with uvicorn_host(engine.server.asgi_app(), host) as server:
        client = await poll(server.port)
        async with websocket(server.port, f"{WEBSOCKET}&sid={client.sid}") as candidate:
            for packet in [*packets, "2probe", "5", "4early"]:
                await candidate.send(packet)
            assert await closing(candidate) == 1000
        assert engine.received == []
        assert engine.connections[0].transport == "polling"
        await client.post("4still here")
        assert await client.get() == ["4still here"]
        async with probed(server.port, client.sid) as candidate:
            await candidate.send("5")
            await candidate.send("4upgraded")
            assert await patient(candidate.recv()) == "4upgraded"
        assert await engine.ended() == "transport close"


async def test_a_candidate_that_goes_away_leaves_the_polling_session_alive(
    host: tuple[HttpKind, WebSocketKind],
) -> None:
    engine = Engine()
    async with uvicorn_host(engine.server.asgi_app(), host) as server:
        client = await poll(server.port)
        async with probed(server.port, client.sid):
            pass
        await until(lambda: engine.connections[0].candidate is None)
        await client.post("4still here")
        assert await client.get() == ["4still here"]
        assert engine.reasons == []


async def test_a_second_candidate_is_closed_and_the_first_goes_on(
    host: tuple[HttpKind, WebSocketKind],
) -> None:
    engine = Engine()
    async with uvicorn_host(engine.server.asgi_app(), host) as server:
        client = await poll(server.port)
        async with probed(server.port, client.sid) as first:
            async with websocket(server.port, f"{WEBSOCKET}&sid={client.sid}") as second:
                assert await closing(second) == 1000
            await first.send("5")
            await first.send("4hello")
            assert await patient(first.recv()) == "4hello"


async def test_the_end_of_a_session_closes_its_candidate(
    host: tuple[HttpKind, WebSocketKind],
) -> None:
    engine = Engine()
    async with uvicorn_host(engine.server.asgi_app(), host) as server:
        client = await poll(server.port)
        async with probed(server.port, client.sid) as candidate:
            await client.post("1")
            assert await closing(candidate) == 1000
        assert engine.reasons == ["transport close"]

"""The limits on what clients may send and how many they may be, as the server is started with.

Invariants:
- Who keeps within them never meets them; who does not is told, and nobody else notices.
- A limit that is 0 is none.
"""

from __future__ import annotations

import contextlib
import json
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from websockets import ConnectionClosed

from server.settings import Settings
from tests.engineio_min.wire import websocket
from tests.frames import encode_frame
from tests.server.conftest import Connect
from tests.server.running import CREDENTIALS, add_user, running
from tests.server.wire import connected, http_get
from tests.waiting import until

POLLING = "/socket.io/?EIO=4&transport=polling"
WEBSOCKET = "/socket.io/?EIO=4&transport=websocket"
# Somebody of the internet, as a reverse proxy on this host passes them on.
STRANGER = {"X-Forwarded-For": "1.2.3.4"}


async def test_a_connection_has_a_rate(tmp_path: Path) -> None:
    """200 events at once; 100 more are forgiven, then the connection ends. One a second: no slow
    machine earns more than a few.
    """
    async with running(tmp_path, event_rate=1) as application, AsyncExitStack() as clients:
        other, flood = [
            await clients.enter_async_context(connected(application.port)) for _ in range(2)
        ]
        for _ in range(290):
            await flood.emit("test:ping")
        told, _ = await flood.hear("rate_limited")
        assert 0 <= told["retryAfter"] <= 1_000
        assert 199 <= sum(event == "test:pong" for event, *_ in flood.heard) < 290
        with contextlib.suppress(ConnectionClosed):
            for _ in range(1_000):
                await flood.emit("test:ping")
        await flood.ended()
        assert await other.ask("test:ping") == {"ok": True}
        async with connected(application.port) as again:
            assert await again.ask("test:ping") == {"ok": True}


async def test_an_address_may_have_a_rate_too(tmp_path: Path) -> None:
    async with running(tmp_path, event_rate=0, address_event_rate=1) as application:
        async with websocket(application.port, WEBSOCKET, headers=STRANGER) as wire:
            assert str(await wire.packet()).startswith("0{")
            # Two are there at once, and these come at once.
            await wire.send_packet(*[f"40/{number}," for number in range(20)])
            answers = [str(await wire.packet()) for _ in range(20)]
        assert answers[:2] == [
            f'44/{number},{{"message":"Invalid namespace"}}' for number in (0, 1)
        ]
        assert '44/19,{"message":"Too many requests"}' in answers


async def test_without_a_rate_there_is_none(tmp_path: Path) -> None:
    async with (
        running(tmp_path, event_rate=0, tuning={"monotonic": lambda: 0.0}) as application,
        connected(application.port) as client,
    ):
        # The user's own limit remains, and answers each event.
        for number in range(1, 1_001):
            await client.send(f'42{number}["test:ping"]')
        answers = [await client.acknowledged(number) for number in range(1, 1_001)]
        assert answers[:300] == [{"ok": True}] * 300
        codes = {answer["error"]["code"] for answer in answers[300:]}
        assert codes == {"RATE_LIMIT_EXCEEDED"}


async def test_an_address_may_have_so_many_connections(tmp_path: Path) -> None:
    async with running(tmp_path, max_connections_per_address=2) as application:
        for _ in range(2):
            assert (await http_get(application.port, POLLING, STRANGER))[0] == 200
        status, headers, body = await http_get(application.port, POLLING, STRANGER)
        assert (status, headers["content-type"]) == (429, "application/json")
        assert json.loads(body) == {"code": 4, "message": "Too many connections"}
        # Another stranger is another matter, and so is whoever is near.
        other = {"X-Forwarded-For": "1.2.3.4, 9.9.9.9"}
        assert (await http_get(application.port, POLLING, other))[0] == 200
        for _ in range(3):
            assert (await http_get(application.port, POLLING))[0] == 200


def full(user: str) -> dict[str, str]:
    return {
        "code": "RATE_LIMIT_EXCEEDED",
        "message": f"{user!r} has 20 connections, the most allowed: close one first",
    }


async def test_twenty_connections_act_as_one_user(connect: Connect) -> None:
    ada = {"userId": "ada"}
    clients = [await connect() for _ in range(21)]
    for client in clients[:20]:
        assert (await client.ask("user:join", ada))["ok"]
    last = clients[20]
    assert await last.ask("user:join", ada) == {"ok": False, "error": full("ada")}
    await last.emit("user:typing", {**ada, "isTyping": True})
    assert await last.news() == [("error", {**full("ada"), "event": "user:typing"})]
    # It remains the guest that it was, those that are there stay, and a place can become free.
    assert (await last.ask("user:presence", {"status": "online"}))["presence"]["user"][
        "id"
    ] != "ada"
    for client in clients[:20]:
        assert (await client.ask("user:join", ada))["ok"]
    await clients[0].close()
    await clients[1].ask("project:join", {"projectId": "project-123"})
    while not (answer := await last.ask("user:join", ada))["ok"]:
        assert answer["error"] == full("ada")
    assert (await last.ask("user:join", {"userId": "bob"}))["error"]["code"] == "FORBIDDEN"


@pytest.mark.parametrize("mode", ["open", "required"])
async def test_however_they_present_their_session(tmp_path: Path, mode: str) -> None:
    async with running(tmp_path, auth_mode=mode) as application, AsyncExitStack() as clients:
        await add_user(application)
        port = application.port
        first = await clients.enter_async_context(connected(port))
        auth = {"sessionId": (await first.ask("auth:login", CREDENTIALS))["session"]["id"]}
        for _ in range(19):
            client = await clients.enter_async_context(connected(port, auth))
            assert [event for event, _ in await client.news()] == ["auth:success"]
        late = await clients.enter_async_context(connected(port, auth))
        assert await late.news() == [("auth:error", {**full("ada"), "event": "connect"})]
        for event, payload in (("auth:session", auth), ("auth:login", CREDENTIALS)):
            assert (await late.ask(event, payload))["error"] == full("ada")
        # No session was opened for nothing.
        rows = await application.database.run(
            lambda c: c.execute("SELECT count(*) FROM sessions").fetchone()
        )
        assert rows == (1,)
        # Who is there may log in once more.
        assert (await client.ask("auth:login", CREDENTIALS))["ok"]


def test_the_limits_that_are_on() -> None:
    settings = Settings()
    assert (settings.event_rate, settings.event_burst) == (100, 200)
    assert settings.max_connections_per_user == 20
    assert settings.byte_rate == 4_000_000
    assert settings.max_held == 256_000_000
    assert (settings.max_connections_per_address, settings.address_event_rate) == (100, 500)


async def test_an_event_has_ten_thousand_values_at_most(tmp_path: Path) -> None:
    async with running(tmp_path) as application, connected(application.port) as other:
        async with connected(application.port) as client:
            answer = await client.ask("test:event", {"values": [0] * 9_900})
            assert answer["error"]["code"] == "VALIDATION_ERROR"
            await client.emit("test:event", {"values": [0] * 10_000})
            with pytest.raises(ConnectionClosed):
                await client.more()
        assert await other.ask("test:ping", {}) == {"ok": True}


async def test_who_sends_too_many_bytes_is_read_more_slowly(tmp_path: Path) -> None:
    for rate, paused in ((1, True), (0, False)):
        async with (
            running(tmp_path / str(rate), byte_rate=rate) as application,
            connected(application.port) as client,
        ):
            assert await client.ask("test:ping", {}) == {"ok": True}
            [connection] = application.io.engine.sessions.values()
            assert connection.paused is paused


async def test_what_is_kept_counts_for_the_user(tmp_path: Path) -> None:
    """Whoever the connection acts as at the moment."""
    async with running(tmp_path) as application, connected(application.port) as client:
        [connection] = application.io.engine.sessions.values()
        assert connection.user != "ada"
        assert (await client.ask("user:join", {"userId": "ada"}))["ok"]
        assert connection.user == "ada"


async def test_what_is_on_its_way_has_one_bound(tmp_path: Path) -> None:
    """Above it the one goes that holds most."""
    options: dict[str, Any] = {"max_held": 100_000, "max_http_buffer_size": 90_000}
    async with running(tmp_path, **options) as application, connected(application.port) as other:
        half = encode_frame(1, b"4" * 80_000, fin=False)
        async with websocket(application.port, WEBSOCKET) as first:
            await first.send(half)
            await until(lambda: application.io.engine.account.held >= 80_000)
            async with websocket(application.port, WEBSOCKET) as second:
                assert str(await second.packet()).startswith("0{")
                await second.send(half)
                assert str(await first.packet()).startswith("0{")
                assert await first.close_code() == 1013
        assert await other.ask("test:ping") == {"ok": True}

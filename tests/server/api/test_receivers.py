"""told.py: what a user's deeds cost by those who hear of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from server import dispatch
from server.api import services
from server.api.rate_limit import Rate
from tests.server.running import running
from tests.server.wire import connected

PROJECT = {"projectId": "project-123"}


def limit(monkeypatch: pytest.MonkeyPatch, rate: Rate, few: int = 0) -> Rate:
    monkeypatch.setattr(dispatch, "RECEIVERS", rate)
    monkeypatch.setattr(services, "RECEIVERS", rate)
    monkeypatch.setattr(services, "FREE_RECEIVERS", few)
    return rate


async def test_receivers_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The clock stands, so nothing is ever paid back.
    told = limit(monkeypatch, Rate("told", burst=1, per_second=1_000))
    tuning = {"monotonic": lambda: 0.0}
    async with running(tmp_path, tuning=tuning) as application, connected(application.port) as loud:
        await loud.ask("user:join", {"userId": "loud"})
        await loud.ask("project:join", PROJECT)
        assert application.rates.spend("loud", told, 0) == 0.0
        async with connected(application.port) as other:
            await other.ask("user:join", {"userId": "other"})
            await other.ask("project:join", PROJECT)
            await loud.ask("user:typing", {**PROJECT, "isTyping": True})
            assert application.rates.spend("loud", told, 0) == 0.002
            # Few receivers cost nothing.
            monkeypatch.setattr(services, "FREE_RECEIVERS", 2)
            await loud.ask("user:typing", {**PROJECT, "isTyping": False})
            assert application.rates.spend("loud", told, 0) == 0.002


async def test_who_owes_waits_and_nobody_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit(monkeypatch, Rate("told", burst=2, per_second=0.001))
    async with (
        running(tmp_path, tuning={"drain": 0.01}) as application,
        connected(application.port) as loud,
        connected(application.port) as other,
    ):
        await loud.ask("user:join", {"userId": "loud"})
        await other.ask("user:join", {"userId": "other"})
        await loud.ask("project:join", PROJECT)
        for is_typing in (True, False):
            await loud.ask("user:typing", {**PROJECT, "isTyping": is_typing})
        await loud.emit("test:ping", {})
        for _ in range(3):
            assert (await other.ask("test:ping", {}))["ok"]
        [socket] = application.sockets.of_user("loud")
        assert socket.data["turn"].locked()

"""What a socket may do ends by itself.

Invariants:
- A session that is over ends also for a client that says nothing.
- Where a session is needed, a client without one keeps no connection.
- Nothing of it is left when the sockets are gone.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from server.accounts.auth import SESSION_SECONDS
from server.application import Application
from server.settings import Settings
from tests.engineio_min.harness import Clock
from tests.server.running import CREDENTIALS, add_user, running
from tests.server.wire import connected
from tests.waiting import until

PROJECT = {"projectId": "project-123"}
LATE = "nobody has logged in for 10000 seconds: connect again with a session"


@pytest.fixture
async def application(tmp_path: Path, clock: Clock) -> AsyncIterator[Application]:
    async with running(
        tmp_path,
        auth_mode="required",
        # So long that no slow machine decides anything.
        auth_timeout=10_000.0,
        ping_interval=1e6,
        tuning={"clock": clock.time},
    ) as application:
        await add_user(application)
        yield application


async def test_a_session_ends_for_a_client_that_only_listens(
    application: Application, clock: Clock
) -> None:
    port = application.port
    async with connected(port) as silent, connected(port) as other:
        session = (await silent.ask("auth:login", CREDENTIALS))["session"]["id"]
        lock = {**PROJECT, "filePath": "a"}
        assert (await silent.ask("file:lock", lock))["ok"]
        await silent.ask("project:join", PROJECT)
        await clock.advance(5_000)
        await other.ask("auth:login", CREDENTIALS)
        await other.ask("project:join", PROJECT)
        await silent.news()
        await clock.advance(SESSION_SECONDS - 7_000)
        assert await silent.news() == []
        await clock.advance(3_000)
        error = {
            "code": "UNAUTHORIZED",
            "message": "the session is unknown or over: log in again",
            "event": "auth:session",
        }
        # The lock's holder hears that it ends with the session.
        unlocked = {"filePath": "a", "token": 1_073_741_825}
        assert await silent.news() == [("file:unlocked", unlocked), ("auth:error", error)]
        assert (await other.hear("file:unlocked"))[0]["filePath"] == "a"
        # It is nobody now, and hears nothing of the project.
        change = {"path": "b", "action": "created"}
        assert (await other.ask("file:change", {**PROJECT, "file": change}))["ok"]
        assert await silent.news() == []
        again = await silent.ask("auth:session", {"sessionId": session})
        assert again["error"]["code"] == "UNAUTHORIZED"


async def test_a_client_that_stays_nobody_is_disconnected(
    application: Application, clock: Clock
) -> None:
    port = application.port
    async with connected(port) as nobody, connected(port) as ada:
        await ada.ask("auth:login", CREDENTIALS)
        await clock.advance(8_000)
        assert await nobody.ask("test:ping") == {"ok": True}
        await clock.advance(3_000)
        data, envelope = await nobody.hear("auth:error")
        assert data == {"code": "UNAUTHORIZED", "message": LATE, "event": "connect"}
        assert envelope["metadata"]["priority"] == "high"
        await nobody.ended()
        # Who has logged in stays, until it logs out and logs in no more.
        assert (await ada.ask("auth:check"))["ok"]
        await ada.ask("auth:logout")
        await clock.advance(11_000)
        await ada.hear("auth:error")
        await ada.ended()
    assert len(application.auth.deadlines) == 0


async def test_who_is_gone_has_no_deadline(application: Application) -> None:
    async with connected(application.port) as nobody, connected(application.port) as ada:
        await ada.ask("auth:login", CREDENTIALS)
        assert len(application.auth.deadlines) == 2
        nobody.abort()
    await until(lambda: len(application.auth.deadlines) == 0)


async def test_in_open_mode_a_guest_may_stay(tmp_path: Path, clock: Clock) -> None:
    async with (
        running(tmp_path, ping_interval=1e6) as application,
        connected(application.port) as guest,
    ):
        await clock.advance(1_000)
        assert await guest.ask("test:ping") == {"ok": True}
        assert len(application.auth.deadlines) == 0


async def test_a_clock_that_is_set_back_ends_no_session_early(tmp_path: Path, clock: Clock) -> None:
    """The timer is the loop's, the session's end is a time of day."""
    early = 0.0
    async with running(
        tmp_path,
        auth_mode="required",
        ping_interval=1e6,
        tuning={"clock": lambda: clock.time() - early},
    ) as application:
        await add_user(application)
        async with connected(application.port) as ada:
            await ada.ask("auth:login", CREDENTIALS)
            await ada.news()
            early = 3_600.0
            await clock.advance(SESSION_SECONDS + 1)
            assert await ada.news() == []
            await clock.advance(3_600)
            assert [event for event, _ in await ada.news()] == ["auth:error"]


def test_the_time_of_the_document() -> None:
    assert Settings().auth_timeout == 30.0

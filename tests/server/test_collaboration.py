"""Presence, cursors and batches, and how often one may do anything."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from server.api.errors import EventError
from server.api.rate_limit import Rate, RateLimiter
from server.api.registry import EVERYDAY
from tests.server.conftest import Connect
from tests.server.databases import either_database
from tests.server.running import running
from tests.server.wire import connected

DATABASE = either_database

PROJECT = {"projectId": "project-123"}
ADA = {"id": "user-456", "name": "user-456"}
POSITION = {"line": 3, "column": 14}


async def test_presence_is_told_and_kept(connect: Connect) -> None:
    client, other = await connect(), await connect()
    await client.ask("project:join", {**PROJECT, "userId": "user-456"})
    joined = await other.ask("project:join", {**PROJECT, "userId": "user-789"})
    assert joined["presence"][0] == {"user": ADA, "status": "online"}
    said = {"status": "away", "activity": "editing App.jsx"}
    answer = await client.ask("user:presence", {**said, "userId": "user-456", "timestamp": "x"})
    assert answer == {"ok": True, "presence": {"user": ADA, **said}}
    [(event, data)] = await other.news()
    assert data.pop("timestamp").endswith("Z")
    assert (event, data) == ("user:presence", {"user": ADA, **said})
    assert (await other.ask("project:join", PROJECT))["presence"][0] == {"user": ADA, **said}
    second = await connect()
    await second.ask("user:join", {"userId": "user-456"})
    await client.close()
    await other.hear("user:left")
    await second.ask("project:join", PROJECT)
    assert {"user": ADA, **said} in (await other.ask("project:join", PROJECT))["presence"]
    await second.close()
    await other.hear("user:left")
    third = await connect()
    await third.ask("project:join", {**PROJECT, "userId": "user-456"})
    found = (await other.ask("project:join", PROJECT))["presence"]
    assert {"user": ADA, "status": "online"} in found


async def test_presence_is_heard_once_by_those_who_share_several_projects(
    connect: Connect,
) -> None:
    client, other = await connect(), await connect()
    await other.ask("user:join", {"userId": "user-789"})
    made = await client.ask("project:create", {"name": "Ours", "userId": "user-456"})
    second = {"projectId": made["project"]["id"]}
    await client.ask("project:share", {**second, "userId": "user-789", "role": "viewer"})
    for one in (client, other):
        for project in (PROJECT, second):
            assert (await one.ask("project:join", project))["ok"]
    await other.news()
    await client.ask("user:presence", {"status": "busy"})
    data, envelope = await other.hear("user:presence")
    assert (data["status"], "projectId" in envelope) == ("busy", False)
    assert await other.news() == []


async def test_a_cursor_is_shown_to_the_others(connect: Connect) -> None:
    client, other = await connect(), await connect()
    cursor = {**PROJECT, "filePath": "./a", "position": POSITION}
    refused = (await client.ask("cursor:update", {**cursor, "userId": "user-456"}))["error"]
    assert refused["code"] == "FORBIDDEN"
    for one in (client, other):
        await one.ask("project:join", PROJECT)
    await client.news()
    assert await client.ask("cursor:update", cursor) == {"ok": True}
    selection = {"start": POSITION, "end": {"line": 4, "column": 0}}
    await client.ask("cursor:update", {**cursor, "selection": selection})
    shown = {
        "user": ADA,
        "socketId": client.id,
        **PROJECT,
        "filePath": "a",
        "position": POSITION,
    }
    assert await other.news() == [
        ("cursor:updated", shown),
        ("cursor:updated", {**shown, "selection": selection}),
    ]
    assert await client.news() == []
    for wrong in ({"line": -1, "column": 0}, {"line": 0}, {"line": 0.5, "column": 0}):
        error = (await client.ask("cursor:update", {**cursor, "position": wrong}))["error"]
        assert error["code"] == "VALIDATION_ERROR"


async def test_a_batch_is_its_events_in_order(connect: Connect) -> None:
    client, other = await connect(), await connect()
    await other.ask("project:join", {**PROJECT, "userId": "user-789"})
    typing = {"event": "user:typing", "data": {**PROJECT, "isTyping": True}}
    answer = await client.ask(
        "batch:update",
        {
            "userId": "user-456",
            "updates": [
                {"event": "project:join", "data": PROJECT},
                typing,
                {"event": "project:join", "data": {"projectId": "project-999"}},
                {"event": "user:join", "data": {"userId": "user-789"}},
                {"event": "batch:update", "data": {"updates": []}},
                {"event": "test:ping"},
                {"event": "frobnicate"},
            ],
        },
    )
    assert answer["ok"]
    results = answer["results"]
    assert [result["ok"] for result in results] == [True, True, False, False, False, True, False]
    assert results[0]["user"] == ADA
    assert [result["error"]["code"] for result in results if not result["ok"]] == [
        "NOT_FOUND",
        "FORBIDDEN",
        "VALIDATION_ERROR",
        "VALIDATION_ERROR",
    ]
    assert [event for event, _ in await other.news()] == ["user:joined", "user:typing"]
    assert await client.news() == [("test:pong", {"message": "pong"})]


async def test_a_batch_has_a_limit(connect: Connect) -> None:
    client = await connect()
    updates = [{"event": "test:ping"}] * 101
    error = (await client.ask("batch:update", {"updates": updates}))["error"]
    assert error["details"] == {"path": "$.updates"}
    assert error["message"] == "$.updates is an array, expected an array of at most 100 items"
    assert len((await client.ask("batch:update", {"updates": updates[1:]}))["results"]) == 100


async def test_a_user_can_do_too_much_and_others_do_not_notice(tmp_path: Path) -> None:
    clock = {"monotonic": lambda: 0.0}
    async with running(tmp_path, tuning=clock) as application, AsyncExitStack() as clients:
        client, second, other = [
            await clients.enter_async_context(connected(application.port)) for _ in range(3)
        ]
        ada = {"userId": "user-456"}
        one = {"event": "user:join", "data": ada}
        await second.ask("user:join", ada)
        # With the one above and one a batch these are all that there are.
        for _ in range(EVERYDAY.burst // 100 - 1):
            answer = await client.ask("batch:update", {**ada, "updates": [one] * 99})
            assert all(result["ok"] for result in answer["results"])
        left = EVERYDAY.burst % 100 + 100 - 1
        answer = await client.ask("batch:update", {"updates": [one] * 100})
        results = [result["ok"] for result in answer["results"]]
        assert results == [True] * (left - 1) + [False] * (101 - left)
        error = {
            "code": "RATE_LIMIT_EXCEEDED",
            "message": "more than 300 everyday events at once or 100 a second: "
            "try again in 0.01 seconds",
            "details": {"retryAfter": 0.01},
        }
        assert answer["results"][-1]["error"] == error
        # On whatever connection of theirs; and nobody else's.
        assert (await second.ask("notification:list"))["error"] == error
        assert (await other.ask("user:join", {"userId": "user-789"}))["ok"]
        # Typing has a rate of its own.
        assert (await second.ask("user:typing", {"isTyping": False}))["ok"]


@given(st.lists(st.floats(0, 2), max_size=60))
@example([0, 0, 0, 0.4997])
def test_no_more_events_than_the_rate_allows(pauses: list[float]) -> None:
    now = 0.0
    limiter = RateLimiter(lambda: now)
    rate = Rate("some", burst=3, per_second=2)
    allowed = 0
    for pause in pauses:
        now += pause
        try:
            limiter.take("a", rate)
        except EventError as error:
            details = error.details or {}
        else:
            allowed += 1
            assert allowed <= 3 + 2 * now + 1e-6
            continue
        # And after the time that it names there is one more.
        assert details["retryAfter"] > 0
        now += details["retryAfter"] + 1e-9
        limiter.take("a", rate)
        allowed += 1


def test_forgetting_idle_users_gives_nobody_more() -> None:
    now = 0.0
    limiter = RateLimiter(lambda: now, most=2)
    rate = Rate("some", burst=1, per_second=1)
    limiter.take("a", rate)
    now = 0.5
    limiter.take("b", rate)
    now = 1.2
    limiter.take("c", rate)
    for user in ("b", "c"):
        with pytest.raises(EventError, match="more than 1 some events at once or 1 a second"):
            limiter.take(user, rate)
    # All are busy: the one who was idle for longest is let in.
    limiter.take("d", rate)
    limiter.take("b", rate)

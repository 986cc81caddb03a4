"""What the server does by itself from time to time.

Invariant: what is over is gone though nobody does anything, and nothing is made where nothing has
changed.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import server.housekeeping as housekeeping_module
from server.api.errors import Code, EventError
from server.application import Application
from server.housekeeping import Housekeeping
from server.store.accounts import FORGOTTEN_AT_ONCE
from server.store.repositories.bin import Bin
from tests.server.conftest import Connect
from tests.server.running import add_user
from tests.server.wire import Client
from tests.waiting import until

PROJECT = {"projectId": "project-123"}
APP = "src/components/App.jsx"
HOUR = timedelta(hours=1)


async def joined(connect: Connect) -> Client:
    client = await connect()
    await client.ask("project:join", {**PROJECT, "userId": "user-456"})
    return client


async def change(client: Client, content: str) -> None:
    file = {"path": APP, "action": "updated", "content": content}
    assert (await client.ask("file:change", {**PROJECT, "file": file}))["ok"]


async def versions(client: Client) -> Any:
    return (await client.ask("version:list", PROJECT))["versions"]


async def test_what_is_over_in_the_bin_goes(connect: Connect, application: Application) -> None:
    client = await joined(connect)
    for number in range(25):
        file = {"path": f"{number}", "action": "created", "content": "x"}
        assert (await client.ask("file:change", {**PROJECT, "file": file}))["ok"]
        await client.ask("file:delete", {**PROJECT, "filePath": f"{number}"})
    count = "SELECT count(*) FROM bins"
    now = datetime.now(UTC)
    for after, left in ((timedelta(days=29), 25), (timedelta(days=31), 0)):
        await application.housekeeping.tidy(now + after)
        found = await application.database.run(lambda c: c.execute(count).fetchone())
        assert found == (left,)


async def test_sessions_that_have_expired_go(application: Application) -> None:
    await add_user(application)
    now = application.auth.clock()
    ends = {f"old {number}": now - 1 for number in range(FORGOTTEN_AT_ONCE + 1)}
    ends["new"] = now + 60
    rows = [(key, "ada", 0.0, end) for key, end in ends.items()]
    insert = "INSERT INTO sessions (key, user_id, created_at, expires_at) VALUES (?, ?, ?, ?)"
    await application.database.run(lambda c: c.executemany(insert, rows))
    await application.housekeeping.tidy(datetime.now(UTC))
    keys = "SELECT key FROM sessions"
    assert await application.database.run(lambda c: c.execute(keys).fetchall()) == [("new",)]


async def test_an_hour_of_work_is_a_version(connect: Connect, application: Application) -> None:
    client = await joined(connect)
    tidy, now = application.housekeeping.tidy, datetime(2030, 1, 1, 10, 0, tzinfo=UTC)
    # The demonstration is a change as well; from then on there is none.
    await tidy(now)
    await tidy(now + HOUR)
    [first] = await versions(client)
    assert (first["automatic"], first["createdBy"], first["fileCount"]) == (True, "", 2)
    assert first["name"] == "Automatic version of 2030-01-01 11:00"
    assert ("version:created", {"version": first}) in await client.news()
    await tidy(now + 3 * HOUR)
    assert len(await versions(client)) == 1
    before = (await client.ask("file:read", {**PROJECT, "filePath": APP}))["content"]
    await change(client, "one")
    await tidy(now + 4 * HOUR)
    await tidy(now + 4.9 * HOUR)
    assert len(await versions(client)) == 1
    # Somebody makes one: the hour begins anew with the next change.
    assert (await client.ask("version:create", PROJECT))["ok"]
    await tidy(now + 5 * HOUR)
    assert len(await versions(client)) == 2
    await change(client, "two")
    await tidy(now + 6 * HOUR)
    await tidy(now + 7 * HOUR)
    assert [one.get("automatic") for one in await versions(client)] == [True, None, True]
    restored = await client.ask("version:restore", {**PROJECT, "versionId": first["id"]})
    assert restored["ok"]
    assert (await client.ask("file:read", {**PROJECT, "filePath": APP}))["content"] == before


async def test_the_oldest_automatic_ones_go(
    connect: Connect, application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(housekeeping_module, "MOST_AUTOMATIC", 2)
    client = await joined(connect)
    assert (await client.ask("version:create", {**PROJECT, "name": "Own"}))["ok"]
    now = datetime(2030, 1, 1, tzinfo=UTC)
    made = []
    for number in range(3):
        await change(client, f"{number}")
        await application.housekeeping.tidy(now)
        now += HOUR
        await application.housekeeping.tidy(now)
        made.append((await versions(client))[0]["id"])
    left = await versions(client)
    assert [one["id"] for one in left[:2]] == [made[2], made[1]]
    assert [one["name"] for one in left[2:]] == ["Own"]
    assert ("version:deleted", {"versionId": made[0]}) in await client.news()


async def test_of_several_servers_one_tidies_up(
    application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, done = 0, 0

    def does() -> bool:
        nonlocal asked
        asked += 1
        return asked > 3

    async def expire(_self: Bin, _since: str) -> bool:
        nonlocal done
        done += 1
        return False

    monkeypatch.setattr(Bin, "expire", expire)
    keeping = Housekeeping(application, does, 0.001)
    keeping.start()
    await until(lambda: done)
    await keeping.stop()
    assert asked >= 4


async def test_it_goes_on_after_a_failure(
    application: Application, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    done = 0

    async def expire(_self: Bin, _since: str) -> bool:
        nonlocal done
        done += 1
        if done == 1:
            raise EventError(Code.STORAGE_ERROR, "the disk is full")
        if done == 2:
            raise ValueError("a mistake")
        return False

    monkeypatch.setattr(Bin, "expire", expire)
    keeping = Housekeeping(application, lambda: True, 0.001)
    with caplog.at_level(logging.ERROR, "server"):
        keeping.start()
        await until(lambda: done >= 3)
        await keeping.stop()
    assert [one.getMessage() for one in caplog.records] == [
        "tidying up failed, and is tried again: the disk is full",
        "tidying up failed, and is tried again",
    ]
    await asyncio.sleep(0)

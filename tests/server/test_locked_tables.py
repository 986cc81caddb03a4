"""Another program has a table of PostgreSQL locked: an administrator, a migration, `VACUUM FULL`.

Invariants:
- What needs the table is refused, the first time after a wait in which the lock may end.
- Everything else waits for that once, and not for each who tries again.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest

from server.api.errors import EventError
from server.store import counters, postgres_session
from server.store.connection import Connection
from server.store.database import Database
from server.store.postgres import Postgres
from tests.server.databases import started
from tests.server.running import running
from tests.server.wire import connected, http_get
from tests.waiting import PATIENCE, eventually

PROJECT = {"projectId": "project-123"}
WAIT = "200ms"


@pytest.fixture(autouse=True)
def short_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_session, "_LOCK_SECONDS", 0.2)


@contextmanager
def locked(postgres: Postgres, table: str) -> Iterator[None]:
    with psycopg.connect(postgres.url) as other:
        other.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE".encode())
        yield


def wait_of(connection: Connection) -> Any:
    """How long a statement of this transaction waits for a table."""
    return connection.execute("SELECT current_setting('lock_timeout')").fetchone()[0]


def user_count(connection: Connection) -> Any:
    return connection.execute("SELECT count(*) FROM users").fetchone()[0]


def increment(connection: Connection) -> int:
    return counters.increment(connection, "one")


async def test_a_table_is_hardly_waited_for_again_after_a_wait_in_vain(
    postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with started(Database(postgres)) as database:
        desk = database.of("ada")
        assert [await desk.run(wait_of), await desk.read(wait_of)] == [WAIT, WAIT]
        with locked(postgres, "users"):
            for work in (desk.run, desk.read):
                with pytest.raises(EventError, match="55P03"):
                    await work(user_count)
                hasty = [await desk.run(wait_of), await desk.read(wait_of)]
                assert hasty == [postgres_session._LOCKED_WAIT] * 2
            assert await desk.run(increment) == 1
        assert await desk.run(user_count) == 0
        monkeypatch.setattr(postgres_session, "_LOCKED_SECONDS", 0.0)
        with locked(postgres, "users"), pytest.raises(EventError, match="55P03"):
            await desk.run(user_count)
        # It is over, as after a minute.
        assert [await desk.run(wait_of), await desk.read(wait_of)] == [WAIT, WAIT]


async def test_a_server_that_has_waited_for_another_ones_wait_hardly_waits_itself(
    postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise each server would keep the others waiting once."""
    now = 0.0
    monkeypatch.setattr(postgres_session, "_LOCK_SECONDS", 2 * PATIENCE)
    clock = SimpleNamespace(monotonic=lambda: now, sleep=time.sleep)
    monkeypatch.setattr(postgres_session, "time", clock)
    with ExitStack() as stack:
        first, second = (
            stack.enter_context(closing(Postgres(postgres.url, shares=True).serve()))
            for _ in range(2)
        )
        watching = stack.enter_context(psycopg.connect(postgres.url, autocommit=True))
        first.begin()
        beginning = asyncio.create_task(asyncio.to_thread(second.begin))
        waiting = b"SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        await eventually(lambda: watching.execute(waiting).fetchone())
        now = PATIENCE + 1
        first.rollback()
        await beginning
        # Also when a piece of work was undone.
        second.begin_work()
        second.undo_work()
        assert wait_of(second) == postgres_session._LOCKED_WAIT


async def test_work_does_not_fail_because_leftovers_cannot_be_deleted(postgres: Postgres) -> None:
    handed_over = threading.Event()

    def add(connection: Connection) -> int:
        assert handed_over.wait(PATIENCE)
        return connection.execute("INSERT INTO leftovers (parts) VALUES (1)").rowcount

    # So late that each piece of work has a transaction of its own.
    async with started(Database(postgres, clock=count().__next__)) as database:
        with locked(postgres, "content_parts"):
            # In the second one's some leftovers are to be deleted.
            works = [database.run(add), database.run(increment)]
            handed_over.set()
            assert await asyncio.gather(*works) == [1, 1]
        assert await database.run(increment) == 2


async def test_who_needs_the_table_is_refused_and_others_go_on(
    postgres: Postgres, tmp_path: Path
) -> None:
    async with running(tmp_path, database_url=postgres.url) as application:
        port = application.port
        async with connected(port) as ada, connected(port) as bob:
            for client, name in ((ada, "user-456"), (bob, "user-789")):
                assert (await client.ask("project:join", {**PROJECT, "userId": name}))["ok"]
            file = {"path": "a.txt", "action": "created", "content": "a"}
            with locked(postgres, "saves"):
                for _ in range(3):
                    refused = await ada.ask("file:change", {**PROJECT, "file": file})
                    assert refused["error"]["code"] == "STORAGE_ERROR"
                said = await bob.ask("chat:message", {**PROJECT, "message": "hello"})
                assert said["ok"]
                assert await bob.ask("test:ping") == {"ok": True}
                assert (await http_get(port, "/readyz"))[0] == 200
            assert (await ada.ask("file:change", {**PROJECT, "file": file}))["ok"]

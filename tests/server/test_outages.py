"""PostgreSQL goes away, in every way, and comes back.

Invariants:
- What was acknowledged is there, and what has failed is not: also where a commit was cut off.
- While it is away work fails at once, and is kept by nobody; afterwards all goes on by itself.
- The log has a line for it, and no traceback.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from server.api.errors import EventError
from server.store import counters, patient_connection, postgres_session
from server.store.connection import Connection
from server.store.database import Database
from server.store.engine import OutcomeUnknown
from server.store.postgres import Postgres
from server.store.trees import Steps
from tests.server.databases import started
from tests.server.postgres_proxy import Proxy, end_cut_off
from tests.server.postgres_server import PostgresServer, running_postgres
from tests.server.running import running
from tests.server.wire import connected, http_get
from tests.waiting import PATIENCE

CLIENTS, CHANGES, KILLS = 20, 12, 3
PROJECT = {"projectId": "project-123"}


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """One that may be killed."""
    with running_postgres() as server:
        yield server


@pytest.fixture
def own(server: PostgresServer, request: pytest.FixtureRequest) -> Postgres:
    return Postgres(server.add_database(f"own_{abs(hash(request.node.name))}"))


@pytest.fixture
def behind(postgres: Postgres, postgres_folder: str, proxy: Proxy) -> Postgres:
    """The database, through the proxy."""
    return Postgres(postgres.url.replace(postgres_folder, str(proxy.folder)))


def increment(connection: Connection) -> int:
    return counters.increment(connection, "one")


def stored(engine: Postgres) -> list[tuple[str, int]]:
    with contextlib.closing(engine.connect()) as connection:
        return connection.execute("SELECT name, value FROM counters ORDER BY name").fetchall()


def backends(server: PostgresServer) -> list[int]:
    """The processes of PostgreSQL that work for servers of ours."""
    with psycopg.connect(server.url()) as connection:
        rows = connection.execute(
            "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'socketio-min %'"
        )
        return [pid for (pid,) in rows]


async def test_a_killed_backend_takes_nothing_that_was_acknowledged(
    server: PostgresServer, own: Postgres, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    said: dict[str, Any] = {}
    async with running(tmp_path, event_rate=0, database_url=own.url) as application:
        progress = asyncio.Condition()

        async def work(number: int) -> None:
            async with connected(application.port) as client:
                for step in range(CHANGES):
                    path = f"own/{number}-{step}"
                    file = {"path": path, "action": "created", "content": f"{path} " * 50}
                    said[path] = await client.ask("file:change", {**PROJECT, "file": file})
                    async with progress:
                        progress.notify_all()

        async def kill() -> None:
            for times in range(1, KILLS + 1):
                enough = times * CLIENTS * CHANGES // (KILLS + 2)
                async with progress:
                    while len(said) < enough:
                        await progress.wait()
                # It may be starting again.
                with contextlib.suppress(psycopg.OperationalError, ProcessLookupError):
                    for pid in await asyncio.to_thread(backends, server):
                        os.kill(pid, signal.SIGKILL)

        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(kill(), *map(work, range(CLIENTS)))
        for _ in range(500):
            with contextlib.suppress(EventError):
                listed = await application.store.files.page("project-123", "own/", 10_000)
                break
            await asyncio.sleep(0.01)
        there = {file.path for file in listed.items if file.path.startswith("own/")}
    assert there == {path for path, answer in said.items() if answer["ok"]}
    refused = {answer["error"]["code"] for answer in said.values() if not answer["ok"]}
    assert refused <= {"STORAGE_ERROR"}
    assert not [one for one in caplog.records if one.exc_info]


@pytest.mark.parametrize("loses", ["request", "answer"])
def test_what_became_of_a_commit_that_was_cut_off_is_found_out(
    postgres: Postgres, behind: Postgres, proxy: Proxy, loses: str
) -> None:
    with contextlib.closing(behind.serve()) as session:
        session.begin()
        increment(session)
        session.end(lambda: False)
        session.begin()
        increment(session)
        end_cut_off(session, proxy, loses)
        assert stored(postgres) == [("one", 2 if loses == "answer" else 1)]
        # It goes on.
        session.begin()
        increment(session)
        session.end(lambda: False)
    assert stored(postgres) == [("one", 3 if loses == "answer" else 2)]


def test_what_was_only_read_is_true_although_the_connection_was_lost(
    behind: Postgres, proxy: Proxy
) -> None:
    with contextlib.closing(behind.serve()) as session:
        session.begin()
        assert session.execute("SELECT count(*) FROM counters").fetchone() == (0,)
        proxy.loses = "request"
        session.end(lambda: False)


def test_who_cannot_find_out_says_so(
    behind: Postgres, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patient_connection, "PATIENCE", 0.2)
    monkeypatch.setattr(postgres_session, "_CONNECT_SECONDS", 1)
    with contextlib.closing(behind.serve()) as session:
        session.begin()
        increment(session)
        proxy.swallows = True
        tries = iter([True, True, False])
        with pytest.raises(OutcomeUnknown):
            session.end(lambda: next(tries))
        assert session.is_lost


async def test_a_commit_is_found_out_when_the_database_is_back(
    postgres: Postgres, behind: Postgres, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Meanwhile what waits fails: nobody keeps it."""
    monkeypatch.setattr(patient_connection, "PATIENCE", 0.2)
    monkeypatch.setattr(postgres_session, "_CONNECT_SECONDS", 1)
    async with started(Database(behind)) as database:
        assert await database.run(increment) == 1

        proxy.loses = "all"
        cut_off = database.run(increment)
        await asyncio.to_thread(proxy.swallowing.wait, PATIENCE)
        with pytest.raises(EventError, match="could not do it"):
            await database.run(increment)
        assert not cut_off.done()
        proxy.swallows = False
        # The request was lost.
        with pytest.raises(EventError, match="nothing of it was done"):
            await cut_off
        assert await database.run(increment) == 2
    assert stored(postgres) == [("one", 2)]


async def test_a_commit_that_was_lost_is_an_outage_and_no_fault(
    behind: Postgres, proxy: Proxy, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever finds out has a new connection, and the reason is still that one was lost."""
    async with started(Database(behind)) as database:
        assert await database.run(increment) == 1
        proxy.loses = "request"
        with pytest.raises(EventError, match="nothing of it was done"):
            await database.run(increment)
        assert await database.run(increment) == 2
    told = [one.getMessage() for one in caplog.records if one.name == "server.store"]
    assert re.fullmatch(r"DATABASE_URL: cannot use '.*': consuming input failed: .*", told[0])
    assert told[1:] == ["the database answers again"]
    assert not [one for one in caplog.records if one.exc_info]


async def test_an_outage_is_told_and_ends_by_itself(
    postgres: Postgres,
    behind: Postgres,
    proxy: Proxy,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(patient_connection, "PATIENCE", 0.2)
    monkeypatch.setattr(postgres_session, "_CONNECT_SECONDS", 1)
    file = {"path": "a.txt", "action": "created", "content": "text"}
    async with (
        running(tmp_path, event_rate=0, database_url=behind.url) as application,
        connected(application.port) as client,
    ):
        assert (await http_get(application.port, "/readyz"))[0] == 200
        proxy.swallows = True
        for _ in range(3):
            answer = await client.ask("file:change", {**PROJECT, "file": file})
            assert answer["error"]["code"] == "STORAGE_ERROR"
        status, _, body = await http_get(application.port, "/readyz")
        assert (status, json.loads(body)) == (503, {"status": "the database does not answer"})
        proxy.swallows = False
        deadline = time.monotonic() + PATIENCE
        while (await http_get(application.port, "/readyz"))[0] != 200:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.02)
        assert (await client.ask("file:change", {**PROJECT, "file": file}))["ok"]
    lines = [one.getMessage() for one in caplog.records if one.levelno >= logging.WARNING]
    told = [line for line in lines if "cannot use" in line or "answers again" in line]
    assert told[1:] == ["the database answers again"]
    assert re.fullmatch(r"DATABASE_URL: cannot use '.*': connection timeout expired", told[0])
    assert not [one for one in caplog.records if one.exc_info]


async def test_an_outage_ends_the_work_in_steps(behind: Postgres, proxy: Proxy) -> None:
    async with started(Database(behind)) as database:

        def steps(connection: Connection) -> Steps[int]:
            increment(connection)
            yield
            increment(connection)
            proxy.loses = "request"
            yield
            raise AssertionError

        with pytest.raises(EventError, match="could not do it"):
            async with database.of("ada", "p").in_steps(steps):
                raise AssertionError
        assert await database.of("ada", "p").run(increment) == 2


async def test_a_database_that_is_started_again_is_used_again(
    server: PostgresServer, own: Postgres
) -> None:
    async with started(Database(own)) as database:
        assert await database.run(increment) == 1
        server.stop()
        for _ in range(3):
            with pytest.raises(EventError, match="could not do it"):
                await database.run(increment)
        server.start()
        deadline = time.monotonic() + PATIENCE
        value = 0
        while not value:
            assert time.monotonic() < deadline
            with contextlib.suppress(EventError):
                value = await database.run(increment)
            await asyncio.sleep(0.01)
        assert value == 2


def test_a_lost_connection_between_transactions_is_noticed_by_nobody(
    server: PostgresServer, own: Postgres
) -> None:
    with contextlib.closing(own.serve()) as session:
        with psycopg.connect(server.url()) as connection:
            for pid in backends(server):
                connection.execute("SELECT pg_terminate_backend(%s)", (pid,))
        session.begin()
        assert increment(session) == 1
        session.end(lambda: False)


async def test_a_transaction_that_does_not_end_keeps_others_out_without_a_traceback(
    postgres: Postgres, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """That of a server which is unreachable, as long as PostgreSQL does not know that it is."""
    monkeypatch.setattr(postgres_session, "_LOCK_SECONDS", 1)
    async with started(Database(postgres)) as database:
        assert await database.run(increment) == 1
        with psycopg.connect(postgres.url) as other:
            other.execute("SELECT pg_advisory_xact_lock(%s)", (postgres_session.TRANSACTIONS,))
            with pytest.raises(EventError, match="could not do it"):
                await database.run(increment)
        assert await database.run(increment) == 2
    lines = [one.getMessage() for one in caplog.records if one.name == "server.store"]
    assert "another server's transaction did not end for 1 seconds" in lines[0]
    assert lines[1:] == ["the database answers again"]
    assert not [one for one in caplog.records if one.exc_info]


async def test_what_is_refused_is_told_before_anything_else_is_waited_for(
    postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where another program has locked tables, each statement waits as long as it may."""
    monkeypatch.setattr(postgres_session, "_LOCK_SECONDS", 1)
    async with started(Database(postgres)) as database:
        assert await database.run(increment) == 1
        with psycopg.connect(postgres.url) as other:
            other.execute("LOCK TABLE leftovers IN ACCESS EXCLUSIVE MODE")
            # A division by zero, and not the lock that was not to be had.
            with pytest.raises(EventError, match="22012"):
                await database.run(lambda c: c.execute("SELECT 1 / 0"))
        assert await database.run(increment) == 2

"""Several servers on one PostgreSQL.

Invariants:
- Servers that share a database use it at the same time; one that does not share it is alone.
- Each finds out what became of its own commits, whatever others have committed meanwhile.
- What a server that is gone has not finished is ended, and that of the others is left alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack

import pytest

from server.api.errors import EventError
from server.store import counters, nodes, postgres_session
from server.store.connection import Connection
from server.store.database import Database
from server.store.engine import CommitLost, OutcomeUnknown, StoreError
from server.store.postgres import Postgres
from server.store.postgres_session import PostgresSession
from server.store.trees import Steps
from tests.server.postgres_proxy import Proxy, end_cut_off
from tests.server.store.counted import in_steps
from tests.waiting import patient


def increment(connection: Connection) -> int:
    return counters.increment(connection, "one")


def committed(session: PostgresSession) -> None:
    session.begin()
    increment(session)
    session.end(lambda: False)


@pytest.fixture
def other(postgres: Postgres) -> Iterator[PostgresSession]:
    with contextlib.closing(Postgres(postgres.url, shares=True).serve()) as session:
        yield session


@pytest.mark.parametrize("first", [True, False])
def test_a_server_that_does_not_share_is_alone(
    postgres: Postgres, first: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_session, "_ALONE_SECONDS", 0.1)
    with (
        contextlib.closing(Postgres(postgres.url, shares=first).serve()),
        pytest.raises(StoreError, match="another server is using it"),
    ):
        Postgres(postgres.url, shares=not first).serve()


@pytest.mark.parametrize("loses", ["request", "answer"])
def test_a_commit_that_was_cut_off_is_found_out_beside_those_of_others(
    behind: Postgres, other: PostgresSession, proxy: Proxy, loses: str
) -> None:
    with contextlib.closing(behind.serve()) as session:
        for _ in range(3):
            committed(other)
        committed(session)
        session.begin()
        increment(session)
        end_cut_off(session, proxy, loses)
        committed(other)
        assert counters.increment(other, "one") == (7 if loses == "answer" else 6)


def test_what_became_of_a_commit_is_not_known_if_the_node_was_forgotten(
    behind: Postgres, other: PostgresSession, proxy: Proxy
) -> None:
    with contextlib.closing(behind.serve()) as session:
        session.begin()
        increment(session)
        other.execute("UPDATE nodes SET ended_at = clock_timestamp() - interval '2 days'")
        nodes.begin(other)
        proxy.loses = "request"
        with pytest.raises(OutcomeUnknown):
            session.end(lambda: False)
        committed(session)


def test_what_a_server_that_is_gone_has_not_finished_is_a_leftover(
    shared: Postgres, other: PostgresSession
) -> None:
    def unfinished() -> list[tuple[str, bool]]:
        return other.execute(
            "SELECT chat, maker IS NOT NULL FROM leftovers ORDER BY chat"
        ).fetchall()

    def make(connection: Connection, name: str) -> None:
        connection.execute("INSERT INTO leftovers (chat, maker) VALUES (?, 'p')", (name,))

    with contextlib.closing(shared.serve()) as session:
        nodes.join(session, shared.node, "the one that dies", 0.0)
        make(session, "of the dead")
    (own,) = other.execute("SELECT substr(current_setting('application_name'), 14)").fetchone()
    nodes.join(other, own, "the one that lives", 1_000.0)
    make(other, "of the living")
    # A server that comes takes nothing from those that are there, dead or not.
    third = Postgres(shared.url, shares=True)
    with contextlib.closing(third.serve()) as session:
        assert unfinished() == [("of the dead", True), ("of the living", True)]
        # Its time of grace.
        assert nodes.bury(session, 1_000.0).nodes == []
        assert nodes.bury(session, 0.0).nodes == [shared.node]
        assert unfinished() == [("of the dead", False), ("of the living", True)]
        assert nodes.bury(session, 0.0).nodes == []


def test_a_server_that_is_alone_ends_what_was_before(postgres: Postgres) -> None:
    with contextlib.closing(postgres.serve()) as session:
        nodes.join(session, postgres.node, "killed", 1_000.0)
        session.execute("INSERT INTO leftovers (chat, maker) VALUES ('c', 'p')")
    with contextlib.closing(Postgres(postgres.url).serve()) as session:
        assert session.execute("SELECT maker FROM leftovers").fetchall() == [(None,)]
        assert nodes.renewed(session, postgres.node, 10.0, 0.0) is None


def test_the_connection_of_a_node_that_is_buried_is_ended(
    shared: Postgres, other: PostgresSession
) -> None:
    """It may be in the middle of something."""
    with contextlib.closing(shared.serve()) as session:
        nodes.join(session, shared.node, "", 0.0)
        session.begin()
        increment(session)
        other.execute("SELECT pg_advisory_unlock_all()")
        assert nodes.bury(other, 0.0).nodes == [shared.node]
        with pytest.raises(CommitLost):
            session.end(lambda: False)
        assert counters.increment(other, "one") == 1


@pytest.fixture
async def databases(postgres: Postgres) -> AsyncIterator[tuple[Database, Database]]:
    """Those of two servers."""
    async with AsyncExitStack() as stack:
        both = tuple(Database(Postgres(postgres.url, shares=True)) for _ in range(2))
        for one in both:
            await one.start()
            stack.push_async_callback(one.close)
        yield both[0], both[1]


async def test_work_in_steps_for_a_project_is_done_by_one_server_at_a_time(
    databases: tuple[Database, Database],
) -> None:
    """A tree that is being made would be given up for the other's."""
    first, second = databases
    begun, enough = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def long_work(_connection: Connection) -> Steps[None]:
        loop.call_soon_threadsafe(begun.set)
        while not enough.is_set():
            yield

    async def stepping() -> None:
        async with first.of("ada", "p").in_steps(long_work):
            pass

    task = asyncio.create_task(stepping())
    await patient(begun.wait())
    with pytest.raises(EventError, match="are being changed or copied at this moment") as refused:
        async with second.of("eve", "p").in_steps(in_steps("steps", 1)):
            raise AssertionError
    assert refused.value.details == {"retryAfter": 1}
    async with second.of("eve", "q").in_steps(in_steps("steps", 1)) as counted:
        assert counted.result == 2
    enough.set()
    await patient(task)
    for _ in range(2):
        async with second.of("eve", "p").in_steps(in_steps("steps", 1)):
            pass

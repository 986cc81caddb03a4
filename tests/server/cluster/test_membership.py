"""A server's lease among the nodes of a PostgreSQL.

Invariants:
- Whoever does not reach the database knows that its lease is over before others may take anything.
- It comes back by itself, with nothing. The others end what belonged to nodes that are gone.
- With SQLite there is one node, for as long as it runs.
"""

from __future__ import annotations

import contextlib
import os
import resource
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from server.cluster.membership import Membership
from server.store import postgres_session
from server.store.engine import StoreError
from server.store.link import Lease
from server.store.postgres import Postgres
from server.store.sqlite import Sqlite
from tests.server.postgres_proxy import Proxy
from tests.server.running import running
from tests.waiting import eventually, until

SHORT = Lease(lasts=0.4, every=0.05, grace=3_600.0)
LONG = Lease(lasts=3_600.0, every=0.05, grace=0.0)


class Told:
    """A member that writes down what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.alive_when_told: list[bool] = []
        self.missings = self.task_changes = 0
        self.membership: Membership

    def _note(self, what: str) -> None:
        self.told.append(what)
        self.alive_when_told.append(self.membership.is_alive)

    def lease_lost(self) -> None:
        self._note("lost")

    def lease_begun(self) -> None:
        self._note("begun")

    def others_died(self) -> None:
        self._note("died")

    def tasks_changed(self) -> None:
        self.task_changes += 1

    def heard(self, payload: str) -> None:
        self._note(payload)

    def missed(self) -> None:
        self.missings += 1


@contextlib.asynccontextmanager
async def member(engine: Postgres | Sqlite, lease: Lease) -> AsyncIterator[Told]:
    told = Told()
    told.membership = Membership(engine, told, lease)
    # The row of the server is there since it was served.
    with contextlib.closing(engine.serve()):
        await told.membership.start("a label")
        try:
            yield told
        finally:
            await told.membership.stop()


def rows(postgres: Postgres) -> list[tuple[str, bool, bool]]:
    """The labels of the nodes, whether their leases last, and whether they have ended."""
    with psycopg.connect(postgres.url) as connection:
        return connection.execute(
            "SELECT label, alive_until > clock_timestamp(), ended_at IS NOT NULL FROM nodes"
        ).fetchall()


async def test_a_server_is_a_node_until_it_stops(shared: Postgres) -> None:
    async with member(shared, LONG) as told:
        alive = [told.membership.is_alive]
        assert rows(shared) == [("a label", True, False)]
    alive.append(told.membership.is_alive)
    assert alive == [True, False]
    assert rows(shared) == [("a label", True, True)]
    assert told.told == []


async def test_a_server_with_many_clients_is_a_node(
    shared: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its connection has a number that `select.select` does not take."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(limits[0], 2_000), limits[1]))
    files = [os.open(os.devnull, os.O_RDONLY) for _ in range(1_100)]
    renewals = 0
    real = Membership.renewed

    def renewed(membership: Membership, asked: float) -> bool:
        nonlocal renewals
        renewals += 1
        return real(membership, asked)

    monkeypatch.setattr(Membership, "renewed", renewed)
    try:
        async with member(shared, LONG):
            await eventually(lambda: renewals > 1)
    finally:
        for file in files:
            os.close(file)
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


async def test_the_lease_is_renewed(shared: Postgres) -> None:
    async with member(shared, SHORT) as told:
        end = time.monotonic() + 3 * SHORT.lasts
        await until(lambda: time.monotonic() > end or told.told)
        # A machine that stands still loses it and gets it again.
        assert told.told in ([], ["lost", "begun"])


@pytest.mark.parametrize("how", ["swallowed", "closed"])
async def test_a_lease_that_is_not_renewed_is_lost_and_begun_anew(
    postgres: Postgres,
    behind: Postgres,
    proxy: Proxy,
    how: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(postgres_session, "_CONNECT_SECONDS", 1)
    async with member(behind, SHORT) as told:
        with psycopg.connect(postgres.url, autocommit=True) as connection:
            # There is no new connection either.
            proxy.swallows = True
            if how == "closed":
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE application_name = 'socketio-min-node ' || %s",
                    (behind.node,),
                )
            await until(lambda: told.told)
            assert (told.told, told.alive_when_told) == (["lost"], [False])
            # Others may take nothing yet.
            assert [ended for *_, ended in rows(postgres)] == [False]
        proxy.swallows = False
        await until(lambda: len(told.told) > 1)
        assert told.told[:2] == ["lost", "begun"]
        assert rows(postgres)[0][2] is False


async def test_a_node_that_others_have_ended_has_lost_its_lease(shared: Postgres) -> None:
    """Its clock, or its machine, was slower."""
    async with member(shared, LONG) as told:
        with psycopg.connect(shared.url) as connection:
            connection.execute("UPDATE nodes SET ended_at = clock_timestamp()")
        await until(lambda: len(told.told) > 1)
        assert told.told == ["lost", "begun"]
        assert told.membership.is_alive


async def test_a_lease_that_is_over_by_the_clock_of_the_database_is_lost(shared: Postgres) -> None:
    async with member(shared, LONG) as told:
        with psycopg.connect(shared.url) as connection:
            connection.execute("UPDATE nodes SET alive_until = clock_timestamp()")
        await until(lambda: len(told.told) > 1)
        assert told.told == ["lost", "begun"]


async def test_the_others_hear_of_a_node_that_died(shared: Postgres) -> None:
    with psycopg.connect(shared.url, autocommit=True) as connection:
        connection.execute("INSERT INTO nodes (id, ended_at) VALUES ('dead', NULL)")
        async with member(shared, LONG) as told:
            await until(lambda: told.told)
            assert told.told[0] == "died"


async def test_one_of_the_nodes_does_a_task(postgres: Postgres) -> None:
    async with member(Postgres(postgres.url, shares=True), LONG) as second:
        async with member(Postgres(postgres.url, shares=True), LONG) as first:
            both = (first.membership, second.membership)
            await until(lambda: any(one.does("housekeeping") for one in both))
            assert [one.does("housekeeping") for one in both] == [False, True]
            with psycopg.connect(postgres.url) as connection:
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE application_name = 'socketio-min-node ' || %s",
                    (second.membership.id,),
                )
            await until(lambda: any(one.does("housekeeping") for one in both))
            # Not both of them, whoever was faster.
            assert [one.does("housekeeping") for one in both].count(True) == 1
        await until(lambda: second.membership.does("housekeeping"))
    assert not second.membership.does("housekeeping")


async def test_an_application_ends_what_belonged_to_dead_nodes(
    postgres: Postgres, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings: dict[str, Any] = {"database_url": postgres.url, "workers": 2}
    tuning = {"renewal": 0.05, "lock_grace": 0.0}
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        connection.execute("INSERT INTO nodes (id, ended_at) VALUES ('dead', NULL)")
        async with running(tmp_path, tuning=tuning, **settings) as application:
            assert application.node.membership.is_alive
            await until(lambda: "node dead is gone" in caplog.text)
        ended = connection.execute("SELECT count(*) FROM nodes WHERE ended_at IS NULL")
        assert ended.fetchone() == (0,)


async def test_two_applications_share_a_database(postgres: Postgres, tmp_path: Path) -> None:
    settings: dict[str, Any] = {"database_url": postgres.url, "workers": 2}
    async with running(tmp_path / "a", **settings), running(tmp_path / "b", **settings):
        assert [ended for *_, ended in rows(postgres)] == [False, False]


async def test_a_server_that_does_not_become_a_node_does_not_start(
    behind: Postgres, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.cluster.membership._JOIN_SECONDS", 0.05)
    membership = Membership(behind, Told(), SHORT)
    proxy.swallows = True
    with pytest.raises(StoreError, match="it takes no more servers"):
        await membership.start("")
    assert not membership.is_alive
    proxy.swallows = False
    await membership.stop()


async def test_with_sqlite_there_is_one_node(tmp_path: Path) -> None:
    async with member(Sqlite(tmp_path), SHORT) as told:
        assert told.membership.is_alive
        assert told.membership.does("housekeeping")
    assert told.membership.is_alive

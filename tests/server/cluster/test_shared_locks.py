"""Locks on files that two servers on one PostgreSQL give.

Invariants:
- Nobody has a lock beside somebody else's exclusive one, on whichever servers the two are.
- What a lock guards changes in the transaction in which the lock holds.
- The locks of a server that is gone, or has lost its lease, are released, and nobody else's.
"""

from __future__ import annotations

import json
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import psycopg
import pytest

from server.store import postgres_locks
from server.store.connection import Connection
from server.store.lock_rules import Held
from server.store.postgres import Postgres
from server.store.postgres_session import TRANSACTIONS
from tests.server.cluster.servers import Cluster, answered
from tests.server.running import running
from tests.server.wire import Client, connected
from tests.waiting import eventually

PROJECT = {"projectId": "project-123"}
APP = "src/components/App.jsx"
LOCK = {**PROJECT, "filePath": APP}
CHANGE = {**PROJECT, "file": {"path": APP, "action": "updated", "content": "new"}}


async def refused(client: Client, event: str, payload: Any) -> str:
    error = (await client.ask(event, payload))["error"]
    assert error["code"] == "FILE_LOCKED"
    return str(error["message"])


async def test_a_lock_of_one_server_keeps_out_whoever_is_on_another(cluster: Cluster) -> None:
    ada, bob = await cluster.client(0, "ada"), await cluster.client(1, "bob")
    lock = (await ada.ask("file:lock", LOCK))["lock"]
    said = f"file '{APP}' is locked by 'ada' on another connection: wait for file:unlocked"
    for event, payload in (
        ("file:lock", LOCK),
        ("file:lock", {**LOCK, "lockType": "shared"}),
        ("file:unlock", LOCK),
        ("file:change", CHANGE),
        ("file:move", {**LOCK, "newPath": "b.txt"}),
        ("file:move", {**PROJECT, "filePath": "src", "newPath": "lib"}),
        ("file:delete", LOCK),
        ("file:delete", {**PROJECT, "filePath": "src"}),
        ("file:upload", {**LOCK, "data": b"new", "offset": 0, "overwrite": True}),
    ):
        assert await refused(bob, event, payload) == said
    listed = await bob.ask("file:locks", PROJECT)
    assert listed["locks"] == [lock]
    assert (await bob.ask("project:join", PROJECT))["locks"] == [lock]
    assert (await ada.ask("file:change", {**CHANGE, "lockToken": lock["token"]}))["ok"]
    assert (await ada.ask("file:unlock", LOCK))["released"] is True
    taken = (await bob.ask("file:lock", LOCK))["lock"]
    assert taken["token"] > lock["token"]
    assert await refused(ada, "file:change", {**CHANGE, "lockToken": lock["token"]})


async def test_an_edit_together_waits_for_the_lock_of_another_server(cluster: Cluster) -> None:
    ada, bob = await cluster.client(0, "ada"), await cluster.client(1, "bob")
    opened = await bob.ask("file:open", {**LOCK, "author": "tab"})
    await ada.ask("file:lock", LOCK)
    length = len(opened["content"].encode("utf-16-le")) // 2
    edit = {"epoch": opened["epoch"], "version": 0, "author": "tab", "number": 1}
    assert await refused(bob, "file:edit", {**LOCK, **edit, "change": [length, [0, "!"]]})


async def test_locks_follow_a_file_to_its_new_path(cluster: Cluster) -> None:
    ada, bob = await cluster.client(0, "ada"), await cluster.client(1, "bob")
    lock = (await ada.ask("file:lock", LOCK))["lock"]
    other = (await ada.ask("file:lock", {**PROJECT, "filePath": "src/lost.txt"}))["lock"]
    await ada.ask("file:lock", {**PROJECT, "filePath": "lib/lost.txt"})
    assert (await ada.ask("file:move", {**PROJECT, "filePath": "src", "newPath": "lib"}))["ok"]
    locks = (await bob.ask("file:locks", PROJECT))["locks"]
    moved = {one["token"]: one["filePath"] for one in locks}
    assert moved[lock["token"]] == "lib/components/App.jsx"
    # Its new path was locked already.
    assert other["token"] not in moved
    # A move that is refused moves no lock.
    moving = {**PROJECT, "filePath": "lib/components/App.jsx", "newPath": "lib/components/x"}
    file = {"path": moving["newPath"], "action": "created", "content": ""}
    assert (await ada.ask("file:change", {**PROJECT, "file": file}))["ok"]
    assert not (await ada.ask("file:move", moving))["ok"]
    assert (await bob.ask("file:locks", PROJECT))["locks"] == locks


async def test_a_user_takes_over_the_lock_of_a_lost_connection_on_another_server(
    cluster: Cluster,
) -> None:
    ada, bob = await cluster.client(0, "ada"), await cluster.client(1, "bob")
    token = (await ada.ask("file:lock", LOCK))["lock"]["token"]
    await ada.close()
    [lock] = (await bob.ask("file:locks", PROJECT))["locks"]
    while not lock["orphaned"]:
        [lock] = (await bob.ask("file:locks", PROJECT))["locks"]
    assert "whose connection is lost" in await refused(bob, "file:lock", LOCK)
    again = await cluster.client(1, "ada")
    assert (await again.ask("file:lock", LOCK))["lock"]["token"] > token
    assert len((await bob.ask("file:locks", PROJECT))["locks"]) == 1
    # The former server's time of grace takes nothing from her.
    departures = cluster.nodes[0].departures
    departures.grace_over(next(iter(departures.graces)))
    await again.ask("test:ping")
    assert len((await bob.ask("file:locks", PROJECT))["locks"]) == 1


async def test_after_the_grace_the_lock_is_gone(postgres: Postgres, tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        cluster = Cluster(stack, postgres.url, tmp_path)
        await cluster.add(lock_grace=0.01)
        await cluster.add(lock_grace=0.01)
        ada, bob = await cluster.client(0, "ada"), await cluster.client(1, "bob")
        await ada.ask("file:lock", LOCK)
        await ada.close()
        await answered(bob, "file:lock", LOCK)


@pytest.mark.parametrize("how", ["project:leave", "auth:logout"])
async def test_whoever_leaves_releases_the_locks(cluster: Cluster, how: str) -> None:
    ada, bob = await cluster.client(0, "ada"), await cluster.client(1, "bob")
    await ada.ask("file:lock", LOCK)
    await ada.ask(how, PROJECT if how == "project:leave" else {})
    await answered(bob, "file:lock", LOCK)


async def test_a_user_holds_so_many_locks_on_all_servers(cluster: Cluster) -> None:
    first, second = await cluster.client(0, "ada"), await cluster.client(1, "ada")
    for number in range(50):
        for client in (first, second):
            path = f"{number}-{id(client)}"
            assert (await client.ask("file:lock", {**PROJECT, "filePath": path}))["ok"]
    refusals = [await one.ask("file:lock", LOCK) for one in (first, second)]
    assert {one["error"]["code"] for one in refusals} == {"RATE_LIMIT_EXCEEDED"}


async def test_the_locks_of_a_dead_server_pass_after_its_lease_and_the_grace(
    cluster: Cluster,
) -> None:
    ada, bob = await cluster.client(0, "ada"), await cluster.client(1, "bob")
    token = (await ada.ask("file:lock", LOCK))["lock"]["token"]
    dead = cluster.nodes[0].database.engine.node
    with psycopg.connect(cluster.url, autocommit=True) as connection:

        def lease(interval: str) -> None:
            connection.execute(
                "UPDATE nodes SET alive_until = clock_timestamp() - %s::interval WHERE id = %s",
                (interval, dead),
            )

        # Its lease is over: her locks are orphans, which she may take over and nobody else.
        lease("1 second")
        assert "whose connection is lost" in await refused(bob, "file:lock", LOCK)
        # So is the grace.
        lease("2 hours")
        taken = (await bob.ask("file:lock", LOCK))["lock"]
        assert taken["token"] > token
        # The one that comes back late has nothing, and writes nothing.
        with_token = {**CHANGE, "lockToken": token}
        assert await refused(ada, "file:change", with_token)
        # Nor does a server give locks that is no node.
        other = {**PROJECT, "filePath": "other.txt"}
        answer = await ada.ask("file:lock", other)
        assert answer["error"]["code"] == "STORAGE_ERROR"
        assert "this server gives no locks now" in answer["error"]["message"]


async def test_a_server_that_has_lost_its_lease_tells_its_clients(cluster: Cluster) -> None:
    node = await cluster.add(renewal=0.05)
    ada = await cluster.client(2, "ada")
    bob = await cluster.client(2, "bob")
    token = (await ada.ask("file:lock", LOCK))["lock"]["token"]
    await bob.news()
    with psycopg.connect(cluster.url) as connection:
        connection.execute(
            "UPDATE nodes SET ended_at = clock_timestamp() WHERE id = %s",
            (node.database.engine.node,),
        )
    assert (await bob.hear("file:unlocked"))[0] == {"filePath": APP, "token": token}
    assert await refused(ada, "file:change", {**CHANGE, "lockToken": token})
    again = await answered(bob, "file:lock", LOCK)
    assert again["lock"]["token"] > token
    # Once, also now that it is a node again.
    assert await bob.news() == []


async def test_a_release_that_is_known_after_the_lease_is_told_of_once(cluster: Cluster) -> None:
    node = await cluster.add()
    ada, bob = await cluster.client(2, "ada"), await cluster.client(2, "bob")
    token = (await ada.ask("file:lock", LOCK))["lock"]["token"]
    await bob.news()
    with psycopg.connect(cluster.url) as connection:
        # No transaction of the servers begins until this one ends.
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (TRANSACTIONS,))
        await ada.send("4277" + json.dumps(["file:unlock", LOCK]))
        await bob.ask("test:ping")
        node.node.lease_lost()
        assert (await bob.hear("file:unlocked"))[0] == {"filePath": APP, "token": token}
    answer = await ada.acknowledged(77)
    assert (answer["ok"], answer["released"]) == (True, False)
    assert await bob.news() == [("test:pong", {"message": "pong"})]


async def test_a_server_that_stops_leaves_no_locks(cluster: Cluster) -> None:
    bob = await cluster.client(1, "bob")
    async with (
        running(cluster.folder / "third", database_url=cluster.url, workers=2) as third,
        connected(third.port) as ada,
    ):
        await ada.ask("project:join", {**PROJECT, "userId": "ada"})
        await ada.ask("file:lock", LOCK)
    assert (await bob.ask("file:lock", LOCK))["ok"]


async def test_locks_of_a_deleted_project_are_gone_with_it(cluster: Cluster) -> None:
    ada = await cluster.client(0, "ada")
    made = (await ada.ask("project:create", {"name": "Short"}))["project"]["id"]
    assert (await ada.ask("file:lock", {"projectId": made, "filePath": "a"}))["ok"]
    assert (await ada.ask("project:delete", {"projectId": made}))["ok"]
    with psycopg.connect(cluster.url) as connection:
        assert connection.execute("SELECT count(*) FROM locks").fetchone() == (0,)


async def test_a_release_outlives_an_outage(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    release_all = postgres_locks.release_all
    attempts: list[str] = []

    def counted(connection: Connection, socket_id: str, project_id: str | None) -> list[Held]:
        attempts.append(socket_id)
        return release_all(connection, socket_id, project_id)

    monkeypatch.setattr(postgres_locks, "release_all", counted)
    ada, bob = await cluster.client(0, "ada"), await cluster.client(1, "bob")
    await ada.ask("file:lock", LOCK)
    with psycopg.connect(cluster.url, autocommit=True) as connection:
        # The transaction of the release fails, and again.
        connection.execute("ALTER TABLE locks RENAME TO hidden")
        try:
            assert (await ada.ask("project:leave", PROJECT))["ok"]
            await eventually(lambda: len(attempts) > 1)
        finally:
            connection.execute("ALTER TABLE hidden RENAME TO locks")
    await answered(bob, "file:lock", LOCK)


async def test_tokens_are_greater_than_those_of_a_server_that_was_alone(
    postgres: Postgres, tmp_path: Path
) -> None:
    tokens = []
    for workers in (1, 2, 2):
        async with (
            running(tmp_path, database_url=postgres.url, workers=workers) as application,
            connected(application.port) as client,
        ):
            await client.ask("project:join", PROJECT)
            tokens.append((await client.ask("file:lock", LOCK))["lock"]["token"])
    assert tokens == sorted(set(tokens))
    assert max(tokens) < 2**53

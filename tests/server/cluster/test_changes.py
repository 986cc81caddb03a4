"""What one server changes, and others remember.

Invariants:
- Who may not see a project any more, or has signed out, is out on all servers, and is told once.
- After an outage of what notifies, a server is in step again.
"""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from server.accounts.failed_logins import FREE_FAILURES, subject_of
from server.api.errors import Code, EventError
from server.api.records import User
from server.application import Application
from server.cluster.changes import Changes
from server.store import accounts
from tests.server.cluster.servers import Cluster, answered
from tests.server.running import CREDENTIALS, add_user
from tests.server.wire import Client
from tests.waiting import eventually

Json = dict[str, Any]


async def company(cluster: Cluster) -> tuple[Client, Client, Json]:
    """Ada on the first server, bob on the second, in a project of hers that they share."""
    ada, bob = await cluster.client(0, "ada"), await cluster.client(1, "bob")
    await add_user(cluster.nodes[0], "bob")
    made = (await ada.ask("project:create", {"name": "Theirs"}))["project"]["id"]
    project = {"projectId": made}
    shared = await ada.ask("project:share", {**project, "userId": "bob", "role": "editor"})
    assert shared["ok"], shared
    await ada.ask("project:join", project)
    assert (await bob.ask("project:join", project))["ok"]
    await bob.news()
    return ada, bob, project


async def away(*_: object) -> None:
    raise EventError(Code.STORAGE_ERROR, "it is away")


@pytest.mark.parametrize("without_database", [False, True])
async def test_a_role_is_had_everywhere_as_soon_as_it_is_given(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, without_database: bool
) -> None:
    """Also before the database has told the other servers of it."""
    there = cluster.nodes[1]
    ada, bob = await cluster.client(0, "ada"), await cluster.client(1, "bob")
    await add_user(cluster.nodes[0], "bob")
    monkeypatch.setattr(there.node, "heard", lambda _payload: None)
    made = (await ada.ask("project:create", {"name": "Theirs"}))["project"]["id"]
    project = {"projectId": made}
    lock = {**project, "filePath": "a.txt"}
    assert (await bob.ask("project:join", project))["error"]["code"] == "NOT_FOUND"
    viewer = {**project, "userId": "bob", "role": "viewer"}
    assert (await ada.ask("project:share", viewer))["ok"]
    if without_database:
        monkeypatch.setattr(there.node._changes, "catch_up", away)
        assert (await bob.ask("project:join", project))["error"]["code"] == "NOT_FOUND"
        return
    assert (await bob.ask("project:join", project))["ok"]
    with monkeypatch.context() as patch:
        # What is known already is not remembered again: that looks at all users.
        patch.delattr(Changes, "_put_project")
        assert (await bob.ask("file:lock", lock))["error"]["code"] == "FORBIDDEN"
    assert (await ada.ask("project:share", {**viewer, "role": "editor"}))["ok"]
    assert (await bob.ask("file:lock", lock))["ok"]


async def test_a_member_who_is_taken_out_is_out_on_all_servers(cluster: Cluster) -> None:
    ada, bob, project = await company(cluster)
    assert (await ada.ask("project:unshare", {**project, "userId": "bob"}))["ok"]
    assert (await bob.hear("project:deleted"))[0] == project
    assert (await bob.ask("project:join", project))["error"]["code"] == "NOT_FOUND"
    assert "project:deleted" not in [name for name, _ in await bob.news()]
    [socket] = cluster.nodes[1].sockets.of_user("bob")
    assert f"project:{project['projectId']}" not in socket.rooms


async def test_a_role_that_is_lost_is_lost_on_all_servers(cluster: Cluster) -> None:
    ada, bob, project = await company(cluster)
    lock = {**project, "filePath": "a.txt"}
    assert (await bob.ask("file:lock", lock))["ok"]
    viewer = {**project, "userId": "bob", "role": "viewer"}
    assert (await ada.ask("project:share", viewer))["ok"]
    answer = await answered(bob, "file:lock", lock, ok=False)
    assert answer["error"]["code"] == "FORBIDDEN"
    # Whoever may not change the project has no locks in it.
    await answered(ada, "file:lock", lock)


async def test_a_project_that_is_deleted_is_gone_on_all_servers(cluster: Cluster) -> None:
    ada, bob, project = await company(cluster)
    assert (await ada.ask("project:delete", project))["ok"]
    assert (await bob.hear("project:deleted"))[0] == project
    assert (await bob.ask("project:join", project))["error"]["code"] == "NOT_FOUND"
    assert "project:deleted" not in [name for name, _ in await bob.news()]


async def signed_in(cluster: Cluster) -> tuple[Client, Client, str]:
    """Two connections of one session, to two servers."""
    await add_user(cluster.nodes[0])
    first = await cluster.enter(0)
    session = (await first.ask("auth:login", CREDENTIALS))["session"]["id"]
    second = await cluster.enter(1)
    assert (await second.ask("auth:session", {"sessionId": session}))["ok"]
    await second.news()
    return first, second, session


async def test_who_signs_out_is_signed_out_on_all_servers(cluster: Cluster) -> None:
    first, second, session = await signed_in(cluster)
    assert (await first.ask("auth:logout", {}))["ok"]
    assert (await second.hear("auth:logout"))[0] == {"userId": "ada"}
    assert (await second.ask("auth:check", {}))["error"]["code"] == "UNAUTHORIZED"
    assert cluster.nodes[1].sockets.of_user("ada") == []
    assert (await second.ask("auth:session", {"sessionId": session}))["ok"] is False


async def test_a_session_that_gets_another_id_goes_on_on_all_servers(cluster: Cluster) -> None:
    first, second, session = await signed_in(cluster)
    new = (await first.ask("auth:refresh", {}))["session"]["id"]
    await answered(second, "auth:check", {})
    late = await cluster.enter(1)
    assert (await late.ask("auth:session", {"sessionId": session}))["ok"] is False
    assert (await first.ask("auth:logout", {}))["ok"]
    await second.hear("auth:logout")
    assert (await late.ask("auth:session", {"sessionId": new}))["ok"] is False


async def test_a_name_that_is_new_is_known_to_all_servers(cluster: Cluster) -> None:
    node = cluster.nodes[1]
    await cluster.nodes[0].database.run(
        lambda c: accounts.add_user(c, User("grace", "Grace H."), None, "now")
    )
    await eventually(lambda: node.directory.user("grace").name == "Grace H.")


async def test_what_was_missed_is_read_again(cluster: Cluster) -> None:
    _, bob, project = await company(cluster)
    _, second, _ = await signed_in(cluster)
    with psycopg.connect(cluster.url, autocommit=True) as connection:
        # Without a word, as if what notifies was away.
        connection.execute("ALTER TABLE members DISABLE TRIGGER members_changed")
        connection.execute("ALTER TABLE sessions DISABLE TRIGGER session_changed")
        connection.execute("DELETE FROM members WHERE user_id = 'bob'")
        connection.execute("DELETE FROM sessions")
        connection.execute("ALTER TABLE members ENABLE TRIGGER members_changed")
        connection.execute("ALTER TABLE sessions ENABLE TRIGGER session_changed")
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name LIKE 'socketio-min-node %' AND datname = current_database()"
        )
    assert (await bob.hear("project:deleted"))[0] == project
    assert (await second.hear("auth:logout"))[0] == {"userId": "ada"}


async def test_a_change_that_cannot_be_read_yet_is_read_later(cluster: Cluster) -> None:
    ada, bob, project = await company(cluster)
    node = cluster.nodes[1]
    changes = node.node._changes
    with psycopg.connect(cluster.url, autocommit=True) as connection:
        # The reader's transactions fail, and those of the one that changes something do not.
        connection.execute("ALTER TABLE users RENAME TO hidden")
        connection.execute("DELETE FROM members WHERE user_id = 'bob'")
        # It is going to read all again.
        await eventually(lambda: changes._reads_all)
        assert node.directory.role(project["projectId"], "bob") is not None
        connection.execute("ALTER TABLE hidden RENAME TO users")
    assert (await bob.hear("project:deleted"))[0] == project
    assert (await ada.ask("test:ping"))["ok"]


async def test_failed_logins_count_on_all_servers(cluster: Cluster) -> None:
    await add_user(cluster.nodes[0])
    clients = [await cluster.enter(node) for node in (0, 1)]
    wrong = {**CREDENTIALS, "password": "wrong"}
    for number in range(FREE_FAILURES):
        error = (await clients[number % 2].ask("auth:login", wrong))["error"]
        assert error["code"] == "UNAUTHORIZED"
    # Each has seen some of them only, and hears of the others at once.
    subject = subject_of("127.0.0.1", "ada")
    for node, client in zip(cluster.nodes, clients, strict=True):
        await eventually(lambda node=node: has_to_wait(node, subject))  # type: ignore[misc]
        error = (await client.ask("auth:login", CREDENTIALS))["error"]
        assert error["code"] == "RATE_LIMIT_EXCEEDED"


def has_to_wait(node: Application, subject: str) -> bool:
    try:
        node.failed_logins.check(subject)
    except EventError:
        return True
    return False

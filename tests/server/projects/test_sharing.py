"""Projects of one's own, and who else may do what in them.

Invariants:
- Somebody without a role learns nothing of a project, not even that it exists.
- Each role may do what it says and no more; a project always has an owner.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from server.api.records import Role
from server.application import Application
from server.store import membership
from server.store.connection import Connection
from tests.server.conftest import Connect
from tests.server.wire import Client

ADA = {"id": "ada", "name": "ada"}
BOB = {"id": "bob", "name": "bob"}


async def acting(connect: Connect, user: str) -> Client:
    client = await connect()
    await client.ask("user:join", {"userId": user})
    return client


async def project_of_ada(connect: Connect) -> tuple[Client, str]:
    client = await acting(connect, "ada")
    answer = await client.ask("project:create", {"name": "Mine"})
    await client.news()
    project_id: str = answer["project"]["id"]
    return client, project_id


def share(project_id: str, user: str, role: str) -> dict[str, str]:
    return {"projectId": project_id, "userId": user, "role": role}


async def test_a_new_project_is_its_creators(connect: Connect) -> None:
    client, second, other = [await acting(connect, name) for name in ("ada", "ada", "bob")]
    answer = await client.ask(
        "project:create", {"name": "Mine", "description": "All mine", "type": "web"}
    )
    project = answer["project"]
    assert project.pop("createdAt") == project.pop("updatedAt")
    assert project == {
        "id": project["id"],
        "name": "Mine",
        "description": "All mine",
        "type": "web",
        "members": [{"user": ADA, "role": "owner"}],
    }
    for socket in (client, second):
        [(event, data)] = await socket.news()
        assert (event, data["project"]["id"]) == ("project:created", project["id"])
    assert await other.news() == []
    listed = (await client.ask("project:list"))["projects"]
    assert [one["name"] for one in listed] == ["Mine", "Todo list"]
    listed = (await other.ask("project:list"))["projects"]
    assert [one["name"] for one in listed] == ["Todo list"]


async def test_a_project_that_is_asked_for_again_is_made_once(connect: Connect) -> None:
    ada, second, bob = [await acting(connect, name) for name in ("ada", "ada", "bob")]
    wanted = {"name": "Mine", "key": "k"}
    await ada.emit("project:create", wanted)
    made = (await second.hear("project:created"))[0]["project"]
    # The server has made it, and nobody hears the answer.
    ada.abort()
    ada = await acting(connect, "ada")
    again = [await one.ask("project:create", wanted) for one in (ada, second)]
    assert again == [{"ok": True, "project": made}] * 2
    assert await ada.news() == await second.news() == []
    # On two connections at the same time.
    wanted["key"] = "l"
    both = await asyncio.gather(*[one.ask("project:create", wanted) for one in (ada, second)])
    assert len({answer["project"]["id"] for answer in both}) == 1
    # A key is its maker's own.
    other = (await bob.ask("project:create", {"name": "His", "key": "k"}))["project"]
    assert (other["name"], other["members"][0]["user"]) == ("His", BOB)


@pytest.mark.parametrize("end", ["project:delete", "project:leave"])
async def test_a_key_ends_with_what_was_made(connect: Connect, end: str) -> None:
    """Whoever has left a project learns nothing of it by its key."""
    ada, bob = await acting(connect, "ada"), await acting(connect, "bob")
    wanted = {"name": "Mine", "key": "k"}
    before = (await ada.ask("project:create", wanted))["project"]["id"]
    await ada.ask("project:share", share(before, "bob", "owner"))
    assert (await ada.ask(end, {"projectId": before, "forGood": True}))["ok"]
    after = (await ada.ask("project:create", wanted))["project"]
    assert after["id"] != before
    listed = (await bob.ask("project:list"))["projects"]
    assert [one["id"] for one in listed if one["name"] == "Mine"] == (
        [before] if end == "project:leave" else []
    )


async def test_to_a_stranger_a_project_does_not_exist(connect: Connect) -> None:
    _, project_id = await project_of_ada(connect)
    stranger = await acting(connect, "bob")
    events: dict[str, dict[str, Any]] = {
        "project:join": {},
        "project:leave": {},
        "project:update": {"update": {"type": "name", "value": "Theirs"}},
        "project:delete": {},
        "project:share": {"userId": "bob", "role": "owner"},
        "project:unshare": {"userId": "ada"},
        "file:list": {},
        "file:read": {"filePath": "a"},
        "file:change": {"file": {"path": "a", "action": "created"}},
        "file:lock": {"filePath": "a"},
        "file:unlock": {"filePath": "a"},
        "version:create": {},
        "version:list": {},
        "user:typing": {"isTyping": True},
        "cursor:update": {"filePath": "a", "position": {"line": 0, "column": 0}},
    }
    for event, payload in events.items():
        for named in (project_id, "project-none"):
            error = (await stranger.ask(event, {**payload, "projectId": named}))["error"]
            assert error == {
                "code": "NOT_FOUND",
                "message": f"project {named!r}: no such project",
            }, event


@pytest.mark.parametrize(
    ("role", "refused"),
    [
        ("viewer", {"change", "lock", "update", "version", "share", "delete"}),
        ("editor", {"share", "delete"}),
        ("owner", set()),
    ],
)
async def test_roles(connect: Connect, role: str, refused: set[str]) -> None:
    client, project_id = await project_of_ada(connect)
    await client.ask(
        "file:change", {"projectId": project_id, "file": {"path": "a", "action": "created"}}
    )
    member, _ = await acting(connect, "bob"), await acting(connect, "eve")
    await client.ask("project:share", share(project_id, "bob", role))
    doing: dict[str, tuple[str, dict[str, Any]]] = {
        "join": ("project:join", {}),
        "read": ("file:read", {"filePath": "a"}),
        "compare": ("version:list", {}),
        "change": ("file:change", {"file": {"path": "a", "action": "updated"}}),
        "lock": ("file:lock", {"filePath": "a"}),
        "update": ("project:update", {"update": {"type": "name", "value": "Ours"}}),
        "version": ("version:create", {}),
        "share": ("project:share", {"userId": "eve", "role": "viewer"}),
        "delete": ("project:delete", {}),
    }
    found = set()
    for name, (event, payload) in doing.items():
        answer = await member.ask(event, {**payload, "projectId": project_id})
        if not answer["ok"]:
            assert answer["error"]["code"] == "FORBIDDEN"
            assert f"yours is {role}" in answer["error"]["message"]
            found.add(name)
    assert found == refused


async def test_a_viewer_reports_no_progress(connect: Connect) -> None:
    """Neither in the project by its name nor, without one, in all that they are in."""
    ada, project_id = await project_of_ada(connect)
    bob = await acting(connect, "bob")
    await ada.ask("project:share", share(project_id, "bob", "viewer"))
    for client in (ada, bob):
        await client.ask("project:join", {"projectId": project_id})
    await ada.news()
    named = await bob.ask("ai:status", {"status": "started", "projectId": project_id})
    assert named["error"]["code"] == "FORBIDDEN"
    assert await bob.ask("ai:status", {"status": "started"}) == {"ok": True}
    assert await ada.news() == []


async def test_sharing_is_heard_by_all_it_concerns(connect: Connect) -> None:
    ada, project_id = await project_of_ada(connect)
    bob = await acting(connect, "bob")
    answer = await ada.ask("project:share", share(project_id, "bob", "editor"))
    project = answer["project"]
    assert project["members"] == [
        {"user": ADA, "role": "owner"},
        {"user": BOB, "role": "editor"},
    ]
    assert await ada.news() == [("project:updated", {"project": project})]
    news = dict(await bob.news())
    assert news["project:updated"] == news["project:created"] == {"project": project}
    notification = news["notification:new"]["notification"]
    assert notification["message"] == "ada shared a project with you: you are its editor"
    assert notification["projectId"] == project_id
    await ada.ask("project:share", share(project_id, "bob", "viewer"))
    assert [event for event, _ in await bob.news()] == ["project:updated", "notification:new"]


async def test_a_member_who_is_taken_out_is_out(application: Application, connect: Connect) -> None:
    ada, project_id = await project_of_ada(connect)
    bob = await acting(connect, "bob")
    await ada.ask("project:share", share(project_id, "bob", "editor"))
    for client in (ada, bob):
        await client.ask("project:join", {"projectId": project_id})
    lock = await bob.ask("file:lock", {"projectId": project_id, "filePath": "a"})
    for client in (ada, bob):
        await client.news()
    await ada.ask("project:unshare", {"projectId": project_id, "userId": "bob"})
    token = lock["lock"]["token"]
    news = await ada.news()
    assert [event for event, _ in news] == ["project:updated", "file:unlocked", "user:left"]
    assert news[1:] == [
        ("file:unlocked", {"filePath": "a", "token": token}),
        ("user:left", {"user": BOB}),
    ]
    # The room hears of the change before it is cleared.
    assert [event for event, _ in await bob.news()] == [
        "project:updated",
        "notification:new",
        "project:deleted",
    ]
    rooms = {socket.id: socket.rooms for socket in await application.io.fetch_sockets()}
    assert rooms[bob.id] == {bob.id, "user:bob", "sockets:bob"}
    error = (await bob.ask("project:join", {"projectId": project_id}))["error"]
    assert error["code"] == "NOT_FOUND"


@pytest.mark.parametrize("joined", [True, False])
@pytest.mark.parametrize("connected", [True, False])
@pytest.mark.parametrize("change", ["viewer", "out"])
async def test_who_may_not_change_the_project_any_more_has_no_locks(
    application: Application, connect: Connect, joined: bool, connected: bool, change: str
) -> None:
    ada, project_id = await project_of_ada(connect)
    project = {"projectId": project_id}
    bob = await acting(connect, "bob")
    await ada.ask("project:share", share(project_id, "bob", "editor"))
    await ada.ask("project:join", project)
    if joined:
        await bob.ask("project:join", project)
    token = (await bob.ask("file:lock", {**project, "filePath": "a"}))["lock"]["token"]
    await ada.hear("file:locked")
    if not connected:
        await bob.close()
        data, _ = await ada.hear("file:locked")
        assert data["lock"]["orphaned"] is True
    if change == "viewer":
        await ada.ask("project:share", share(project_id, "bob", "viewer"))
    else:
        await ada.ask("project:unshare", {**project, "userId": "bob"})
    assert ("file:unlocked", {"filePath": "a", "token": token}) in await ada.news()
    assert (await application.locks.page(project_id))[0] == []
    assert (await ada.ask("file:lock", {**project, "filePath": "a"}))["ok"]


async def test_a_deleted_project_has_no_locks(application: Application, connect: Connect) -> None:
    """Nor do they count for those who held them without being in its room."""
    ada, project_id = await project_of_ada(connect)
    for number in range(100):
        lock = {"projectId": project_id, "filePath": f"{number}"}
        assert (await ada.ask("file:lock", lock))["ok"]
    await ada.ask("project:delete", {"projectId": project_id})
    assert (await application.locks.page(project_id))[0] == []
    demonstration = {"projectId": "project-123", "filePath": "a"}
    assert (await ada.ask("file:lock", demonstration))["ok"]


async def test_members_may_leave_and_only_owners_take_out_others(connect: Connect) -> None:
    ada, project_id = await project_of_ada(connect)
    bob, _ = await acting(connect, "bob"), await acting(connect, "eve")
    for name in ("bob", "eve"):
        await ada.ask("project:share", share(project_id, name, "editor"))
    error = (await bob.ask("project:unshare", {"projectId": project_id, "userId": "eve"}))["error"]
    assert error["code"] == "FORBIDDEN"
    assert (await bob.ask("project:unshare", {"projectId": project_id, "userId": "bob"}))["ok"]
    error = (await ada.ask("project:unshare", {"projectId": project_id, "userId": "bob"}))["error"]
    assert error == {"code": "NOT_FOUND", "message": "user 'bob': not a member of the project"}


async def test_a_project_keeps_an_owner(connect: Connect) -> None:
    ada, project_id = await project_of_ada(connect)
    for event, payload in (
        ("project:unshare", {"projectId": project_id, "userId": "ada"}),
        ("project:share", share(project_id, "ada", "viewer")),
    ):
        error = (await ada.ask(event, payload))["error"]
        assert error == {
            "code": "FORBIDDEN",
            "message": "user 'ada' is the project's only owner: make somebody else an owner first",
        }
    await ada.ask("project:share", share(project_id, "user-789", "owner"))
    assert (await ada.ask("project:unshare", {"projectId": project_id, "userId": "ada"}))["ok"]


@pytest.mark.parametrize(
    ("field", "value"), [("name", "New"), ("description", "Updated"), ("type", "api")]
)
async def test_updating(connect: Connect, field: str, value: str) -> None:
    ada, project_id = await project_of_ada(connect)
    watcher = await acting(connect, "user-789")
    payload = {"projectId": "project-123", "update": {"type": field, "value": value}}
    await watcher.ask("project:join", {"projectId": "project-123"})
    changed = (await ada.ask("project:update", payload))["project"]
    assert changed[field] == value
    assert await watcher.news() == [("project:updated", {"project": changed})]
    mine = {**payload, "projectId": project_id}
    assert (await ada.ask("project:update", mine))["project"][field] == value
    assert await watcher.news() == []


@pytest.mark.parametrize(("field", "value"), [("name", ""), ("name", "a\nb"), ("type", "game")])
async def test_an_update_is_checked(connect: Connect, field: str, value: str) -> None:
    client = await acting(connect, "ada")
    payload = {"projectId": "project-123", "update": {"type": field, "value": value}}
    error = (await client.ask("project:update", payload))["error"]
    assert error["code"] == "VALIDATION_ERROR"
    assert error["details"] == {"path": "$.update.value"}


async def test_deleting_takes_everything_along(application: Application, connect: Connect) -> None:
    ada, project_id = await project_of_ada(connect)
    bob = await acting(connect, "bob")
    await ada.ask("project:share", share(project_id, "bob", "editor"))
    project = {"projectId": project_id}
    await bob.ask("project:join", project)
    await bob.ask("file:lock", {**project, "filePath": "a"})
    await bob.ask("file:change", {**project, "file": {"path": "a", "action": "created"}})
    await bob.ask("version:create", project)
    for client in (ada, bob):
        await client.news()
    assert await ada.ask("project:delete", project) == {"ok": True, **project}
    for client in (ada, bob):
        assert await client.news() == [("project:deleted", project)]
        assert (await client.ask("project:join", project))["error"]["code"] == "NOT_FOUND"
    assert (await application.locks.page(project_id))[0] == []
    assert application.presence.page(project_id)[0] == []

    def rows(table: str) -> Any:
        return application.database.run(
            lambda c: c.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        )

    # Of the demonstration, and nothing else; what is deleted goes bit by bit.
    while await rows("leftovers"):
        pass
    for table, count in {
        "projects": 1,
        "trees": 1,
        "tree_files": 2,
        "contents": 2,
        "versions": 0,
        "members": 2,
        "messages": 0,
    }.items():
        assert await rows(table) == count, table


# -- how many members, and which


async def test_a_project_has_a_hundred_members(application: Application, connect: Connect) -> None:
    ada, project_id = await project_of_ada(connect)
    await acting(connect, "bob")
    await acting(connect, "eve")

    def fill(connection: Connection) -> None:
        for number in range(98):
            membership.set_role(connection, project_id, f"member-{number}", Role.VIEWER)

    await application.database.run(fill)
    assert (await ada.ask("project:share", share(project_id, "bob", "viewer")))["ok"]
    error = (await ada.ask("project:share", share(project_id, "eve", "viewer")))["error"]
    assert error == {
        "code": "RATE_LIMIT_EXCEEDED",
        "message": "the project has 100 members, the most allowed: take one out first",
    }
    # Who is one may become something else.
    assert (await ada.ask("project:share", share(project_id, "bob", "editor")))["ok"]


async def test_only_users_that_exist_are_members(
    application: Application, connect: Connect
) -> None:
    ada, project_id = await project_of_ada(connect)
    error = (await ada.ask("project:share", share(project_id, "nobody", "viewer")))["error"]
    assert error == {"code": "NOT_FOUND", "message": "user 'nobody': no such user"}
    # With an account, or connected.
    assert (await ada.ask("project:share", share(project_id, "user-789", "viewer")))["ok"]
    bob = await acting(connect, "bob")
    assert (await ada.ask("project:share", share(project_id, "bob", "viewer")))["ok"]
    await bob.close()
    # Also a member who is away.
    assert (await ada.ask("project:share", share(project_id, "bob", "editor")))["ok"]
    assert set(application.directory.members(project_id)) == {"ada", "bob", "user-789"}


async def test_a_member_leaves_for_good(application: Application, connect: Connect) -> None:
    ada, project_id = await project_of_ada(connect)
    bob, second = await acting(connect, "bob"), await acting(connect, "bob")
    project = {"projectId": project_id}
    await ada.ask("project:share", share(project_id, "bob", "editor"))
    for client in (ada, bob, second):
        await client.ask("project:join", project)
    await bob.ask("file:lock", {**project, "filePath": "a"})
    for client in (ada, bob, second):
        await client.news()
    answer = await bob.ask("project:leave", {**project, "forGood": True})
    assert answer == {"ok": True, "projectId": project_id, "room": f"project:{project_id}"}
    assert application.directory.members(project_id).keys() == {"ada"}
    for client in (bob, second):
        assert ("project:deleted", project) in await client.news()
        assert (await client.ask("project:join", project))["error"]["code"] == "NOT_FOUND"
    heard = [event for event, _ in await ada.news()]
    assert heard == ["project:updated", "file:unlocked", "user:left"]


async def test_an_owner_does_not_leave_a_project_alone(connect: Connect) -> None:
    ada, project_id = await project_of_ada(connect)
    error = (await ada.ask("project:leave", {"projectId": project_id, "forGood": True}))["error"]
    assert error["code"] == "FORBIDDEN"
    assert "the project's only owner" in error["message"]


async def test_who_is_no_member_leaves_nothing_for_good(connect: Connect) -> None:
    client = await acting(connect, "bob")
    payload = {"projectId": "project-123", "forGood": True}
    error = (await client.ask("project:leave", payload))["error"]
    assert error == {"code": "NOT_FOUND", "message": "user 'bob': not a member of the project"}

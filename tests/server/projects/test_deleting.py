"""What is deleted is in the bin, and comes back.

Invariants:
- A deletion is done as a whole or not at all, and so is the way back; everybody hears of each file.
- What was typed and not saved is in the bin as well. What gave way to a file is there, too.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from server.application import Application
from server.store import bins, journals, leftovers, project_files
from tests.server.company import two
from tests.server.conftest import Connect
from tests.server.documents.editors import content, joined, written
from tests.server.running import running
from tests.server.wire import Client, connected

PROJECT = {"projectId": "project-123"}
APP = "src/components/App.jsx"
LIST = "src/components/TodoList.jsx"


async def delete(client: Client, path: str, **more: Any) -> Any:
    return await client.ask("file:delete", {**PROJECT, "filePath": path, **more})


async def restore(client: Client, deletion_id: str, **more: Any) -> Any:
    return await client.ask("bin:restore", {**PROJECT, "deletionId": deletion_id, **more})


async def in_bin(client: Client) -> list[Any]:
    found: list[Any] = (await client.ask("bin:list", PROJECT))["deletions"]
    return found


async def paths(client: Client) -> list[str]:
    listed = await client.ask("file:list", PROJECT)
    return [file["path"] for file in listed["files"]]


@pytest.mark.parametrize(("path", "gone"), [("src", [APP, LIST]), (APP, [APP])])
async def test_a_file_or_a_folder_is_deleted_and_comes_back(
    connect: Connect, path: str, gone: list[str]
) -> None:
    client, other = await two(connect)
    await written(client, "src.txt", "beside")
    editor = await joined(other, "user-789")
    text = (await editor.open())["content"]
    await editor.edit([[0, "typed "], len(text)])
    await other.news()
    answer = await delete(client, path)
    deletion_id = answer["deletionId"]
    assert answer == {
        "ok": True, "filePath": path, "deletionId": deletion_id, "count": len(gone),
    }  # fmt: skip
    news = [(name, data) for name, data in await other.news() if name == "file:deleted"]
    revision = news[0][1]["revision"]
    gone_there = [{"filePath": one, "revision": revision} for one in gone]
    assert news == [("file:deleted", one) for one in gone_there]
    assert not set(gone) & set(await paths(other))
    assert (await editor.edit([[0, "x"], 6 + len(text)]))["error"]["code"] == "VERSION_CONFLICT"
    [deleted] = await in_bin(other)
    assert deleted.pop("deletedAt").endswith("Z")
    size = deleted.pop("size")
    assert deleted == {
        "id": deletion_id, "path": path, "isFolder": path == "src", "deletedBy": "user-456",
        "fileCount": len(gone),
    }  # fmt: skip
    assert size > len(text)
    assert await restore(other, deletion_id) == {"ok": True, "filePath": path, "count": len(gone)}
    created = [data["file"]["path"] for name, data in await client.news() if name == "file:created"]
    assert created == gone
    assert await content(client, APP) == f"typed {text}"
    assert await in_bin(client) == []
    assert (await restore(client, deletion_id))["error"]["code"] == "NOT_FOUND"
    assert (await delete(client, "nowhere"))["error"]["code"] == "NOT_FOUND"


async def test_those_who_changed_it_are_told(connect: Connect) -> None:
    ada, bob = await two(connect)
    eve = await connect()
    await eve.ask("user:join", {"userId": "eve"})
    for client in (ada, bob):
        await client.ask("room:join", {"room": "notifications"})
    await written(ada, "src/a.txt", "by ada")
    await written(bob, "src/b.txt", "by bob")
    # No member, and so nobody who is told.
    await written(eve, "src/c.txt", "by eve")
    deletion_id = (await delete(ada, "src"))["deletionId"]
    heard = [data["notification"] for name, data in await bob.news() if name == "notification:new"]
    assert [(one["type"], one["title"], one["message"]) for one in heard] == [
        ("bin", "user-456 deleted src", "You changed it last. It is in the bin for 30 days"),
    ]
    user = {"id": "user-456", "name": "user-456"}
    assert heard[0]["about"] == {
        "kind": "bin", "place": {"filePath": "src"}, "deletionId": deletion_id, "user": user,
    }  # fmt: skip
    assert (await bob.ask("notification:list"))["notifications"] == heard
    for client in (ada, eve):
        assert (await client.ask("notification:list"))["notifications"] == []


async def test_those_who_changed_it_are_told_of_a_change_that_deletes_it(connect: Connect) -> None:
    ada, bob = await two(connect)
    await bob.ask("room:join", {"room": "notifications"})
    await written(bob, "b.txt", "by bob")
    deleted = {"path": "b.txt", "action": "deleted"}
    assert (await ada.ask("file:change", {"projectId": "project-123", "file": deleted}))["ok"]
    heard = [data["notification"] for name, data in await bob.news() if name == "notification:new"]
    assert [one["title"] for one in heard] == ["user-456 deleted b.txt"]
    # What it names can be restored.
    assert (await restore(bob, heard[0]["about"]["deletionId"]))["filePath"] == "b.txt"


async def test_what_has_the_name_meanwhile_stays(connect: Connect) -> None:
    client, _ = await two(connect)
    deletion_id = (await delete(client, "src"))["deletionId"]
    await written(client, APP, "another")
    assert (await restore(client, deletion_id))["error"]["code"] == "VERSION_CONFLICT"
    assert (await restore(client, deletion_id, newPath=f"{APP}/x"))["error"]["code"] == (
        "INVALID_FILE_PATH"
    )
    answer = await restore(client, deletion_id, newPath="old")
    assert (answer["filePath"], answer["count"]) == ("old", 2)
    assert await paths(client) == [
        "old/components/App.jsx",
        "old/components/TodoList.jsx",
        APP,
    ]
    assert await content(client, APP) == "another"


async def test_all_ways_of_deleting_lead_to_the_bin(connect: Connect) -> None:
    client, _ = await two(connect)
    file = {"path": APP, "action": "deleted"}
    await client.ask("file:change", {**PROJECT, "file": file})
    await written(client, "new", "wins")
    move = {**PROJECT, "filePath": "new", "newPath": LIST, "overwrite": True}
    assert (await client.ask("file:move", move))["ok"]
    assert [one["path"] for one in await in_bin(client)] == [LIST, APP]
    page = await client.ask("bin:list", {**PROJECT, "limit": 1})
    following = await client.ask("bin:list", {**PROJECT, "limit": 1, "after": page["next"]})
    assert [one["path"] for one in following["deletions"]] == [APP]
    assert "next" not in following


async def test_locks_and_roles_keep_files(connect: Connect) -> None:
    client, other = await two(connect)
    lock = (await other.ask("file:lock", {**PROJECT, "filePath": APP}))["lock"]
    for path in (APP, "src"):
        assert (await delete(client, path))["error"]["code"] == "FILE_LOCKED"
    assert (await delete(other, APP, lockToken=lock["token"] - 1))["error"]["code"] == "FILE_LOCKED"
    assert (await delete(other, APP, lockToken=lock["token"]))["ok"]
    [deleted] = await in_bin(client)
    assert (await restore(client, deleted["id"]))["error"]["code"] == "FILE_LOCKED"
    stranger = await connect()
    project = (await stranger.ask("project:create", {"name": "P", "userId": "eve"}))["project"]
    # Of another project it is not there.
    payload = {"projectId": project["id"], "deletionId": deleted["id"]}
    assert (await stranger.ask("bin:restore", payload))["error"]["code"] == "NOT_FOUND"


async def test_the_oldest_give_way(
    connect: Connect, application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bins, "MAX_DELETIONS", 2)
    client, _ = await two(connect)
    await delete(client, "src")
    for name in "abc":
        await written(client, name, f"content of {name}")
        await delete(client, name)
    assert [one["path"] for one in await in_bin(client)] == ["c", "b"]
    monkeypatch.setattr(project_files, "MAX_SIZE", 15)
    await written(client, "d", "ddddd")
    await delete(client, "d")
    assert [one["path"] for one in await in_bin(client)] == ["d"]
    await application.database.run(
        lambda c: c.execute("UPDATE bins SET deleted_at = '2020-01-01T00:00:00.000Z'")
    )
    assert await in_bin(client) == []
    await written(client, "e", "e")
    await delete(client, "e")
    await application.housekeeping.tidy(datetime.now(UTC))

    def left(connection: Any) -> tuple[int, int]:
        while leftovers.are_there(connection):
            leftovers.delete_some(connection)
        nobodys = (
            "SELECT count(*) FROM contents WHERE hash NOT IN "
            "(SELECT hash FROM tree_files UNION SELECT hash FROM saves)"
        )
        count = "SELECT count(*) FROM bins"
        return connection.execute(count).fetchone()[0], connection.execute(nobodys).fetchone()[0]

    assert await application.database.run(left) == (1, 0)
    await client.ask("project:delete", PROJECT)
    assert await application.database.run(left) == (0, 0)


async def test_the_directory_loses_and_gets_the_files(tmp_path: Path) -> None:
    directory = tmp_path / "work"
    (directory / "src").mkdir(parents=True)
    (directory / "src" / "a.txt").write_text("a")
    (directory / "src" / ".secret").write_text("kept")
    async with (
        running(tmp_path / "data", workspace=directory, event_rate=0) as application,
        connected(application.port) as client,
    ):
        project = {"projectId": "workspace"}
        await client.ask("project:join", {**project, "userId": "ada"})
        answer = await client.ask("file:delete", {**project, "filePath": "src"})
        assert answer["count"] == 1
        assert [one.name for one in (directory / "src").iterdir()] == [".secret"]
        back = {**project, "deletionId": answer["deletionId"], "newPath": "lib"}
        assert (await client.ask("bin:restore", back))["ok"]
        assert (directory / "lib" / "a.txt").read_text() == "a"


async def test_a_deleted_folder_leaves_no_document(
    connect: Connect, application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are put aside some at a time; whoever creates such a file has a document of it alone."""
    monkeypatch.setattr(journals, "PUT_ASIDE", 1)
    client = await connect()
    await client.ask("project:join", {**PROJECT, "userId": "user-456"})
    epochs = {}
    for path in ("docs/a", "docs/b", "docs/c", "docs-b"):
        new = {"path": path, "action": "created", "content": path}
        assert (await client.ask("file:change", {**PROJECT, "file": new}))["ok"]
        epochs[path] = (await client.ask("file:open", {**PROJECT, "filePath": path}))["epoch"]
    assert (await delete(client, "docs"))["ok"]
    left = await application.database.run(
        lambda c: c.execute(
            "SELECT path FROM documents d JOIN projects p ON p.documents = d.space"
        ).fetchall()
    )
    assert [path for (path,) in left] == ["docs-b"]
    new = {"path": "docs/b", "action": "created", "content": "other"}
    assert (await client.ask("file:change", {**PROJECT, "file": new}))["ok"]
    there = await client.ask("file:open", {**PROJECT, "filePath": "docs/b"})
    assert there["content"] == "other"
    assert there["epoch"] not in epochs.values()

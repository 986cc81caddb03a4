"""Files and folders get another path, or a copy.

Invariants:
- A move is done as a whole or not at all, and everybody hears of it once.
- Locks, open documents and what is typed into them go with the files.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from server.application import Application
from tests.server.company import two
from tests.server.conftest import Connect
from tests.server.documents.editors import content, joined, written
from tests.server.running import running
from tests.server.wire import Client, connected

PROJECT = {"projectId": "project-123"}
APP = "src/components/App.jsx"
LIST = "src/components/TodoList.jsx"


async def move(client: Client, source: str, target: str, **more: Any) -> Any:
    payload = {**PROJECT, "filePath": source, "newPath": target, **more}
    return await client.ask("file:move", payload)


async def copy(client: Client, source: str, target: str) -> Any:
    return await client.ask("file:copy", {**PROJECT, "filePath": source, "newPath": target})


async def paths(client: Client) -> list[str]:
    listed = await client.ask("file:list", PROJECT)
    return [file["path"] for file in listed["files"]]


async def test_a_file_is_moved(connect: Connect) -> None:
    client, other = await two(connect)
    before = (await client.ask("file:read", {**PROJECT, "filePath": APP}))["file"]
    answer = await move(client, "./src//components/App.jsx", "lib/Main.jsx")
    file = {**before, "path": "lib/Main.jsx", "name": "Main.jsx"}
    moved = {"filePath": APP, "newPath": "lib/Main.jsx", "count": 1, "file": file}
    assert answer == {"ok": True, **moved}
    last = (await client.ask("file:read", {**PROJECT, "filePath": LIST}))["file"]["revision"]
    moved["revision"] = last + 1
    assert await client.news() == await other.news() == [("file:moved", moved)]
    assert await paths(client) == ["lib/Main.jsx", LIST]
    # The revision is the one that an editor has: nothing of the content has changed.
    change = {"path": "lib/Main.jsx", "action": "updated", "content": "new"}
    based = {**change, "baseRevision": before["revision"]}
    assert (await client.ask("file:change", {**PROJECT, "file": based}))["ok"]


async def test_whoever_asks_for_it_where_it_was_is_told_where_it_is(connect: Connect) -> None:
    client, _ = await two(connect)

    async def refused(path: str, event: str = "file:read", **more: Any) -> Any:
        answer = await client.ask(event, {**PROJECT, "filePath": path, **more})
        assert answer["error"]["code"] == "NOT_FOUND"
        return answer["error"]

    assert (await move(client, APP, "lib/Main.jsx"))["ok"]
    assert (await move(client, "lib", "app/lib"))["ok"]
    error = await refused(APP)
    assert error == {
        "code": "NOT_FOUND",
        "message": f"file {APP!r}: the project has no such file, it is 'app/lib/Main.jsx' now",
        "details": {"movedTo": "app/lib/Main.jsx"},
    }
    for event in ("file:open", "file:download"):
        assert (await refused(APP, event))["details"] == error["details"]
    change = {"path": "lib/Main.jsx", "action": "updated", "content": "x"}
    answer = await client.ask("file:change", {**PROJECT, "file": change})
    assert answer["error"]["details"] == error["details"]
    places = {APP: "app/lib/Main.jsx", "lib": "app/lib"}
    for path, place in places.items():
        for event in ("file:move", "file:copy", "file:delete", "download:create"):
            more = {"newPath": "other"} if event in ("file:move", "file:copy") else {}
            assert await refused(path, event, **more) == {
                "code": "NOT_FOUND",
                "message": f"path {path!r}: the project has nothing there, it is {place!r} now",
                "details": {"movedTo": place},
            }
    # Only its own members learn where it is.
    stranger = await connect()
    await stranger.ask("user:join", {"userId": "user-999"})
    made = await client.ask("project:create", {"name": "Own"})
    own = {"projectId": made["project"]["id"]}
    file = {"path": "a", "action": "created", "content": ""}
    assert (await client.ask("file:change", {**own, "file": file}))["ok"]
    assert (await client.ask("file:move", {**own, "filePath": "a", "newPath": "b"}))["ok"]
    hidden = (await stranger.ask("file:read", {**own, "filePath": "a"}))["error"]
    assert (hidden["code"], "details" in hidden) == ("NOT_FOUND", False)
    # It is gone there as well.
    await client.ask("file:delete", {**PROJECT, "filePath": "app/lib/Main.jsx"})
    for event, more in (("file:read", {}), ("file:move", {"newPath": "other"})):
        assert "details" not in await refused(APP, event, **more)


async def test_a_folder_is_moved_as_one(connect: Connect) -> None:
    client, other = await two(connect)
    last = await written(client, "src/components-2.txt", "beside")
    await other.news()
    answer = await move(client, "src/components", "Src/parts")
    moved = {"filePath": "src/components", "newPath": "Src/parts", "count": 2}
    assert answer == {"ok": True, **moved}
    moved["revision"] = last["revision"] + 1
    assert await other.news() == [("file:moved", moved)]
    assert await paths(client) == [
        "Src/parts/App.jsx",
        "Src/parts/TodoList.jsx",
        "src/components-2.txt",
    ]
    assert "App" in await content(client, "Src/parts/App.jsx")


@pytest.mark.parametrize(
    ("source", "target", "code"),
    [
        (APP, LIST, "VERSION_CONFLICT"),
        (APP, APP, "INVALID_FILE_PATH"),
        (APP, f"{APP}/App.jsx", "INVALID_FILE_PATH"),
        (APP, f"{LIST}/App.jsx", "INVALID_FILE_PATH"),
        (APP, "src/components", "VERSION_CONFLICT"),
        (APP, "src", "VERSION_CONFLICT"),
        (APP, "../App.jsx", "INVALID_FILE_PATH"),
        ("gone", "new", "NOT_FOUND"),
        ("src", "src/inner", "INVALID_FILE_PATH"),
        ("src", "src", "INVALID_FILE_PATH"),
        ("src", "a.txt", "VERSION_CONFLICT"),
        ("src", "a.txt/src", "INVALID_FILE_PATH"),
        ("src", "b", "VERSION_CONFLICT"),
        ("src/components", "src", "VERSION_CONFLICT"),
        ("src/components", "/".join(["x" * 254] * 4), "INVALID_FILE_PATH"),
    ],
)
async def test_what_cannot_be_moved_stays(
    connect: Connect, source: str, target: str, code: str
) -> None:
    client, other = await two(connect)
    await written(client, "a.txt", "a")
    await written(client, "b/b.txt", "b")
    before = await paths(client)
    await other.news()
    for event in ("file:move", "file:copy"):
        payload = {**PROJECT, "filePath": source, "newPath": target}
        answer = await client.ask(event, payload)
        assert answer["error"]["code"] == code, (event, answer)
    assert await paths(client) == before
    assert await other.news() == []


async def test_a_file_gives_way_only_if_that_is_asked_for(connect: Connect) -> None:
    client, other = await two(connect)
    editor = await joined(other, "user-789", LIST)
    await editor.open()
    answer = await move(client, APP, LIST, overwrite=True)
    assert (answer["ok"], answer["count"]) == (True, 1)
    assert await paths(client) == [LIST]
    assert "function App" in await content(client, LIST)
    # Whoever had the other one open has it no more.
    assert (await editor.edit([1]))["error"]["code"] == "VERSION_CONFLICT"
    assert (await move(client, LIST, "src", overwrite=True))["error"]["code"] == "VERSION_CONFLICT"


async def test_a_viewer_moves_nothing(connect: Connect) -> None:
    owner, viewer = await connect(), await connect()
    project = (await owner.ask("project:create", {"name": "P", "userId": "ada"}))["project"]["id"]
    await viewer.ask("user:join", {"userId": "bob"})
    payload = {"projectId": project, "filePath": "a", "newPath": "b"}
    assert (await viewer.ask("file:move", payload))["error"]["code"] == "NOT_FOUND"
    await owner.ask("project:share", {"projectId": project, "userId": "bob", "role": "viewer"})
    for event in ("file:move", "file:copy"):
        assert (await viewer.ask(event, payload))["error"]["code"] == "FORBIDDEN"


async def test_locks_go_with_the_files_and_keep_others_out(connect: Connect) -> None:
    client, other = await two(connect)
    lock = (await client.ask("file:lock", {**PROJECT, "filePath": APP}))["lock"]
    await other.ask("file:lock", {**PROJECT, "filePath": LIST, "lockType": "shared"})
    # Whoever holds a lock keeps others from moving the file, its folder, and from its place.
    for source, target, more in (
        (LIST, "x", {}),
        ("src", "x", {}),
        (APP, LIST, {"overwrite": True}),
    ):
        assert (await move(client, source, target, **more))["error"]["code"] == "FILE_LOCKED"
    await other.ask("file:unlock", {**PROJECT, "filePath": LIST})
    stale = await move(client, APP, "x", lockToken=lock["token"] - 1)
    assert stale["error"]["code"] == "FILE_LOCKED"
    assert (await move(client, APP, "a.jsx", lockToken=lock["token"]))["ok"]
    locks = (await other.ask("file:locks", PROJECT))["locks"]
    assert locks == [{**lock, "filePath": "a.jsx"}]
    assert (await other.ask("file:lock", {**PROJECT, "filePath": "a.jsx"}))["error"]["code"] == (
        "FILE_LOCKED"
    )
    assert (await other.ask("file:lock", {**PROJECT, "filePath": APP}))["ok"]
    change = {"path": "a.jsx", "action": "updated", "content": "new"}
    answer = await client.ask(
        "file:change", {**PROJECT, "file": change, "lockToken": lock["token"]}
    )
    assert answer["ok"]


@pytest.mark.parametrize("moved", [APP, "src"])
async def test_who_types_goes_on_under_the_new_path(connect: Connect, moved: str) -> None:
    client, other = await two(connect)
    editor = await joined(other, "user-789")
    await editor.open()
    text = await content(client, APP)
    assert (await editor.edit([[0, "one"], len(text)]))["ok"]
    await editor.heard()
    answer = await move(client, moved, "lib")
    assert answer["ok"]
    # What was under way has the old path: it is to be sent again, and is not taken twice.
    late = await editor.edit([3, [0, " two"], len(text)])
    assert late["error"]["code"] == "VERSION_CONFLICT"
    await other.hear("file:moved")
    editor.path = "lib" if moved == APP else "lib/components/App.jsx"
    again = await editor.open(
        since={"epoch": editor.epoch, "version": editor.version}, author=editor.author
    )
    assert (again["updates"], again["number"]) == ([], 1)
    assert (await editor.again([3, [0, " two"], len(text)]))["ok"]
    await editor.heard()
    assert await content(client, editor.path) == f"one two{text}"


async def test_who_was_away_finds_the_file_where_it_is(connect: Connect) -> None:
    client, other = await two(connect)
    editor = await joined(other, "user-789")
    text = (await editor.open())["content"]
    await editor.edit([[0, "one"], len(text)])
    await editor.heard()
    since = {"epoch": editor.epoch, "version": 0}
    await other.ask("project:leave", PROJECT)
    await move(client, "src", "lib")
    # Something else is there by now.
    await written(client, APP, "another")
    await other.ask("project:join", PROJECT)
    answer = await editor.open(since=since, author=editor.author)
    assert (answer["filePath"], answer["number"]) == ("lib/components/App.jsx", 1)
    assert [update["change"] for update in answer["updates"]] == [[[0, "one"], len(text)]]
    assert (await editor.edit([3, [0, "!"], len(text)]))["error"]["code"] == "VERSION_CONFLICT"
    editor.path = answer["filePath"]
    assert (await editor.again([3, [0, "!"], len(text)]))["ok"]


async def test_what_is_not_saved_is_saved_under_the_new_path(
    connect: Connect, application: Application
) -> None:
    client, other = await two(connect)
    editor = await joined(other, "user-789")
    length = len((await editor.open())["content"])
    await editor.edit([[0, "typed"], length])
    await move(client, APP, "a.jsx")
    assert application.saver.unsaved("project-123") == [("project-123", "a.jsx")]
    assert (await content(client, "a.jsx")).startswith("typed")
    await editor.client.ask("file:close", {**PROJECT, "filePath": "a.jsx"})
    assert application.documents.of_project("project-123") == []


async def test_files_and_folders_are_copied(connect: Connect) -> None:
    client, other = await two(connect)
    editor = await joined(other, "user-789")
    length = len((await editor.open())["content"])
    await editor.edit([[0, "typed"], length])
    await client.news()
    await other.news()
    answer = await copy(client, APP, "App (copy).jsx")
    assert (answer["count"], answer["file"]["updatedBy"]) == (1, "user-456")
    assert (await content(client, "App (copy).jsx")).startswith("typed")
    for one in (client, other):
        assert ("file:created", {"file": answer["file"]}) in await one.news()
    answer = await copy(client, "src", "lib/src")
    assert answer == {"ok": True, "filePath": "src", "newPath": "lib/src", "count": 2}
    created = [data["file"] for name, data in await other.news() if name == "file:created"]
    assert [file["path"] for file in created] == [
        "lib/src/components/App.jsx",
        "lib/src/components/TodoList.jsx",
    ]
    listed = (await client.ask("file:list", PROJECT))["files"]
    assert [file for file in listed if file["path"].startswith("lib")] == created
    assert len(listed) == 5


async def test_the_directory_moves_and_copies_as_well(tmp_path: Path) -> None:
    directory = tmp_path / "work"
    (directory / "src" / "inner").mkdir(parents=True)
    (directory / "src" / "inner" / "a.txt").write_text("a")
    (directory / "src" / "b.txt").write_text("b")
    # A program's own, which clients never see.
    (directory / "src" / ".secret").write_text("kept")
    (directory / "taken").mkdir()
    (directory / "taken" / ".secret").write_text("kept")
    async with (
        running(tmp_path / "data", workspace=directory, event_rate=0) as application,
        connected(application.port) as client,
    ):
        project = {"projectId": "workspace"}

        async def ask(event: str, source: str, target: str) -> Any:
            return await client.ask(event, {**project, "filePath": source, "newPath": target})

        await client.ask("project:join", {**project, "userId": "ada"})
        assert (await ask("file:move", "src/b.txt", "new/folder/B.txt"))["ok"]
        assert (directory / "new" / "folder" / "B.txt").read_text() == "b"
        assert (await ask("file:move", "src", "lib"))["ok"]
        assert (directory / "lib" / "inner" / "a.txt").read_text() == "a"
        assert (directory / "lib" / ".secret").read_text() == "kept"
        assert not (directory / "src").exists()
        assert (await ask("file:copy", "lib", "copy"))["count"] == 1
        assert (await ask("file:copy", "new/folder/B.txt", "c.txt"))["ok"]
        assert (directory / "copy" / "inner" / "a.txt").read_text() == "a"
        assert (directory / "c.txt").read_text() == "b"
        # The project knows nothing of the folder, which has no file for it.
        answer = await ask("file:move", "lib", "taken")
        assert answer["error"]["code"] == "STORAGE_ERROR"
        assert "Directory not empty" in answer["error"]["message"]
        answer = await ask("file:move", "lib", ".git")
        assert answer["error"]["code"] == "INVALID_FILE_PATH"
        listed = (await client.ask("file:list", project))["files"]
        assert [file["path"] for file in listed] == [
            "c.txt",
            "copy/inner/a.txt",
            "lib/inner/a.txt",
            "new/folder/B.txt",
        ]

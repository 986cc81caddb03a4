"""A directory mirrored as a project.

Invariant: once both sides are at rest, the project's files are the directory's texts; what a
client's acknowledged change says is in the directory.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from server.application import Application
from server.store import project_files
from server.store.engine import StoreError
from server.workspace import mirrored_files, mirrored_project, workspace
from server.workspace.directory_tree import Tree
from server.workspace.mirrored_project import PROJECT_ID
from server.workspace.workspace import Workspace
from tests.server.gate import closed_gate
from tests.server.running import make, running
from tests.server.wire import Client, connected
from tests.server.workspace.asking import PROJECT, change, files, heard, mirror_of
from tests.waiting import PATIENCE, until

PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\xff"


async def test_the_directory_is_a_project(client: Client, directory: Path) -> None:
    projects = (await client.ask("project:list"))["projects"]
    assert [(one["id"], one["name"]) for one in projects if one["id"] == PROJECT_ID] == [
        ("workspace", "shop")
    ]
    assert await files(client) == {"README.md": "# Shop\n", "src/main.py": "print('tea')\n"}
    assert (await client.ask("project:delete", PROJECT))["error"]["code"] == "FORBIDDEN"


async def test_what_another_program_changes_is_heard(client: Client, directory: Path) -> None:
    (directory / "README.md").write_text("# Tea\n")
    [data] = await heard(client, ("file:updated", "README.md"))
    assert (data["content"], data["file"]["updatedBy"]) == ("# Tea\n", "workspace")
    (directory / "docs" / "deep").mkdir(parents=True)
    (directory / "docs" / "deep" / "a.md").write_text("a")
    await heard(client, ("file:created", "docs/deep/a.md"))
    os.rename(directory / "docs", directory / "texts")
    await heard(client, ("file:deleted", "docs/deep/a.md"), ("file:created", "texts/deep/a.md"))
    shutil.rmtree(directory / "texts")
    [data] = await heard(client, ("file:deleted", "texts/deep/a.md"))
    made_before = (await client.ask("file:list", PROJECT))["files"]
    assert data["revision"] > max(file["revision"] for file in made_before)
    # An editor that writes a new file and puts it in the old one's place.
    (directory / "README.md.tmp~").write_text("# Coffee\n")
    os.replace(directory / "README.md.tmp~", directory / "README.md")
    await heard(client, ("file:updated", "README.md"))
    (directory / "src" / "main.py").write_bytes(b"\x00no text any more")
    [data] = await heard(client, ("file:updated", "src/main.py"))
    assert data["file"]["mediaType"] == "application/octet-stream"
    (directory / ".git" / "config").write_text("[more]\n")
    (directory / "logo.png").write_bytes(PNG)
    [data] = await heard(client, ("file:updated", "logo.png"))
    assert (data["file"]["mediaType"], data.get("content")) == ("image/png", None)
    asked = {**PROJECT, "filePath": "logo.png"}
    assert (await client.ask_for_data("file:download", asked))[1] == PNG
    with open(directory / "src" / "large.bin", "wb") as file:
        file.truncate(5_000_001)
    (directory / "last").write_text("")
    await heard(client, ("file:created", "last"))
    assert await files(client) == {"README.md": "# Coffee\n", "last": ""}


async def test_bytes_are_in_the_directory(client: Client, directory: Path) -> None:
    for data, more in ((PNG, {}), (PNG + b"\xfe", {"overwrite": True})):
        payload = {**PROJECT, "filePath": "pictures/a.png", **more}
        assert (await client.ask_with("file:upload", payload, data))["ok"]
        assert (directory / "pictures" / "a.png").read_bytes() == data
    version = (await client.ask("version:create", PROJECT))["version"]
    moving = {**PROJECT, "filePath": "pictures/a.png", "newPath": "b.png"}
    assert (await client.ask("file:copy", moving))["ok"]
    assert (directory / "b.png").read_bytes() == PNG + b"\xfe"
    for path in ("b.png", "pictures/a.png"):
        deleted = await client.ask("file:delete", {**PROJECT, "filePath": path})
        assert not (directory / path).exists()
    undone = {**PROJECT, "deletionId": deleted["deletionId"], "newPath": "c.png"}
    assert (await client.ask("bin:restore", undone))["ok"]
    assert (directory / "c.png").read_bytes() == PNG + b"\xfe"
    back = {**PROJECT, "versionId": version["id"]}
    assert (await client.ask("version:restore", back))["ok"]
    assert (directory / "pictures" / "a.png").read_bytes() == PNG + b"\xfe"
    assert not (directory / "c.png").exists()
    # What is no text any more, or is one now, is what the directory has.
    text = {**PROJECT, "filePath": "pictures/a.png", "overwrite": True}
    assert (await client.ask_with("file:upload", text, b"text"))["ok"]
    assert (directory / "pictures" / "a.png").read_bytes() == b"text"


async def test_what_a_client_changes_is_in_the_directory(client: Client, directory: Path) -> None:
    assert (await client.ask("file:change", change("new/a.txt", "created", content="one")))["ok"]
    assert (directory / "new" / "a.txt").read_text() == "one"
    assert (await client.ask("file:change", change("new/a.txt", "updated", content="two")))["ok"]
    assert (directory / "new" / "a.txt").read_text() == "two"
    # News without a content writes none.
    (directory / "src" / "main.py").chmod(0o755)
    assert (await client.ask("file:change", change("src/main.py", "updated")))["ok"]
    assert (directory / "src" / "main.py").read_text() == "print('tea')\n"
    assert (await client.ask("file:change", change("new/a.txt", "deleted")))["ok"]
    assert not (directory / "new" / "a.txt").exists()
    assert (await client.ask("file:change", change("empty", "created")))["ok"]
    assert (directory / "empty").read_text() == ""


async def test_its_own_changes_do_not_come_back(client: Client, directory: Path) -> None:
    for number in range(30):
        content = f"{number}" * 1000
        action = "updated" if number else "created"
        answer = await client.ask("file:change", change("busy.txt", action, content=content))
        assert answer["ok"]
    # When this is heard, everything before it has been looked at.
    (directory / "sentinel").write_text("")
    await heard(client, ("file:created", "sentinel"))
    assert (await files(client))["busy.txt"] == (directory / "busy.txt").read_text() == content


async def test_what_a_kill_left_half_written_is_deleted_at_the_start(
    tmp_path: Path, directory: Path
) -> None:
    left = directory / "src" / ".new-0123456789abcdef"
    left.write_text("half")
    async with running(tmp_path / "data", workspace=directory):
        assert not left.exists()


async def test_a_repository_without_a_work_tree_is_no_workspace(
    tmp_path: Path, directory: Path
) -> None:
    (directory / "HEAD").write_text("ref: refs/heads/main\n")
    with pytest.raises(StoreError, match="is a git repository without a work tree"):
        await make(tmp_path / "data", workspace=directory).start()


async def test_a_change_that_cannot_be_written_is_undone(client: Client, directory: Path) -> None:
    (directory / "outside").symlink_to(directory.parent)
    error = (await client.ask("file:change", change("outside/a", "created", content="x")))["error"]
    assert error == {
        "code": "STORAGE_ERROR",
        "message": "file 'outside/a' cannot be written to the workspace: Not a directory",
    }
    assert not (directory.parent / "a").exists()
    # What is not mirrored is in the way, which the project cannot know.
    for path in ("link",):
        error = (await client.ask("file:change", change(path, "created", content="x")))["error"]
        assert error["message"].endswith(": File exists")
    assert (directory / ".git").is_dir()
    assert (directory / "logo.png").read_bytes() == b"\x89PNG\x00\xff"
    assert (directory / "link").is_symlink()
    assert sorted(await files(client)) == ["README.md", "src/main.py"]


async def test_what_changed_while_the_server_was_off_is_taken_over(
    tmp_path: Path, directory: Path
) -> None:
    async with running(tmp_path / "data", workspace=directory):
        pass
    (directory / "README.md").unlink()
    (directory / "src" / "main.py").write_text("new")
    async with (
        running(tmp_path / "data", workspace=directory) as application,
        connected(application.port) as client,
    ):
        assert await files(client) == {"src/main.py": "new"}


async def test_a_directory_that_is_gone_empties_nothing(
    application: Application, client: Client, directory: Path, caplog: pytest.LogCaptureFixture
) -> None:
    os.rename(directory, directory.with_name("elsewhere"))
    # As if its disappearance had been told already.
    await mirror_of(application)._take_over(Tree(directory), [""])
    assert f"the workspace {directory} is gone; its project stays as it was" in caplog.text
    assert sorted(await files(client)) == ["README.md", "src/main.py"]


async def test_a_workspace_must_be_a_directory_of_a_sane_size(
    tmp_path: Path, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere = make(tmp_path / "data", workspace=tmp_path / "nowhere")
    with pytest.raises(StoreError, match=r"WORKSPACE: .*nowhere' is no directory"):
        await nowhere.start()
    monkeypatch.setattr(project_files, "MAX_FILES", 1)
    large = make(tmp_path / "data", workspace=directory)
    with pytest.raises(StoreError, match="more than 1 files"):
        await large.start()


async def test_a_failure_to_take_over_is_made_up_for(
    client: Client,
    directory: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    original = Workspace._take_over
    failures = [RuntimeError("first"), RuntimeError("second")]

    async def fails_twice(self: Workspace, *arguments: Any) -> None:
        if failures:
            raise failures.pop()
        await original(self, *arguments)

    monkeypatch.setattr("server.workspace.workspace._RETRY_SECONDS", 0.01)
    monkeypatch.setattr(Workspace, "_take_over", fails_twice)
    (directory / "a").write_text("missed")
    await heard(client, ("file:created", "a"))
    assert caplog.text.count("the workspace is not mirrored; trying again") == 2


async def test_watching_begins_again_after_a_failure(
    client: Client,
    directory: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    original = mirrored_files.changed_paths
    failures = [RuntimeError("once")]

    def fails_once(*arguments: Any) -> list[str]:
        if failures:
            raise failures.pop()
        return original(*arguments)

    monkeypatch.setattr(workspace, "_RETRY_SECONDS", 0.01)
    monkeypatch.setattr(mirrored_project, "changed_paths", fails_once)
    (directory / "a").write_text("missed")
    await heard(client, ("file:created", "a"))
    assert caplog.text.count("watching the workspace failed; trying again") == 1
    (directory / "b").write_text("seen")
    await heard(client, ("file:created", "b"))


async def test_who_saves_while_much_is_taken_over_waits_for_a_part_of_it(
    application: Application, client: Client, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workspace, "_AT_ONCE", 5)
    monkeypatch.setattr(mirrored_project, "TOLD_AT_ONCE", 2)
    order: list[str] = []
    original = Workspace._reconcile
    begun = asyncio.Event()

    async def reconcile(self: Workspace, tree: Tree, paths: list[str]) -> int:
        begun.set()
        done = await original(self, tree, paths)
        order.append("part")
        return done

    monkeypatch.setattr(Workspace, "_reconcile", reconcile)
    names = [f"{number:02}.txt" for number in range(50)]
    for number, name in enumerate(names):
        (directory / name).write_text(f"{number}")
    taking = asyncio.create_task(mirror_of(application)._surely_take_over(Tree(directory), [""]))
    await begun.wait()
    async with application.workspace.changing(PROJECT_ID, names, "ada"):
        order.append("client")
    await taking
    assert order.index("client") < 3
    assert len(order) > 10
    assert (await files(client))["49.txt"] == "49"


async def test_two_parts_are_taken_over_at_once_and_one_that_fails_again(
    application: Application,
    client: Client,
    directory: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(workspace, "_AT_ONCE", 2)
    monkeypatch.setattr(workspace, "_RETRY_SECONDS", 0.01)
    original = Workspace._reconcile
    both = asyncio.Barrier(2)
    failures = [RuntimeError("once")]

    async def reconcile(self: Workspace, tree: Tree, paths: list[str]) -> int:
        if failures:
            async with asyncio.timeout(PATIENCE):
                await both.wait()
            if failures:
                raise failures.pop()
        return await original(self, tree, paths)

    surely_take_over = Workspace._surely_take_over
    # Not what the watcher hears.
    monkeypatch.setattr(Workspace, "_surely_take_over", lambda *_: asyncio.sleep(0))
    monkeypatch.setattr(Workspace, "_reconcile", reconcile)
    for name in "abcdef":
        (directory / name).write_text(name)
    await surely_take_over(mirror_of(application), Tree(directory), [*"abcdef"])
    found = await files(client)
    assert {name: found[name] for name in "abcdef"} == {name: name for name in "abcdef"}
    assert caplog.text.count("the workspace is not mirrored; trying again") == 1


@pytest.mark.parametrize("looked_up", [100, 0])
async def test_the_files_that_are_meant(
    application: Application, monkeypatch: pytest.MonkeyPatch, looked_up: int
) -> None:
    monkeypatch.setattr(project_files, "_MOST_LOOKED_UP", looked_up)
    every = ["README.md", "latin.txt", "logo.png", "src/main.py"]
    paths = application.store.files.paths
    assert await paths(PROJECT_ID, [""]) == every
    for among, found in (
        (["src", "src/main.py", "gone"], ["src/main.py"]),
        (["README.md", "src", "sr"], ["README.md", "src/main.py"]),
        (["caf\udce9"], []),
    ):
        assert await paths(PROJECT_ID, among) == (found if looked_up else every)


async def test_who_saves_another_file_does_not_wait(
    application: Application, client: Client, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = Workspace._reconcile
    begun, free = asyncio.Event(), asyncio.Event()

    async def reconcile(self: Workspace, tree: Tree, paths: list[str]) -> int:
        begun.set()
        await free.wait()
        return await original(self, tree, paths)

    monkeypatch.setattr(Workspace, "_reconcile", reconcile)
    (directory / "README.md").write_text("rewritten")
    await asyncio.wait_for(begun.wait(), PATIENCE)
    saved = await client.ask("file:change", change("src/main.py", "updated", content="saved"))
    assert saved["ok"]
    free.set()
    await heard(client, ("file:updated", "README.md"))
    assert await files(client) == {"README.md": "rewritten", "src/main.py": "saved"}


async def test_many_saves_of_a_user_keep_nobody_waiting_for_long(application: Application) -> None:
    """Sixteen connections of one user that saved a file made another user's save of it wait for
    all of theirs.
    """
    users = [*["user-456"] * 6, "user-789"]
    turns = mirror_of(application)._turns
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(connected(application.port)) for _ in users]
        for one, user in zip(clients, users, strict=True):
            await one.ask("project:join", {**PROJECT, "userId": user})
        gate, passed = await closed_gate(application.database)
        saves = []
        for number, one in enumerate(clients, start=1):
            file = {"path": "README.md", "action": "updated", "content": f"{number}"}
            asking = one.ask("file:change", {**PROJECT, "file": file})
            saves.append(asyncio.create_task(asking))
            await until(lambda number=number: len(turns) == number)  # type: ignore[misc]
        gate.opened.set()
        await passed
        revisions = [(await save)["file"]["revision"] for save in saves]
    # The other user's save is the second one; those of the one user keep their order.
    assert sorted(revisions).index(revisions[-1]) == 1
    assert revisions[:-1] == sorted(revisions[:-1])

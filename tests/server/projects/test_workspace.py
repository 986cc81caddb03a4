"""A directory mirrored as a project.

Invariant: once both sides are at rest, the project's files are the directory's texts; what a
client's acknowledged change says is in the directory.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from server.application import Application
from server.projects import unwritten, workspace
from server.projects.tree import Tree
from server.projects.workspace import PROJECT_ID, Workspace
from server.store import contents, trees
from server.store.engine import StoreError
from tests.server.running import make, running
from tests.server.wire import Client, connected
from tests.waiting import PATIENCE

PROJECT = {"projectId": PROJECT_ID}

PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\xff"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    directory = tmp_path / "shop"
    (directory / "src").mkdir(parents=True)
    (directory / "src" / "main.py").write_text("print('tea')\n")
    (directory / "README.md").write_text("# Shop\n")
    (directory / ".git").mkdir()
    (directory / ".git" / "config").write_text("[core]\n")
    (directory / "logo.png").write_bytes(b"\x89PNG\x00\xff")
    (directory / "latin.txt").write_bytes("é".encode("latin-1"))
    (directory / "link").symlink_to(directory / "README.md")
    return directory


@pytest.fixture
async def application(tmp_path: Path, directory: Path) -> AsyncIterator[Application]:
    async with running(tmp_path / "data", workspace=directory) as application:
        yield application


@pytest.fixture
async def client(application: Application) -> AsyncIterator[Client]:
    async with connected(application.port) as client:
        await client.ask("project:join", PROJECT)
        yield client


def change(path: str, action: str, **fields: Any) -> dict[str, Any]:
    return {**PROJECT, "file": {"path": path, "action": action, **fields}}


async def files(client: Client) -> dict[str, str]:
    """The texts of the project."""
    found = {}
    for file in (await client.ask("file:list", PROJECT))["files"]:
        if "mediaType" in file:
            continue
        answer = await client.ask("file:read", {**PROJECT, "filePath": file["path"]})
        found[file["path"]] = answer["content"]
    return found


async def heard(client: Client, *expected: tuple[str, str]) -> list[Any]:
    """Wait for these events about these paths, in any order; returns their data."""
    left = list(expected)
    found = []
    async with asyncio.timeout(PATIENCE):
        while left:
            while not client.heard:
                await client.more()
            event, data, _ = client.heard.pop(0)
            path = data.get("filePath") or data["file"]["path"]
            assert (event, path) in left, (event, path)
            left.remove((event, path))
            found.append(data)
    return found


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
    await heard(client, ("file:deleted", "texts/deep/a.md"))
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


async def test_restoring_a_version_restores_the_directory(client: Client, directory: Path) -> None:
    version = (await client.ask("version:create", PROJECT))["version"]["id"]
    await client.ask("file:change", change("README.md", "updated", content="changed"))
    await client.ask("file:change", change("src/main.py", "deleted"))
    await client.ask("file:change", change("new.txt", "created", content="new"))
    assert (await client.ask("version:restore", {**PROJECT, "versionId": version}))["ok"]
    assert (directory / "README.md").read_text() == "# Shop\n"
    assert (directory / "src" / "main.py").read_text() == "print('tea')\n"
    assert not (directory / "new.txt").exists()


async def test_a_restoration_that_cannot_be_written_is_undone(
    client: Client, directory: Path
) -> None:
    for path in ("a", "b", "c"):
        await client.ask("file:change", change(path, "created", content=path))
    version = (await client.ask("version:create", PROJECT))["version"]["id"]
    for path in ("a", "b", "c"):
        await client.ask("file:change", change(path, "deleted"))
    (directory / "b").symlink_to("README.md")
    # When this is heard, the link has been looked at and left alone.
    (directory / "sentinel").write_text("")
    await client.hear("file:created")
    error = (await client.ask("version:restore", {**PROJECT, "versionId": version}))["error"]
    assert error["message"] == "file 'b' cannot be written to the workspace: File exists"
    found = await files(client)
    assert "a" in found
    for path in ("a", "b", "c"):
        mirrored = (directory / path).is_file() and not (directory / path).is_symlink()
        assert (path in found) == mirrored
    # And everybody has heard of both: the restoration and its end.
    heard_of = [(event, data.get("filePath")) for event, data in await client.news()]
    assert ("file:deleted", "b") in heard_of


@pytest.mark.parametrize(
    "path",
    [
        *(".git/hooks/pre-commit", "a/.git", "a/node_modules/b.js", "x~", ".vscode/tasks.json"),
        *(".envrc", "docs/sub/HEAD", ".g\u200cit/config", "GIT~1/config", ".git./config"),
    ],
)
async def test_what_is_not_mirrored_stays_as_it_is(
    client: Client, directory: Path, path: str
) -> None:
    error = (await client.ask("file:change", change(path, "created", content="x")))["error"]
    assert error["code"] == "INVALID_FILE_PATH"
    assert not (directory / path).exists()


async def test_one_line_says_what_is_left_out_and_why(
    tmp_path: Path, directory: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def lines() -> list[str]:
        texts = [one.getMessage() for one in caplog.records]
        return [one for one in texts if one.startswith("the workspace leaves out")]

    caplog.set_level("INFO", "server.workspace")
    (directory / ".env").write_text("KEY=1")
    (directory / "node_modules" / "a").mkdir(parents=True)
    for number in range(7):
        (directory / f"{number}.pem").write_text("")
    (directory / "cafe\u0301.txt").write_text("1")
    (directory / "long.csv").write_bytes(b"x" * 5_000_001)
    async with running(tmp_path / "data", workspace=directory) as application:
        assert lines() == [
            "the workspace leaves out: link (a link, or no regular file); "
            "long.csv (longer than 5 MB); "
            ".git (programs run what a name such as this has, without being told to); "
            ".env, 0.pem, 1.pem, 2.pem, 3.pem and 3 more (this is named like a secret); "
            "node_modules (this is what a program keeps for itself)"
        ]
        async with connected(application.port) as client:
            await client.ask("project:join", PROJECT)
            assert "caf\xe9.txt" in await files(client)
            saved = change("caf\xe9.txt", "updated", content="2")
            assert (await client.ask("file:change", saved))["ok"]
            assert (directory / "cafe\u0301.txt").read_text() == "2"
            caplog.clear()
            (directory / "src" / "new.py").write_text("")
            await heard(client, ("file:created", "src/new.py"))
            assert lines() == []
            (directory / "logo.png").unlink()
            (directory / "src" / ".env").write_text("")
            (directory / "src" / "new.py").unlink()
            await heard(client, ("file:deleted", "src/new.py"))
            await application.workspace._take_over(Tree(directory), [""])
            # The watcher may have seen a part of it before.
            line = lines()[-1]
            assert "3.pem and 4 more (this is named like a secret)" in line
            assert "logo.png" not in line


async def test_a_refusal_says_why(client: Client) -> None:
    error = (await client.ask("file:change", change(".envrc", "created", content="x")))["error"]
    assert error["message"] == (
        "path '.envrc': this is not mirrored, because programs run what a name such as '.envrc' "
        "has, without being told to"
    )


async def test_an_old_version_brings_back_nothing_that_is_out_of_reach(
    application: Application, client: Client, directory: Path
) -> None:
    """Versions made before a name was refused may have files of that name."""
    await application.database.run(
        lambda c: contents.write(c, PROJECT_ID, ".envrc", "rm", user_id="ada", now="now")
    )
    version = (await client.ask("version:create", PROJECT))["version"]["id"]
    await client.ask("file:change", change("README.md", "deleted"))
    await application.workspace._take_over(Tree(directory), [""])
    assert ".envrc" not in await files(client)
    assert (await client.ask("version:restore", {**PROJECT, "versionId": version}))["ok"]
    assert (directory / "README.md").read_text() == "# Shop\n"
    assert not (directory / ".envrc").exists()
    assert sorted(await files(client)) == ["README.md", "src/main.py"]


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
    await application.workspace._take_over(Tree(directory), [""])
    assert f"the workspace {directory} is gone; its project stays as it was" in caplog.text
    assert sorted(await files(client)) == ["README.md", "src/main.py"]


async def test_a_workspace_must_be_a_directory_of_a_sane_size(
    tmp_path: Path, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere = make(tmp_path / "data", workspace=tmp_path / "nowhere")
    with pytest.raises(StoreError, match=r"WORKSPACE: .*nowhere' is no directory"):
        await nowhere.start()
    monkeypatch.setattr(contents, "MAX_FILES", 1)
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

    monkeypatch.setattr("server.projects.workspace._RETRY_SECONDS", 0.01)
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
    original = workspace._changed_paths
    failures = [RuntimeError("once")]

    def fails_once(*arguments: Any) -> list[str]:
        if failures:
            raise failures.pop()
        return original(*arguments)

    monkeypatch.setattr(workspace, "_RETRY_SECONDS", 0.01)
    monkeypatch.setattr(workspace, "_changed_paths", fails_once)
    (directory / "a").write_text("missed")
    await heard(client, ("file:created", "a"))
    assert caplog.text.count("watching the workspace failed; trying again") == 1
    (directory / "b").write_text("seen")
    await heard(client, ("file:created", "b"))


def test_many_changes_are_looked_up_and_not_compared_with_all_files(tmp_path: Path) -> None:
    """10,000 of each were a hundred million comparisons, while everybody waited."""
    (tmp_path / "src" / "deep").mkdir(parents=True)
    (tmp_path / "src" / "deep" / "new.txt").touch()
    known = sorted(f"src/{number}.txt" for number in range(3_000))
    steps = 0

    def step(_frame: object, event: str, _argument: object) -> None:
        nonlocal steps
        steps += event in ("call", "c_call")

    sys.setprofile(step)
    try:
        found = workspace._expanded(Tree(tmp_path), {*known, "src/gone.txt"}, known)
    finally:
        sys.setprofile(None)
    assert found == sorted([*known, "src/gone.txt"])
    assert steps < 200 * len(known)
    # A folder is all that is in it, here or there; its neighbours are not.
    tree = Tree(tmp_path)
    assert workspace._expanded(tree, {"src/deep"}, ["src/deep-er", "src/deep/old.txt"]) == [
        "src/deep",
        "src/deep/new.txt",
        "src/deep/old.txt",
    ]
    assert workspace._expanded(tree, {""}, ["a", "b"]) == ["a", "b", "src/deep/new.txt"]


async def test_who_saves_while_much_is_taken_over_waits_for_a_part_of_it(
    application: Application, client: Client, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workspace, "_AT_ONCE", 5)
    monkeypatch.setattr(workspace, "_TOLD_AT_ONCE", 2)
    order: list[str] = []
    original = Workspace._reconcile
    begun = asyncio.Event()

    async def reconcile(self: Workspace, tree: Tree, paths: list[str]) -> int:
        begun.set()
        done = await original(self, tree, paths)
        order.append("part")
        return done

    monkeypatch.setattr(Workspace, "_reconcile", reconcile)
    for number in range(50):
        (directory / f"{number:02}.txt").write_text(f"{number}")
    taking = asyncio.create_task(application.workspace._surely_take_over(Tree(directory), [""]))
    await begun.wait()
    async with application.workspace.changing(PROJECT_ID):
        order.append("client")
    await taking
    assert order.index("client") < 3
    assert len(order) > 10
    assert (await files(client))["49.txt"] == "49"


@pytest.mark.parametrize("looked_up", [100, 0])
async def test_the_files_that_are_meant(
    application: Application, monkeypatch: pytest.MonkeyPatch, looked_up: int
) -> None:
    monkeypatch.setattr(contents, "_MOST_LOOKED_UP", looked_up)
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


def test_what_is_read_at_once_has_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workspace, "_BYTES_AT_ONCE", 10)
    for name in "abc":
        (tmp_path / name).write_text("x" * 9)
    tree = Tree(tmp_path)
    assert list(workspace._contents(tree, ["a", "gone", "b", "c"])[0]) == ["a", "gone", "b"]
    assert list(workspace._contents(tree, ["c"])[0]) == ["c"]


@pytest.fixture
async def other(application: Application) -> AsyncIterator[Client]:
    async with connected(application.port) as other:
        await other.ask("project:join", {**PROJECT, "userId": "eve"})
        yield other


async def test_others_change_files_while_a_version_is_restored(
    client: Client, other: Client, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that come before the last step are in the version that is made of what was there."""
    version = (await client.ask("version:create", PROJECT))["version"]["id"]
    for number in range(24):
        await client.ask("file:change", change(f"{number}", "created", content="new"))
    await client.ask("file:change", change("README.md", "updated", content="changed"))
    monkeypatch.setattr(trees, "STEP", 2)
    restoring = asyncio.create_task(
        client.ask("version:restore", {**PROJECT, "versionId": version})
    )
    seen = 0
    while not restoring.done():
        saved = await other.ask("file:change", change("README.md", "updated", content=f"{seen}"))
        assert saved["ok"]
        seen += not restoring.done()
    restored = await restoring
    assert seen >= 1
    backup = {**PROJECT, "versionId": restored["backup"]["id"], "filePath": "README.md"}
    assert int((await client.ask("file:read", backup))["content"]) <= seen
    # It is the same in both, whichever was the last one.
    assert (await files(client))["README.md"] == (directory / "README.md").read_text()
    await other.ask("file:change", change("README.md", "updated", content="last"))
    assert (await files(client))["README.md"] == (directory / "README.md").read_text() == "last"
    assert sorted(await files(client)) == ["README.md", "src/main.py"]
    assert not (directory / "11").exists()


async def test_what_is_changed_while_a_restored_version_is_written_stays(
    application: Application,
    client: Client,
    other: Client,
    directory: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:

    async def look_later(*_: Any) -> None:
        pass

    # The watcher would wait for "a" and keep the others, if it came while that is written.
    monkeypatch.setattr(Workspace, "_surely_take_over", look_later)
    names = ("a", "b", "c", "d")
    for name in names:
        await client.ask("file:change", change(name, "created", content=f"old {name}"))
    version = (await client.ask("version:create", PROJECT))["version"]["id"]
    for name in names:
        await client.ask("file:change", change(name, "updated", content=f"new {name}"))
    monkeypatch.setattr(unwritten, "AT_ONCE", 1)
    original = Workspace.write
    begun, free = asyncio.Event(), asyncio.Event()

    async def write(self: Workspace, project_id: str, changes: Any) -> None:
        if changes[0][0].path == "a":
            begun.set()
            await free.wait()
        await original(self, project_id, changes)

    monkeypatch.setattr(Workspace, "write", write)
    restoring = asyncio.create_task(
        client.ask("version:restore", {**PROJECT, "versionId": version})
    )
    await asyncio.wait_for(begun.wait(), PATIENCE)
    try:
        # Neither a program's look at the directory, which has the newer ones, nor the restored one.
        await application.workspace._take_over(Tree(directory), ["b", "c", "d"])
        found = await files(other)
        assert [found[name] for name in names] == [f"old {name}" for name in names]
        for payload in (
            change("b", "updated", content="later"),
            change("c", "deleted"),
            change("d", "updated"),
        ):
            assert (await other.ask("file:change", payload))["ok"]
        assert not restoring.done()
    finally:
        free.set()
    assert (await restoring)["ok"]
    found = await files(other)
    assert {name: found.get(name) for name in names} == {
        "a": "old a", "b": "later", "c": None, "d": "old d",
    }  # fmt: skip
    for path, text in found.items():
        assert (directory / path).read_text() == text
    assert not (directory / "c").exists()
    assert application.workspace._restorations == []


async def test_what_is_left_of_a_restoration_that_cannot_be_written_is_undone(
    client: Client, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("a", "b", "c")
    for name in names:
        await client.ask("file:change", change(name, "created", content=name))
    version = (await client.ask("version:create", PROJECT))["version"]["id"]
    for name in names:
        await client.ask("file:change", change(name, "deleted"))
    (directory / "b").symlink_to("README.md")
    (directory / "sentinel").write_text("")
    await client.hear("file:created")
    monkeypatch.setattr(unwritten, "AT_ONCE", 1)
    error = (await client.ask("version:restore", {**PROJECT, "versionId": version}))["error"]
    assert error["message"] == "file 'b' cannot be written to the workspace: File exists"
    found = await files(client)
    assert {name for name in names if name in found} == {"a"}
    assert not (directory / "c").exists()

"""Going back to a version of a mirrored project, and what others change meanwhile.

Invariant: once both sides are at rest, the project's files are the directory's texts.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from server.application import Application
from server.store import project_files, trees
from server.workspace import unwritten
from server.workspace.directory_tree import Tree
from server.workspace.mirrored_project import PROJECT_ID
from server.workspace.workspace import Workspace
from tests.server.wire import Client
from tests.server.workspace.asking import PROJECT, change, files, mirror_of
from tests.waiting import PATIENCE


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


@pytest.mark.parametrize("at_once", [1, 100])
@pytest.mark.parametrize(
    ("deleted", "blocked"), [("lib", "lib/b"), ("lib/b/c", "lib/b/c"), ("lib/a", "lib/a")]
)
async def test_a_deletion_that_cannot_be_written_stays_in_the_bin(
    client: Client,
    directory: Path,
    monkeypatch: pytest.MonkeyPatch,
    deleted: str,
    blocked: str,
    at_once: int,
) -> None:
    monkeypatch.setattr(unwritten, "AT_ONCE", at_once)
    for path in ("lib/a", "lib/b/c", "lib/d"):
        await client.ask("file:change", change(path, "created", content=path))
    before = await files(client)
    gone = await client.ask("file:delete", {**PROJECT, "filePath": deleted})
    after = await files(client)
    in_bin = await client.ask("bin:list", PROJECT)
    if (directory / blocked).is_dir():
        (directory / blocked).rmdir()
    # A link is in the place of a file or of a folder.
    (directory / blocked).symlink_to(directory / "src")
    restore = {**PROJECT, "deletionId": gone["deletionId"]}
    error = (await client.ask("bin:restore", restore))["error"]
    assert error["code"] == "STORAGE_ERROR"
    assert error["message"].startswith(f"file {blocked if deleted != 'lib' else 'lib/b/c'!r}")
    assert error["message"].endswith(
        ": nothing was restored, and it is still in the bin. See to what is in the way, or choose "
        "a newPath, and restore it again"
    )
    # Nothing has changed on either side.
    assert await files(client) == after
    assert await client.ask("bin:list", PROJECT) == in_bin
    for path in before:
        assert (directory / path).is_file() == (path in after)
    assert [path.name for path in (directory / "src").iterdir()] == ["main.py"]
    (directory / blocked).unlink()
    assert (await client.ask("bin:restore", restore))["ok"]
    assert await files(client) == before
    assert all((directory / path).is_file() for path in before)
    assert (await client.ask("bin:list", PROJECT))["deletions"] == []


async def test_an_old_version_brings_back_nothing_that_is_out_of_reach(
    application: Application, client: Client, directory: Path
) -> None:
    """Versions made before a name was refused may have files of that name."""
    await application.database.run(
        lambda c: project_files.write(c, PROJECT_ID, ".envrc", "rm", user_id="ada", now="now")
    )
    version = (await client.ask("version:create", PROJECT))["version"]["id"]
    await client.ask("file:change", change("README.md", "deleted"))
    await mirror_of(application)._take_over(Tree(directory), [""])
    assert ".envrc" not in await files(client)
    assert (await client.ask("version:restore", {**PROJECT, "versionId": version}))["ok"]
    assert (directory / "README.md").read_text() == "# Shop\n"
    assert not (directory / ".envrc").exists()
    assert sorted(await files(client)) == ["README.md", "src/main.py"]


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
        await mirror_of(application)._take_over(Tree(directory), ["b", "c", "d"])
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
    assert mirror_of(application)._unwritten == []


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

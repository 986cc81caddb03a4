"""Folders of a mirrored project are moved, copied, deleted and restored, and others save meanwhile.

Invariants:
- Who saves elsewhere waits for nothing of that.
- Once both sides are at rest, the project's files are the directory's texts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import pytest

from server.api.services import Call
from server.application import Application
from server.projects import telling
from server.store.project_files import Change
from server.workspace import unwritten
from server.workspace.workspace import Workspace
from tests.server.wire import Client
from tests.server.workspace.asking import PROJECT, change, files, mirror_of
from tests.waiting import patient, until

FOLDER = {**PROJECT, "filePath": "lib"}


class Gate:
    """Holds who comes to it."""

    def __init__(self) -> None:
        self.reached, self.opened = asyncio.Event(), asyncio.Event()

    async def __call__(self) -> None:
        self.reached.set()
        await patient(self.opened.wait())


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Gate:
    """What holds those who tell of many files, and those who move a folder of the directory."""
    gate, texts, move = Gate(), telling._texts, Workspace.move

    async def held_texts(
        call: Call[Any], part: Sequence[Change], shown: Collection[str]
    ) -> dict[str, str]:
        await gate()
        return await texts(call, part, shown)

    async def held_move(self: Workspace, *paths: str, overwrite: bool) -> None:
        await gate()
        await move(self, *paths, overwrite=overwrite)

    monkeypatch.setattr(telling, "_texts", held_texts)
    monkeypatch.setattr(Workspace, "move", held_move)
    return gate


async def fill(client: Client) -> None:
    for name in "abc":
        await client.ask("file:change", change(f"lib/{name}", "created", content=name))


async def texts(client: Client, directory: Path) -> dict[str, str]:
    """The project's files, which are those of the directory."""
    found = await files(client)
    for path, content in found.items():
        assert (directory / path).read_text() == content
    there = {
        path.relative_to(directory).as_posix()
        for path in directory.rglob("*")
        if path.is_file() and not path.is_symlink() and path.suffix not in (".png", ".txt")
    }
    assert {path for path in there if not path.startswith(".git")} == set(found)
    return found


DEEDS = {
    "file:move": {"newPath": "new"},
    "file:copy": {"newPath": "new"},
    "file:delete": {},
}


@pytest.mark.parametrize("event", DEEDS)
async def test_who_saves_elsewhere_waits_for_nothing(
    client: Client, other: Client, directory: Path, gate: Gate, event: str
) -> None:
    await fill(client)
    task = asyncio.create_task(client.ask(event, {**FOLDER, **DEEDS[event]}))
    await patient(gate.reached.wait())
    saved = await other.ask("file:change", change("README.md", "updated", content="saved"))
    assert saved["ok"]
    assert (directory / "README.md").read_text() == "saved"
    assert not task.done()
    gate.opened.set()
    assert (await task)["ok"]
    old = {f"lib/{name}": name for name in "abc"}
    new = {f"new/{name}": name for name in "abc"}
    found = {
        "file:move": new,
        "file:copy": old | new,
        "file:delete": {},
    }[event]
    kept = {"README.md": "saved", "src/main.py": "print('tea')\n"}
    assert await texts(client, directory) == kept | found


async def test_what_comes_out_of_the_bin_is_saved_over_before_it_is_in_the_directory(
    client: Client, other: Client, directory: Path, gate: Gate
) -> None:
    await fill(client)
    gate.opened.set()
    deleted = await client.ask("file:delete", FOLDER)
    gate.opened.clear()
    gate.reached.clear()
    back = {**PROJECT, "deletionId": deleted["deletionId"]}
    task = asyncio.create_task(client.ask("bin:restore", back))
    await patient(gate.reached.wait())
    saved = await other.ask("file:change", change("lib/b", "updated", content="saved"))
    assert saved["ok"]
    assert (directory / "lib" / "b").read_text() == "saved"
    assert not (directory / "lib" / "a").exists()
    gate.opened.set()
    assert (await task)["ok"]
    found = await texts(client, directory)
    assert [found[f"lib/{name}"] for name in "abc"] == ["a", "saved", "c"]


async def test_what_is_copied_is_in_the_directory_before_it_moves_on(
    application: Application,
    client: Client,
    other: Client,
    directory: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await fill(client)
    gate, write, parts = Gate(), Workspace.write, 0

    async def held_write(self: Workspace, project_id: str, changes: Any) -> None:
        nonlocal parts
        parts += 1
        if parts == 1:
            await gate()
        await write(self, project_id, changes)

    monkeypatch.setattr(Workspace, "write", held_write)
    monkeypatch.setattr(unwritten, "AT_ONCE", 1)
    task = asyncio.create_task(client.ask("file:copy", {**FOLDER, "newPath": "new"}))
    await patient(gate.reached.wait())
    move = {**PROJECT, "filePath": "new", "newPath": "newer"}
    moving = asyncio.create_task(other.ask("file:move", move))
    await until(lambda: len(mirror_of(application)._turns) == 2)
    gate.opened.set()
    assert (await task)["ok"]
    assert (await moving)["ok"]
    found = await texts(client, directory)
    assert [path for path in found if path.startswith("new")] == [f"newer/{name}" for name in "abc"]


async def test_a_folder_may_be_saved_in_the_place_of_a_file_that_the_directory_still_has(
    client: Client, other: Client, directory: Path, gate: Gate
) -> None:
    version = (await client.ask("version:create", PROJECT))["version"]["id"]
    await client.ask("file:change", change("lib", "created", content="no folder"))
    restore = {**PROJECT, "versionId": version}
    task = asyncio.create_task(client.ask("version:restore", restore))
    await patient(gate.reached.wait())
    saved = await other.ask("file:change", change("lib/a", "created", content="a"))
    assert saved["ok"]
    gate.opened.set()
    assert (await task)["ok"]
    assert (await texts(client, directory))["lib/a"] == "a"


async def test_who_saves_into_a_folder_that_moves_waits_for_its_end(
    client: Client, other: Client, directory: Path, gate: Gate
) -> None:
    """The directory has it at one place or the other."""
    await fill(client)
    await client.emit("file:move", {**FOLDER, "newPath": "new"})
    await patient(gate.reached.wait())
    save = change("new/a", "updated", content="saved")
    task = asyncio.create_task(other.ask("file:change", save))
    gate.opened.set()
    assert (await task)["ok"]
    await client.news()
    assert (await texts(client, directory))["new/a"] == "saved"

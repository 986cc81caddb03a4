"""A file of a mirrored project comes where a folder was, or a folder where a file was.

Invariants:
- What a client has done, and was acknowledged, is in the directory.
- What somebody else has put into the directory stays.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from server.workspace import unwritten
from tests.server.wire import Client
from tests.server.workspace.asking import PROJECT, change, files

README = "# Shop\n"


def texts(directory: Path) -> dict[str, str]:
    """The texts below "lib" in the directory, or that file."""
    lib = directory / "lib"
    found = [lib] if lib.is_file() else [one for one in lib.rglob("*") if one.is_file()]
    return {one.relative_to(directory).as_posix(): one.read_text() for one in found}


async def done(client: Client, event: str, **fields: Any) -> dict[str, Any]:
    """The answer to what is not refused."""
    answer: dict[str, Any] = await client.ask(event, {**PROJECT, **fields})
    assert answer["ok"], answer
    return answer


async def fill(client: Client) -> None:
    """Make a folder with files at several depths."""
    for path in ("lib/a", "lib/deep/b", "lib/deep/deeper/c"):
        await done(client, "file:change", **change(path, "created", content=path))


async def fill_and_empty(client: Client) -> None:
    """Make that folder and delete it: the directory keeps the empty folders."""
    await fill(client)
    await done(client, "file:delete", filePath="lib")


async def bring(client: Client, deed: str) -> dict[str, Any]:
    """Bring the text of the README to "lib"; return the answer."""
    moving = {"filePath": "README.md", "newPath": "lib"}
    payload: dict[str, Any] = {
        "file:change": change("lib", "created", content=README),
        "file:upload": {"filePath": "lib", "data": README.encode()},
        "file:move": moving,
        "file:copy": moving,
        "bin:restore": {"newPath": "lib"},
    }[deed]
    if deed == "bin:restore":
        deleted = await done(client, "file:delete", filePath="README.md")
        payload["deletionId"] = deleted["deletionId"]
    answer: dict[str, Any] = await client.ask(deed, {**PROJECT, **payload})
    return answer


DEEDS = ["file:change", "file:upload", "file:move", "file:copy", "bin:restore"]


@pytest.mark.parametrize("deed", DEEDS)
async def test_a_file_comes_where_a_folder_was_emptied(
    client: Client, directory: Path, deed: str
) -> None:
    await fill_and_empty(client)
    assert (await bring(client, deed))["ok"]
    assert texts(directory) == {"lib": README}
    assert (await files(client))["lib"] == README


async def test_a_file_comes_where_a_folder_has_moved_away_file_by_file(
    client: Client, directory: Path
) -> None:
    await fill(client)
    for number, path in enumerate(("lib/a", "lib/deep/b", "lib/deep/deeper/c")):
        await done(client, "file:move", filePath=path, newPath=f"{number}")
    assert (await bring(client, "file:change"))["ok"]
    assert texts(directory) == {"lib": README}


@pytest.mark.parametrize("event", ["file:move", "file:copy"])
async def test_a_folder_comes_where_another_one_was_emptied(
    client: Client, directory: Path, event: str
) -> None:
    await fill_and_empty(client)
    await done(client, event, filePath="src", newPath="lib")
    assert texts(directory) == {"lib/main.py": "print('tea')\n"}


@pytest.mark.parametrize("deed", DEEDS)
async def test_a_folder_comes_where_a_file_was(client: Client, directory: Path, deed: str) -> None:
    assert (await bring(client, deed))["ok"]
    await done(client, "file:delete", filePath="lib")
    await fill(client)
    assert texts(directory) == {path: path for path in ("lib/a", "lib/deep/b", "lib/deep/deeper/c")}


@pytest.mark.parametrize("at_once", [1, 100])
async def test_versions_with_a_file_and_with_a_folder_of_that_name(
    client: Client, directory: Path, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    """However few files are written in one turn."""
    monkeypatch.setattr(unwritten, "AT_ONCE", at_once)
    await fill(client)
    folder = (await done(client, "version:create"))["version"]["id"]
    await done(client, "file:delete", filePath="lib")
    assert (await bring(client, "file:change"))["ok"]
    file = (await done(client, "version:create"))["version"]["id"]
    for _ in range(2):
        await done(client, "version:restore", versionId=folder)
        assert sorted(texts(directory)) == ["lib/a", "lib/deep/b", "lib/deep/deeper/c"]
        await done(client, "version:restore", versionId=file)
        assert texts(directory) == {"lib": README}


@pytest.mark.parametrize("deed", DEEDS)
async def test_what_somebody_else_has_put_into_the_folder_stays(
    client: Client, directory: Path, deed: str
) -> None:
    await fill_and_empty(client)
    # Neither of them is a file of the project.
    (directory / "lib" / "deep" / ".env").write_text("secret")
    (directory / "lib" / "empty").mkdir()
    error = (await bring(client, deed))["error"]
    assert error["code"] == "STORAGE_ERROR"
    assert " the workspace: Directory not empty" in error["message"]
    assert texts(directory) == {"lib/deep/.env": "secret"}
    assert (directory / "lib" / "empty").is_dir()
    assert "lib" not in await files(client)

"""What is heard of a path can be told from what is heard too late, however the file goes.

Invariant: a deletion and a move have a greater revision than whatever was at their paths before,
and a lower one than whatever comes there later.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.server.conftest import Connect
from tests.server.documents.editors import PROJECT, joined, written

PATH, FOLDER, TARGET = "lib/a.txt", "lib", "src/b.txt"


GOING: dict[str, tuple[str, dict[str, Any]]] = {
    "changed": ("file:change", {"file": {"path": PATH, "action": "deleted"}}),
    "deleted": ("file:delete", {"filePath": PATH}),
    "a folder": ("file:delete", {"filePath": FOLDER}),
    "moved": ("file:move", {"filePath": PATH, "newPath": TARGET}),
    "moved over another": ("file:move", {"filePath": PATH, "newPath": TARGET, "overwrite": True}),
    "a folder moved": ("file:move", {"filePath": FOLDER, "newPath": "dst"}),
    "version": ("version:restore", {}),
}


@pytest.mark.parametrize("way", GOING)
async def test_a_path_is_left_between_two_revisions(connect: Connect, way: str) -> None:
    ada, bob = await connect(), await connect()
    await joined(bob, "user-789")
    event, payload = GOING[way]
    if way == "version":
        version = (await ada.ask("version:create", PROJECT))["version"]
        payload = {"versionId": version["id"]}
    if "overwrite" in payload:
        await written(ada, TARGET, "gives way")
    before = await written(ada, PATH, "one")
    beside = await written(ada, "beside.txt", "one")
    await bob.news()
    assert (await ada.ask(event, {**PROJECT, **payload}))["ok"]
    [gone] = [data for _, data in await bob.news() if data.get("filePath") in (PATH, FOLDER)]
    after = await written(ada, PATH, "two")
    assert before["revision"] < beside["revision"] < gone["revision"] < after["revision"]
    if "newPath" in payload:
        path = TARGET if payload["newPath"] == TARGET else f"dst/{PATH.removeprefix('lib/')}"
        changed = await written(ada, path, "three")
        assert gone["revision"] < changed["revision"]

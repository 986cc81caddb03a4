"""The history of a file on the wire.

Invariant: what is restored is a change among those of others, and takes nothing from anybody.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from server.application import Application
from server.store import history
from server.store.connection import Connection
from tests.server.company import two
from tests.server.conftest import Connect
from tests.server.wire import Client

PROJECT = {"projectId": "project-123"}
APP = "src/components/App.jsx"
FILE = {**PROJECT, "filePath": APP}
PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\xff"


async def change(client: Client, content: str) -> None:
    file = {"path": APP, "action": "updated", "content": content}
    assert (await client.ask("file:change", {**PROJECT, "file": file}))["ok"]


async def saves_of(client: Client, **page: Any) -> Any:
    answer = await client.ask("history:list", {**FILE, **page})
    assert answer["ok"], answer
    return answer


async def test_saves_are_listed_read_and_restored(connect: Connect) -> None:
    client, other = await two(connect)
    before = (await client.ask("file:read", FILE))["content"]
    await change(client, "one")
    await change(other, "two")
    first = await saves_of(client, limit=2)
    assert [(one["savedBy"], one["size"], one["count"]) for one in first["saves"]] == [
        ("user-789", 3, 1), ("user-456", 3, 1),
    ]  # fmt: skip
    rest = await saves_of(client, after=first["next"])
    assert ("next" in rest, len(rest["saves"])) == (False, 1)
    original = rest["saves"][0]
    assert original["filePath"] == APP
    read = await client.ask("file:read", {**FILE, "saveId": original["id"]})
    assert (read["content"], "file" in read) == (before, False)
    _, data = await client.ask_for_data("file:download", {**FILE, "saveId": original["id"]})
    assert data == before.encode()
    await other.news()
    restored = await client.ask("history:restore", {**FILE, "saveId": original["id"]})
    assert restored["file"]["hash"] == original["hash"]
    assert [name for name, _ in await other.news()] == ["file:updated"]
    assert (await other.ask("file:read", FILE))["content"] == before
    assert len((await saves_of(client))["saves"]) == 4


async def test_who_is_writing_loses_nothing(connect: Connect) -> None:
    client, other = await two(connect)
    await change(client, "one\ntwo\nthree\n")
    await change(client, "one\nTWO\nthree\n")
    save = (await saves_of(client))["saves"][1]
    opened = await other.ask("file:open", FILE)
    edit = {"epoch": opened["epoch"], "version": opened["version"], "author": "tab", "number": 1,
            "change": [14, [0, "typed", ""]]}  # fmt: skip
    assert (await other.ask("file:edit", {**FILE, **edit}))["ok"]
    assert (await client.ask("history:restore", {**FILE, "saveId": save["id"]}))["ok"]
    heard = [data for name, data in await other.news() if name == "file:edited"]
    assert [one["author"] for one in heard] == ["tab", ""]
    text = (await client.ask("file:read", FILE))["content"]
    assert text == "one\ntwo\nthree\n"
    # What was typed is in the history.
    contents = []
    for one in (await saves_of(client))["saves"]:
        read = await client.ask("file:read", {**FILE, "saveId": one["id"]})
        contents.append(read["content"])
    assert "one\nTWO\nthree\ntyped\n" in contents


async def test_a_save_is_that_of_its_file_wherever_it_is_by_now(connect: Connect) -> None:
    client, _ = await two(connect)
    await change(client, "one")
    save_id = (await saves_of(client))["saves"][0]["id"]
    other = {**PROJECT, "filePath": "other.txt"}
    new = {"path": "other.txt", "action": "created", "content": "other"}
    assert (await client.ask("file:change", {**PROJECT, "file": new}))["ok"]
    for event in ("file:read", "file:download", "history:restore"):
        refused = await client.ask(event, {**other, "saveId": save_id})
        assert refused["error"]["code"] == "NOT_FOUND"
        assert "not in the history of 'other.txt'" in refused["error"]["message"]
    # It goes where the file goes, and is not that of what comes to the path after it.
    moved = {**PROJECT, "filePath": "moved/there.txt"}
    assert (await client.ask("file:move", {**FILE, "newPath": moved["filePath"]}))["ok"]
    assert (await client.ask("file:read", {**moved, "saveId": save_id}))["content"] == "one"
    again = {"path": FILE["filePath"], "action": "created", "content": "again"}
    assert (await client.ask("file:change", {**PROJECT, "file": again}))["ok"]
    refused = await client.ask("file:read", {**FILE, "saveId": save_id})
    assert refused["error"]["code"] == "NOT_FOUND"


async def test_what_is_done_to_many_files_is_in_the_history_of_each(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    pieces: list[int] = []
    keep_many = history.keep_many

    def counted(connection: Connection, project_id: str, paths: Sequence[str]) -> None:
        pieces.append(len(paths))
        keep_many(connection, project_id, paths)

    monkeypatch.setattr(history, "keep_many", counted)
    monkeypatch.setattr(history, "KEPT_AT_ONCE", 2)
    client, other = await two(connect)

    async def put(path: str, content: str) -> None:
        payload = {**PROJECT, "filePath": path, "overwrite": True}
        assert (await client.ask_with("file:upload", payload, content.encode()))["ok"]

    async def history_of(path: str) -> list[tuple[str, str]]:
        listed = await client.ask("history:list", {**PROJECT, "filePath": path})
        return [(one["savedBy"], one["hash"]) for one in listed["saves"]]

    for name in "abc":
        await put(f"lib/{name}", "1")
    version = (await client.ask("version:create", PROJECT))["version"]
    [(user, one)] = await history_of("lib/a")

    copied = await other.ask("file:copy", {**PROJECT, "filePath": "lib", "newPath": "new"})
    assert (copied["count"], pieces) == (3, [2, 1])
    copier = (await history_of("new/c"))[0][0]
    assert copier != user
    for name in "abc":
        assert await history_of(f"new/{name}") == [(copier, one)]

    for name in "ab":
        await put(f"lib/{name}", "2")
    await client.ask("file:delete", {**PROJECT, "filePath": "lib/c"})
    (_, two_) = (await history_of("lib/a"))[0]
    pieces.clear()
    restored = await other.ask("version:restore", {**PROJECT, "versionId": version["id"]})
    # Those that are gone since have no content.
    assert (restored["changedCount"], pieces) == (6, [2, 1])
    for name in "ab":
        assert await history_of(f"lib/{name}") == [(copier, one), (user, two_), (user, one)]
    assert await history_of("lib/c") == [(copier, one), (user, one)]
    assert await history_of("new/a") == [(copier, one)]

    deleted = await client.ask("file:delete", {**PROJECT, "filePath": "lib"})
    back = {**PROJECT, "deletionId": deleted["deletionId"], "newPath": "back"}
    assert (await client.ask("bin:restore", back))["ok"]
    assert await history_of("back/a") == [(user, one)]


async def test_a_file_that_is_gone_comes_back(connect: Connect) -> None:
    client, other = await two(connect)
    save = {**PROJECT, "filePath": "a.png"}
    assert (await client.ask_with("file:upload", save, PNG))["ok"]
    saved = (await client.ask("history:list", save))["saves"][0]
    assert saved["mediaType"] == "image/png"
    assert (await client.ask("file:delete", save))["ok"]
    back = await client.ask("history:restore", {**save, "saveId": saved["id"]})
    assert back["file"]["mediaType"] == "image/png"
    assert (await other.ask_for_data("file:download", save))[1] == PNG


async def test_what_is_refused(connect: Connect, application: Application) -> None:
    client, other = await two(connect)
    await change(client, "one")
    save_id = (await saves_of(client))["saves"][0]["id"]
    await other.ask("file:lock", FILE)
    locked = await client.ask("history:restore", {**FILE, "saveId": save_id})
    assert locked["error"]["code"] == "FILE_LOCKED"
    await other.ask("file:unlock", FILE)
    gone = await client.ask("history:restore", {**FILE, "saveId": "save-999"})
    assert gone["error"]["code"] == "NOT_FOUND"
    # A save is its project's.
    made = await client.ask("project:create", {"name": "Own"})
    own = {"projectId": made["project"]["id"], "filePath": "a"}
    for event in ("file:read", "file:download", "history:restore"):
        answer = await client.ask(event, {**own, "saveId": save_id})
        assert answer["error"]["code"] == "NOT_FOUND"
    assert (await other.ask("history:list", own))["error"]["code"] == "NOT_FOUND"

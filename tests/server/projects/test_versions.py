"""Versions of a project.

Invariant: restoring a version brings back exactly its files, whatever happened since, and what was
there before can be restored as well.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.background import Background
from server.projects import comparing, telling, versions
from server.projects.comparing import compare
from server.projects.differences import MAX_COMPARED_LINES, MAX_DIFF, MAX_PAIRS, unified_diff
from server.store.contents import Stored
from server.store.snapshots import Differing
from tests.effort import examples
from tests.server.conftest import Connect
from tests.server.running import running
from tests.server.wire import Client, connected

PROJECT = {"projectId": "project-123"}
APP = "src/components/App.jsx"
TODO = "src/components/TodoList.jsx"


async def put(client: Client, path: str, content: str | None, action: str = "updated") -> None:
    file = {"path": path, "action": action}
    if content is not None:
        file["content"] = content
    answer = await client.ask("file:change", {**PROJECT, "file": file})
    assert answer["ok"], answer


async def contents(client: Client) -> dict[str, str]:
    found = {}
    for file in (await client.ask("file:list", PROJECT))["files"]:
        read = await client.ask("file:read", {**PROJECT, "filePath": file["path"]})
        found[file["path"]] = read["content"]
    return found


async def test_a_version_is_created_listed_and_deleted(connect: Connect) -> None:
    client, other = await connect(), await connect()
    for one in (client, other):
        await one.ask("project:join", PROJECT)
    await client.news()
    payload = {**PROJECT, "name": "First", "message": "It works"}
    version = (await client.ask("version:create", payload))["version"]
    assert version.pop("createdAt").endswith("Z")
    assert version == {
        "id": version["id"],
        "projectId": "project-123",
        "name": "First",
        "message": "It works",
        "createdBy": version["createdBy"],
        "fileCount": 2,
    }
    for one in (client, other):
        assert [event for event, _ in await one.news()] == ["version:created"]
    unnamed = (await client.ask("version:create", PROJECT))["version"]
    assert unnamed["name"].startswith("Version of 2")
    listed = (await client.ask("version:list", PROJECT))["versions"]
    assert [one["id"] for one in listed] == [unnamed["id"], version["id"]]
    await client.news()
    which = {**PROJECT, "versionId": version["id"]}
    deleted = {"versionId": version["id"]}
    assert await client.ask("version:delete", which) == {"ok": True, **deleted}
    assert await client.news() == [("version:deleted", deleted)]
    for event in ("delete", "restore", "compare"):
        error = (await client.ask(f"version:{event}", which))["error"]
        assert error["code"] == "NOT_FOUND"


async def test_a_version_that_is_asked_for_again_is_made_once(connect: Connect) -> None:
    ada, bob = await connect(), await connect()
    for one, user in ((ada, "user-456"), (bob, "user-789")):
        await one.ask("project:join", {**PROJECT, "userId": user})
    wanted = {**PROJECT, "name": "First", "key": "k"}
    await ada.emit("version:create", wanted)
    made = (await bob.hear("version:created"))[0]["version"]
    # The server has made it, and nobody hears the answer.
    ada.abort()
    ada, second = await connect(), await connect()
    for one in (ada, second):
        await one.ask("project:join", {**PROJECT, "userId": "user-456"})
    await put(bob, "new.txt", "one", "created")
    again = await asyncio.gather(*[one.ask("version:create", wanted) for one in (ada, second)])
    assert again == [{"ok": True, "version": made}] * 2
    assert "version:created" not in [event for event, _ in await second.news()]
    # A key is its maker's own, and names nothing that is gone.
    other = (await bob.ask("version:create", {**wanted, "name": "His"}))["version"]
    assert (other["name"], other["fileCount"]) == ("His", 3)
    await bob.ask("version:delete", {**PROJECT, "versionId": made["id"]})
    anew = (await ada.ask("version:create", wanted))["version"]
    assert (anew["name"], anew["fileCount"]) == ("First", 3)


async def test_comparing(connect: Connect) -> None:
    client = await connect()
    version = (await client.ask("version:create", PROJECT))["version"]["id"]
    compare = {**PROJECT, "versionId": version}
    assert (await client.ask("version:compare", compare))["differences"] == []
    await put(client, "new.txt", "one\n", "created")
    await put(client, TODO, None, "deleted")
    await put(client, APP, "last line without its end")
    answer = await client.ask("version:compare", compare)
    created, app, todo = sorted(answer["differences"], key=lambda one: str(one["path"]))
    assert created == {
        "path": "new.txt",
        "status": "created",
        "diff": "--- /dev/null\n+++ b/new.txt\n@@ -0,0 +1 @@\n+one\n",
    }
    assert (app["path"], app["status"]) == (APP, "updated")
    assert app["diff"].startswith(f"--- a/{APP}\n+++ b/{APP}\n@@ ")
    assert app["diff"].endswith("+last line without its end\n\\ No newline at end of file\n")
    assert (todo["path"], todo["status"]) == (TODO, "deleted")
    second = (await client.ask("version:create", PROJECT))["version"]["id"]
    both = {**compare, "otherVersionId": second}
    assert (await client.ask("version:compare", both))["differences"] == answer["differences"]
    old = {**PROJECT, "filePath": TODO, "versionId": version}
    assert "TodoList" in (await client.ask("file:read", old))["content"]
    assert (await client.ask("file:read", {**old, "versionId": second}))["error"]["code"] == (
        "NOT_FOUND"
    )


async def test_restoring(connect: Connect) -> None:
    client, other = await connect(), await connect()
    for one in (client, other):
        await one.ask("project:join", PROJECT)
    before = await contents(client)
    version = (await client.ask("version:create", PROJECT))["version"]
    restore = {**PROJECT, "versionId": version["id"]}
    assert await client.ask("version:restore", restore) == {
        "ok": True,
        "version": version,
        "changed": [],
        "changedCount": 0,
    }
    await put(client, "new.txt", "one\n", "created")
    await put(client, TODO, None, "deleted")
    await put(client, APP, "changed")
    await client.news()
    await other.news()
    answer = await client.ask("version:restore", restore)
    assert (answer["changed"], answer["changedCount"]) == (["new.txt", APP, TODO], 3)
    assert answer["backup"]["name"].startswith("Before restoring, ")
    assert await contents(client) == before
    for one in (client, other):
        news = await one.news()
        assert [event for event, _ in news] == [
            "version:created",
            "version:restored",
            "file:deleted",
            "file:updated",
            "file:created",
        ]
        assert news[1][1] == {"version": version}
        assert news[2][1]["filePath"] == "new.txt"
        assert news[3][1]["content"] == before[APP]
    undo = {**PROJECT, "versionId": answer["backup"]["id"]}
    assert (await client.ask("version:restore", undo))["ok"]
    assert await contents(client) == {"new.txt": "one\n", APP: "changed"}


async def test_restoring_many_files_tells_a_megabyte(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everybody in the project would hold all of it at once, up to 500 MB."""
    monkeypatch.setattr(telling, "AT_ONCE", 7)
    monkeypatch.setattr(telling, "TOLD_AT_ONCE", 3)
    monkeypatch.setattr(versions, "MAX_LISTED", 19)
    client, other = await connect(), await connect()
    await other.ask("project:join", PROJECT)
    for number in range(20):
        await put(client, f"{number:02}.txt", f"{number:02}" * 30_000, "created")
    version = (await client.ask("version:create", PROJECT))["version"]["id"]
    for number in range(20):
        await put(client, f"{number:02}.txt", "changed")
    await other.news()
    restored = await client.ask("version:restore", {**PROJECT, "versionId": version})
    assert (len(restored["changed"]), restored["changedCount"]) == (19, 20)
    news = [data for event, data in await other.news() if event == "file:updated"]
    assert [data["file"]["size"] for data in news] == [60_000] * 20
    told = [data.get("content") for data in news]
    assert told[:16] == [f"{number:02}" * 30_000 for number in range(16)]
    assert told[16:] == [None] * 4
    assert (await contents(client))["19.txt"] == "19" * 30_000


@pytest.mark.parametrize("data", [b"\x89PNG\r\n\x1a\n", b"no \0 text"])
async def test_nobody_is_told_a_text_of_a_file_that_is_none(connect: Connect, data: bytes) -> None:
    client, other = await connect(), await connect()
    await other.ask("project:join", PROJECT)
    upload = {**PROJECT, "filePath": "logo.png", "data": data}
    assert (await client.ask("file:upload", upload))["ok"]
    version = (await client.ask("version:create", PROJECT))["version"]
    assert (await client.ask("file:delete", {**PROJECT, "filePath": "logo.png"}))["ok"]
    await other.news()
    restored = await client.ask("version:restore", {**PROJECT, "versionId": version["id"]})
    assert restored["changed"] == ["logo.png"]
    told, _ = await other.hear("file:created")
    assert told["file"]["mediaType"]
    assert "content" not in told


async def test_restoring_waits_for_locks(connect: Connect) -> None:
    client, other = await connect(), await connect()
    await other.ask("project:join", {**PROJECT, "userId": "user-789"})
    version = (await client.ask("version:create", PROJECT))["version"]["id"]
    await put(client, APP, "changed")
    lock = {**PROJECT, "filePath": TODO}
    await other.ask("file:lock", lock)
    restore = {**PROJECT, "versionId": version}
    assert (await client.ask("version:restore", restore))["error"]["code"] == "FILE_LOCKED"
    assert (await contents(client))[APP] == "changed"
    await other.ask("file:unlock", lock)
    await client.ask("file:lock", lock)
    assert (await client.ask("version:restore", restore))["changed"] == [APP]


def test_a_diff_has_a_limit() -> None:
    lines = "".join(f"{number}\n" for number in range(MAX_COMPARED_LINES))
    cut, pairs = unified_diff("a", None, lines, MAX_PAIRS)
    assert cut.endswith("\n(cut: the diff is longer)\n")
    assert len(cut) < MAX_DIFF + 100
    assert pairs == 0
    too_long = unified_diff("a", lines, lines + "\n", MAX_PAIRS)
    assert too_long == ("(not compared: more than 5000 lines)\n", 0)


def test_a_diff_looks_at_so_many_pairs_of_lines() -> None:
    """Lines that repeat, in another order: 2 seconds for each such pair of files."""
    before = "".join(f"{number % 1_000}\n" for number in range(500))
    after = "".join(f"{-number % 1_000}\n" for number in range(500))
    # All but the first line, which is the same.
    diff, pairs = unified_diff("a", before, after, 249_001)
    assert diff.startswith("--- a/a\n+++ b/a\n")
    assert pairs == 249_001
    assert unified_diff("b", after, before, 249_000) == (
        "(not compared: too many lines differ)\n",
        0,
    )
    short = unified_diff("d", None, "short\n", 0)
    assert short == ("--- /dev/null\n+++ b/d\n@@ -0,0 +1 @@\n+short\n", 0)
    # A line of a long file is no work.
    same = "".join(f"{number}\n" for number in range(4_000))
    diff, pairs = unified_diff("d", same, same.replace("\n2000\n", "\nnew\n"), 1)
    assert "-2000\n+new\n" in diff
    assert pairs == 1


class Texts:
    """The contents of a comparison: those of `sizes` have that many bytes, in one line."""

    def __init__(self, sizes: dict[str, int]) -> None:
        self.sizes = sizes
        self.read: list[str] = []
        self.count = 0

    async def __call__(self, hashes: Sequence[str]) -> dict[str, str]:
        self.read += hashes
        return {one: one.ljust(self.sizes[one]) for one in hashes if one in self.sizes}

    async def compared(self, before: dict[str, str], after: dict[str, str]) -> list[str]:
        """The first 40 characters of what is said of each file that differs."""
        background = Background()

        async def differing() -> AsyncIterator[Differing]:
            for path in sorted(before.keys() | after.keys()):
                one = Differing(path, *(self.stored(side.get(path)) for side in (before, after)))
                if one.before != one.after:
                    yield one

        try:
            differences, count = await background.run(
                "ada", lambda w: compare(w, self, differing())
            )
        finally:
            await background.close()
        self.count = count
        return [f"{one.path} {one.status} {one.diff[:40]}" for one in differences]

    def stored(self, content: str | None) -> Stored | None:
        return None if content is None else Stored(content, self.sizes.get(content, 9))


async def test_only_what_differs_is_read_and_only_so_much() -> None:
    """8 requests of 95 bytes had 3.27 GB of contents in memory."""
    texts = Texts({"one": 10, "two": 10, "large": 1_000_001})
    assert await texts.compared({"a": "one", "b": "one"}, {"a": "one", "b": "large"}) == [
        "b updated (not compared: more than 1000000 bytes)\n"
    ]
    assert texts.read == []
    assert await texts.compared({"a": "one", "b": "two"}, {"b": "gone", "c": "two"}) == [
        "a deleted --- a/a\n+++ /dev/null\n@@ -1 +0,0 @@\n-one",
        "b updated (not compared: the file was changed mean",
        "c created --- /dev/null\n+++ b/c\n@@ -0,0 +1 @@\n+two",
    ]


async def test_a_comparison_reads_so_many_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparing, "MAX_COMPARED_TOTAL", 25)
    texts = Texts({"one": 10, "two": 10, "three": 6, "four": 5})
    said = await texts.compared({}, {"a": "one", "b": "two", "c": "three", "d": "four"})
    assert [one for one in said if "too much differs" in one] == [
        "c created (not compared: too much differs)\n"
    ]
    assert texts.read == ["one", "two", "four"]


async def test_a_comparison_shows_so_much_of_so_many_files(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(comparing, "MAX_COMPARED_FILES", 2)
    texts = Texts({"one": 10})
    said = await texts.compared({}, dict.fromkeys("abc", "one"))
    assert said[2] == "c created (not compared: more than 2 files differ)"
    monkeypatch.setattr(comparing, "MAX_SHOWN", 5)
    said = await texts.compared({}, dict.fromkeys("ab", "one"))
    assert said[1] == "b created (not compared: too much differs)\n"
    monkeypatch.setattr(comparing, "MAX_LISTED", 2)
    assert len(await texts.compared({}, dict.fromkeys("abcde", "one"))) == 2
    assert texts.count == 5


PATHS = st.sampled_from(["a", "b", "c"])
STEPS = st.lists(
    st.tuples(st.just("change"), PATHS, st.sampled_from(["", "1", "2"]) | st.none())
    | st.tuples(st.just("snapshot"), st.just(""), st.none())
    | st.tuples(st.just("restore"), st.integers(0, 3), st.none()),
    max_size=12,
)


@settings(max_examples=examples(12))
@given(STEPS)
def test_a_restored_version_has_the_files_of_its_time(steps: list[tuple[str, Any, Any]]) -> None:
    async def scenario(directory: Path) -> None:
        async with running(directory) as application, connected(application.port) as client:
            for path in (APP, TODO):
                await put(client, path, None, "deleted")
            model: dict[str, str] = {}
            snapshots: list[tuple[str, dict[str, str]]] = []
            for step, what, content in steps:
                if step == "snapshot":
                    answer = await client.ask("version:create", PROJECT)
                    snapshots.append((answer["version"]["id"], dict(model)))
                elif step == "restore" and what < len(snapshots):
                    version, files = snapshots[what]
                    answer = await client.ask("version:restore", {**PROJECT, "versionId": version})
                    if model != files:
                        snapshots.append((answer["backup"]["id"], model))
                    model = dict(files)
                elif step == "change" and content is not None:
                    await put(client, what, content, "updated" if what in model else "created")
                    model[what] = content
                elif step == "change" and what in model:
                    await put(client, what, None, "deleted")
                    del model[what]
            assert await contents(client) == model

    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(scenario(Path(directory)))

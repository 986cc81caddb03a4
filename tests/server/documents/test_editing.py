"""`file:open`, `file:edit`, `file:close`, as JSON literals over a WebSocket.

Invariants:
- Who has a file open hears each change of it once, in one order, with its version, and nobody else.
- What was acknowledged is on the disk; a change that is sent again is taken once.
- A refused change changes nothing, and says what to do.
"""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from server.application import Application
from server.documents.open_documents import MAX_OPEN
from server.store import trees
from server.store.sqlite import FILE_NAME
from tests.server.conftest import Connect
from tests.server.documents.editors import APP, PROJECT, Editor, content, joined, written
from tests.server.running import running
from tests.server.wire import connected

ADA = {"id": "user-456", "name": "user-456"}
BOB = {"id": "user-789", "name": "user-789"}
FILE = "notes.txt"


@pytest.fixture
async def both(connect: Connect) -> tuple[Editor, Editor]:
    """Two who have "one two" open."""
    ada = await joined(await connect(), "user-456", FILE)
    bob = await joined(await connect(), "user-789", FILE)
    await written(ada.client, FILE, "one two")
    for editor in (ada, bob):
        opened = await editor.open()
        assert opened.pop("epoch")
        assert opened.pop("revision") == 3
        assert opened == {"ok": True, "filePath": FILE, "version": 0, "content": "one two"}
    await bob.client.news()
    return ada, bob


async def test_two_type_at_once(both: tuple[Editor, Editor], connect: Connect) -> None:
    ada, bob = both
    other = await joined(await connect(), "user-1", FILE)
    await ada.client.news()
    await bob.client.news()
    assert await ada.edit([7, [0, " three"]]) == {"ok": True}
    assert await bob.edit([[0, "zero", ""], 7]) == {"ok": True}
    for editor in both:
        first, envelope = await editor.client.hear("file:edited")
        assert first == {
            "filePath": FILE,
            "epoch": ada.epoch,
            "version": 0,
            "author": ada.author,
            "number": 1,
            "user": ADA,
            "change": [7, [0, " three"]],
        }
        assert envelope["projectId"] == "project-123"
        assert envelope["userId"] == "user-456"
        second = await editor.heard()
        assert (second["version"], second["user"]) == (1, BOB)
        assert second["change"] == [[0, "zero", ""], 13]
    assert await content(ada.client, FILE) == "zero\none two three"
    # Who has not opened it hears of the save only, which was made to read it.
    [(event, data)] = await other.client.news()
    assert event == "file:updated"
    assert data["content"] == "zero\none two three"
    assert data["file"]["updatedBy"] == "user-789"


async def test_who_closes_or_leaves_hears_no_more(both: tuple[Editor, Editor]) -> None:
    ada, bob = both
    assert await bob.client.ask("file:close", bob.file) == {
        "ok": True,
        "filePath": FILE,
        "closed": True,
    }
    assert (await bob.client.ask("file:close", bob.file))["closed"] is False
    await ada.edit([7, [0, "!"]])
    refused = (await bob.edit([7]))["error"]
    assert refused["code"] == "VERSION_CONFLICT"
    assert refused["message"] == (f"file {FILE!r} is not open on this connection: open it first")
    assert (await bob.open(since={"epoch": bob.epoch, "version": 0}))["updates"] == [
        {
            "version": 0,
            "author": ada.author,
            "number": 1,
            "user": ADA,
            "change": [7, [0, "!"]],
        }
    ]
    await bob.client.ask("project:leave", PROJECT)
    await ada.heard()
    await ada.edit([8, [0, "?"]])
    assert await bob.client.news() == []
    assert (await bob.open())["error"]["code"] == "FORBIDDEN"


async def test_a_change_that_is_sent_again_is_taken_once(
    both: tuple[Editor, Editor], connect: Connect
) -> None:
    ada, bob = both
    await ada.edit([7, [0, "!"]])
    assert await ada.again([7, [0, "!"]]) == {"ok": True}
    # From another connection, by somebody who has not heard that it was taken.
    again = await joined(await connect(), "user-456", FILE)
    again.author, again.number = ada.author, 1
    opened = await again.open(since={"epoch": ada.epoch, "version": 0}, author=ada.author)
    assert opened["number"] == 1
    assert [update["number"] for update in opened["updates"]] == [1]
    assert await again.again([7, [0, "!"]], version=0) == {"ok": True}
    # Somebody else's editor of that name is another one.
    assert (await bob.open(author=ada.author))["number"] == 0
    assert await bob.edit([8, [0, "?"]], author=ada.author) == {"ok": True}
    assert await content(ada.client, FILE) == "one two!?"


@pytest.mark.parametrize(
    ("other", "path"),
    [
        ({"change": None}, "$.change"),
        ({"change": [8]}, "$.change"),
        ({"change": [7, [0, "a\nb"]]}, "$.change[1][1]"),
        ({"change": [7, [0, "\0"]]}, "$.change[1][1]"),
        ({"change": [7, "x"]}, "$.change[1]"),
        ({"change": [1] * 1001}, "$.change"),
        ({"change": [7, [0, "x" * 65_536]]}, "$.change"),
        ({"version": -1}, "$.version"),
        ({"version": 1.5}, "$.version"),
        ({"number": 0}, "$.number"),
        ({"author": ""}, "$.author"),
        ({"epoch": None}, "$.epoch"),
    ],
)
async def test_what_is_no_edit_is_refused(
    both: tuple[Editor, Editor], other: dict[str, Any], path: str
) -> None:
    ada, bob = both
    error = (await ada.edit(**{"change": [7, [0, "!"]], **other}))["error"]
    assert (error["code"], error["details"]) == ("VALIDATION_ERROR", {"path": path})
    assert await bob.client.news() == []
    assert await content(ada.client, FILE) == "one two"


async def test_a_version_that_is_gone_is_a_conflict(both: tuple[Editor, Editor]) -> None:
    ada, _ = both
    assert (await ada.edit([7, [0, "!"]]))["ok"]
    later = (await ada.edit([8], version=5))["error"]
    assert later["code"] == "VERSION_CONFLICT"
    assert later["details"] == {"version": 1}
    other_epoch = (await ada.edit([8], epoch="another"))["error"]
    assert other_epoch["code"] == "VERSION_CONFLICT"
    # Whoever has what is not kept gets all of it.
    for since in ({"epoch": "another", "version": 1}, {"epoch": ada.epoch, "version": 9}):
        assert (await ada.open(since=since))["content"] == "one two!"


async def test_who_may(connect: Connect, application: Application) -> None:
    owner, reader = await connect(), await connect()
    made = await owner.ask("project:create", {"name": "Mine", "userId": "owner"})
    project = {"projectId": made["project"]["id"]}
    await reader.ask("user:join", {"userId": "reader"})
    shared = {**project, "userId": "reader", "role": "viewer"}
    assert (await owner.ask("project:share", shared))["ok"]
    file = {"path": FILE, "action": "created", "content": "one"}
    assert (await owner.ask("file:change", {**project, "file": file}))["ok"]
    there = {**project, "filePath": FILE}
    assert (await reader.ask("file:open", there))["error"]["code"] == "FORBIDDEN"
    await reader.ask("project:join", project)
    opened = await reader.ask("file:open", there)
    assert opened["content"] == "one"
    edit = {
        **there,
        "epoch": opened["epoch"],
        "version": 0,
        "author": "a",
        "number": 1,
        "change": [3, [0, "!"]],
    }
    assert (await reader.ask("file:edit", edit))["error"]["code"] == "FORBIDDEN"
    stranger = await connect()
    await stranger.ask("user:join", {"userId": "stranger"})
    for event in ("file:open", "file:edit", "file:close"):
        assert (await stranger.ask(event, edit))["error"]["code"] == "NOT_FOUND"
    # A viewer hears what others do, until the project is not theirs to see any more.
    await owner.ask("project:join", project)
    await owner.ask("file:open", there)
    await owner.ask("file:edit", edit)
    assert (await reader.hear("file:edited"))[0]["change"] == [3, [0, "!"]]
    await owner.ask("project:unshare", {**project, "userId": "reader"})
    await reader.news()
    await owner.ask("file:edit", {**edit, "version": 1, "number": 2, "change": [4, [0, "?"]]})
    assert await reader.news() == []
    assert (await reader.ask("file:edit", edit))["error"]["code"] == "NOT_FOUND"
    for room in ("document:" + opened["epoch"],):
        assert (await reader.ask("room:join", {"room": room}))["error"]["code"] == "FORBIDDEN"
    assert application.documents.of_project(project["projectId"])
    await owner.ask("project:delete", project)
    assert application.documents.of_project(project["projectId"]) == []


async def test_an_exclusive_lock_keeps_others_out_and_has_all_that_was_typed(
    both: tuple[Editor, Editor],
) -> None:
    ada, bob = both
    shared = await bob.client.ask("file:lock", {**bob.file, "lockType": "shared"})
    assert shared["ok"]
    assert (await ada.edit([7, [0, "!"]]))["ok"]
    await bob.client.ask("file:unlock", bob.file)
    await ada.client.news()
    lock = (await bob.client.ask("file:lock", bob.file))["lock"]
    # The file has it before the lock is granted.
    assert [event for event, _ in await ada.client.news()] == ["file:updated", "file:locked"]
    assert await content(bob.client, FILE) == "one two!"
    refused = (await ada.edit([8, [0, "?"]], version=1))["error"]
    assert refused["code"] == "FILE_LOCKED"
    assert refused["details"]["holder"] == BOB
    # Its holder edits, or writes as ever.
    assert (await bob.edit([8, [0, " bob"]], version=1))["ok"]
    file = {"path": FILE, "action": "updated", "content": "all new"}
    written = await bob.client.ask(
        "file:change", {**PROJECT, "file": file, "lockToken": lock["token"]}
    )
    assert written["ok"]
    await bob.client.ask("file:unlock", bob.file)
    # What waited comes after all that.
    assert (await ada.again([8, [0, "?"]], version=1))["ok"]
    assert "?" in await content(ada.client, FILE)


async def test_a_change_from_outside_merges(both: tuple[Editor, Editor]) -> None:
    ada, bob = both
    saved = await ada.client.ask("file:read", ada.file)
    assert (await ada.edit([7, [0, " three"]]))["ok"]
    await ada.heard()
    file = {
        "path": FILE,
        "action": "updated",
        "content": "ONE two",
        "baseRevision": saved["file"]["revision"],
    }
    changed = await bob.client.ask("file:change", {**PROJECT, "file": file})
    assert changed["ok"]
    outside = await ada.heard()
    assert (outside["author"], outside["number"], outside["user"]) == ("", 0, BOB)
    assert outside["change"] == [[3, "ONE"], 10]
    updated, _ = await ada.client.hear("file:updated")
    assert updated["content"] == "ONE two three"
    assert updated["file"] == changed["file"]
    assert await content(bob.client, FILE) == "ONE two three"
    conflict = (await bob.client.ask("file:change", {**PROJECT, "file": file}))["error"]
    assert conflict["code"] == "VERSION_CONFLICT"
    # News of the file without content is no change of it.
    await ada.client.news()
    news = {"path": FILE, "action": "updated"}
    assert (await bob.client.ask("file:change", {**PROJECT, "file": news}))["ok"]
    assert [event for event, _ in await ada.client.news()] == ["file:updated"]


async def test_a_deleted_file_is_closed(both: tuple[Editor, Editor]) -> None:
    ada, bob = both
    await ada.edit([7, [0, "!"]])
    deleted = {"path": FILE, "action": "deleted"}
    assert (await bob.client.ask("file:change", {**PROJECT, "file": deleted}))["ok"]
    await ada.client.hear("file:deleted")
    assert (await ada.edit([8]))["error"]["code"] == "VERSION_CONFLICT"
    assert (await ada.open())["error"]["code"] == "NOT_FOUND"
    epoch = ada.epoch
    await written(ada.client, FILE, "new")
    assert (await ada.open(since={"epoch": epoch, "version": 1}))["content"] == "new"
    assert ada.epoch != epoch


async def test_a_version_has_what_was_typed_and_restoring_it_merges(
    both: tuple[Editor, Editor],
) -> None:
    ada, bob = both
    await ada.edit([7, [0, "!"]])
    await ada.heard()
    version = (await ada.client.ask("version:create", PROJECT))["version"]
    await ada.edit([8, [0, "?"]])
    await ada.heard()
    there = {**PROJECT, "versionId": version["id"]}
    # What is not saved yet is compared, too.
    (difference,) = (await bob.client.ask("version:compare", there))["differences"]
    assert "+one two!?" in difference["diff"]
    read = await bob.client.ask("file:read", {**bob.file, "versionId": version["id"]})
    assert read["content"] == "one two!"
    await bob.client.news()
    restored = await bob.client.ask("version:restore", there)
    assert restored["changed"] == [FILE]
    assert (await ada.heard())["change"] == [8, [1]]
    assert await content(ada.client, FILE) == "one two!"
    # What was there before is in the version that was made of it.
    backup = {**bob.file, "versionId": restored["backup"]["id"]}
    assert (await bob.client.ask("file:read", backup))["content"] == "one two!?"
    # A version without the file closes it.
    await bob.client.ask("file:change", {**PROJECT, "file": {"path": FILE, "action": "deleted"}})
    without = (await ada.client.ask("version:create", PROJECT))["version"]
    await written(ada.client, FILE, "back")
    assert (await ada.open())["ok"]
    gone = {**PROJECT, "versionId": without["id"]}
    assert (await ada.client.ask("version:restore", gone))["changed"] == [FILE]
    assert (await ada.edit([4]))["error"]["code"] == "VERSION_CONFLICT"


async def test_what_is_typed_while_a_version_is_restored_is_kept(
    both: tuple[Editor, Editor], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is made in many steps here, and edits come between them."""
    ada, bob = both
    monkeypatch.setattr(trees, "STEP", 1)
    for number in range(10):
        await written(bob.client, f"{number}.txt", "text")
    version = (await ada.client.ask("version:create", PROJECT))["version"]
    await written(bob.client, FILE, "two\n")
    opened = await ada.open()
    there = {**PROJECT, "versionId": version["id"]}
    restoring = asyncio.create_task(bob.client.ask("version:restore", there))
    length, words = len(opened["content"]), list[str]()
    while not restoring.done():
        words.append(f"word{len(words)}")
        text = f"{words[-1]} "
        answer = await ada.edit([length, [0, text]])
        if answer["ok"]:
            # What comes from outside is heard before one's own or after it.
            while (await ada.heard())["number"] != ada.number:
                pass
        length = len((await ada.open())["content"])
    assert (await restoring)["ok"]
    text = await content(ada.client, FILE)
    assert text.startswith("one two")
    assert text.replace("one two", "").split() == words
    assert text == (await bob.open())["content"]


async def test_a_user_has_so_many_files_open(connect: Connect) -> None:
    first, second = await connect(), await connect()
    for client in (first, second):
        await joined(client, "user-456")
    for number in range(MAX_OPEN + 1):
        await written(first, f"{number}.txt", "")
    for number in range(MAX_OPEN):
        opened = await (first, second)[number % 2].ask(
            "file:open", {**PROJECT, "filePath": f"{number}.txt"}
        )
        assert opened["content"] == ""
    last = {**PROJECT, "filePath": f"{MAX_OPEN}.txt"}
    refused = (await second.ask("file:open", last))["error"]
    assert refused["code"] == "RATE_LIMIT_EXCEEDED"
    assert refused["message"] == "you have 20 files open, the most allowed: close one first"
    # One of them once more is no other one.
    assert (await second.ask("file:open", {**PROJECT, "filePath": "0.txt"}))["ok"]
    await first.ask("file:close", {**PROJECT, "filePath": "2.txt"})
    assert (await second.ask("file:open", last))["ok"]
    await first.close()


async def test_too_long_a_file_is_not_edited_together(connect: Connect) -> None:
    client = await connect()
    editor = await joined(client, "user-456", "long.txt")
    await written(client, "long.txt", "x" * 1_048_577)
    error = (await editor.open())["error"]
    assert error["code"] == "VALIDATION_ERROR"
    assert "read it with file:read" in error["message"]
    await written(client, "long.txt", "x" * 1_048_576)
    assert (await editor.open())["ok"]
    assert (await editor.edit([1_048_576, [0, "y"]]))["error"]["code"] == "VALIDATION_ERROR"


async def test_line_ends_and_halves_of_emojis_are_kept(
    both: tuple[Editor, Editor], connect: Connect
) -> None:
    ada, bob = both
    await written(ada.client, FILE, "one\r\ntwo\r\n")
    for editor in both:
        assert (await editor.open())["content"] == "one\ntwo\n"
        await editor.client.news()
    await ada.edit([3, [0, " \ud83d"], 5])
    change = (await bob.heard())["change"]
    assert change == [3, [0, " \ud83d"], 5]
    # A file has no place for half of a pair.
    assert await content(bob.client, FILE) == "one \ufffd\r\ntwo\r\n"
    await bob.edit([5, [0, "\ude00", "new"], 5])
    assert await content(ada.client, FILE) == "one 😀\r\nnew\r\ntwo\r\n"
    assert (await bob.open())["content"] == "one 😀\nnew\ntwo\n"
    third = await joined(await connect(), "user-1", FILE)
    assert (await third.open())["content"] == "one 😀\nnew\ntwo\n"


async def test_what_was_acknowledged_is_there_after_a_restart(tmp_path: Path) -> None:
    async with (
        running(tmp_path) as application,
        connected(application.port) as client,
    ):
        ada = await joined(client, "user-456")
        before = (await ada.open())["content"]
        length = len(before)
        assert (await ada.edit([length, [0, "// \ud83d"]]))["ok"]
        await content(client, APP)
        assert (await ada.edit([length + 4, [0, "typed"]], version=1))["ok"]
        # As after a kill: nothing is saved.
        application.saver._due.clear()
    async with (
        running(tmp_path, tuning={"still": 0.0}) as application,
        connected(application.port) as client,
    ):
        again = await joined(client, "user-456")
        opened = await again.open(since={"epoch": ada.epoch, "version": 0}, author=ada.author)
        assert (opened["number"], opened["version"]) == (2, 2)
        assert [update["change"] for update in opened["updates"]] == [
            [length, [0, "// \ud83d"]],
            [length + 4, [0, "typed"]],
        ]
        assert (await again.open())["content"] == before + "// \ud83dtyped"
        while await content(client, APP) != before + "// \ufffdtyped":
            pass


async def test_it_is_saved_a_second_after_the_last_edit_and_at_least_every_five(
    tmp_path: Path,
) -> None:
    async with (
        running(tmp_path, tuning={"still": 0.05, "latest": 3_600.0}) as application,
        connected(application.port) as client,
    ):
        ada = await joined(client, "user-456")
        length = len((await ada.open())["content"])
        await ada.edit([length, [0, "!"]])
        updated, envelope = await client.hear("file:updated")
        assert updated["content"].endswith("!")
        assert (envelope["userId"], envelope["metadata"]["source"]) == ("user-456", "server")
    async with (
        running(tmp_path, tuning={"still": 3_600.0, "latest": 0.05}) as application,
        connected(application.port) as client,
    ):
        ada = await joined(client, "user-456")
        length = len((await ada.open())["content"])
        await ada.edit([length, [0, "?"]])
        assert (await client.hear("file:updated"))[0]["content"].endswith("?")


async def test_a_file_is_opened_where_nothing_can_be_written(
    both: tuple[Editor, Editor], tmp_path: Path
) -> None:
    ada, bob = both
    await bob.edit([7, [0, "!"]])
    with closing(sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert (await ada.open())["content"] == "one two!"
        since = {"epoch": bob.epoch, "version": 0}
        opened = await bob.open(since=since, author=bob.author)
        assert (opened["number"], len(opened["updates"])) == (1, 1)
        none = await ada.client.ask("file:open", {**PROJECT, "filePath": "none.txt"})
        assert none["error"]["code"] == "NOT_FOUND"


async def test_a_cursor_tells_its_version(both: tuple[Editor, Editor]) -> None:
    ada, bob = both
    cursor = {**ada.file, "position": {"line": 0, "column": 3}, "version": 0}
    await ada.client.emit("cursor:update", cursor)
    assert (await bob.client.hear("cursor:updated"))[0]["version"] == 0

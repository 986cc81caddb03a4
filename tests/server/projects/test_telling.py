"""Everybody is told of many changed files, file by file, while others go on.

Invariants:
- Whoever changes a file meanwhile waits for no announcement.
- What a client hears of a file comes in the order of the changes: its revisions only grow, on all
  nodes.
- Each change is told once, whatever happens meanwhile, and is in the history of its file.
"""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import Any

import pytest

from server.api.errors import Code, EventError
from server.api.records import User
from server.application import Application
from server.store import history
from server.store.document_records import Replaced
from server.store.repositories.contents import Contents
from server.store.repositories.documents import SharedDocuments
from tests.server.company import two
from tests.server.conftest import Connect
from tests.server.documents.editors import content, joined, written
from tests.server.projects.three_files import (
    DEEDS,
    PATHS,
    PROJECT,
    Deed,
    Gate,
    assert_grows,
    begun,
    delete,
    gate_of,
    path_of,
    restore_version,
    told,
)
from tests.server.running import running
from tests.server.wire import connected
from tests.waiting import patient, until


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Gate:
    return gate_of(monkeypatch)


@pytest.mark.parametrize("deed", DEEDS)
async def test_whoever_saves_meanwhile_waits_for_no_announcement(
    connect: Connect, gate: Gate, deed: Deed
) -> None:
    client, other = await two(connect)
    ready = await deed(client)
    await other.news()
    task = await begun(client, ready, gate, 1)
    first, second, third = ready.paths
    # Acknowledged, though the second and the third are not told.
    await written(other, first, "saved")
    await written(other, "else", "saved")
    await written(other, third, "saved")
    assert not task.done()
    gate.opened.set()
    assert (await task)["ok"]
    news = await other.news()
    assert told(news) == [(ready.heard, first), (ready.heard, third), (ready.heard, second)]
    assert_grows(news)
    heard = await client.news()
    assert_grows(heard)
    saved = "file:created" if deed is delete else "file:updated"
    assert [one for one in told(heard) if one[1] != "else"] == [
        (ready.heard, first),
        (saved, first),
        (ready.heard, third),
        (saved, third),
        (ready.heard, second),
    ]
    assert [await content(other, path) for path in (first, third)] == ["saved", "saved"]


async def test_a_second_one_begins_when_all_of_the_first_is_told(
    connect: Connect, gate: Gate
) -> None:
    client, other = await two(connect)
    ready = await restore_version(client)
    saver = await connect()
    await saver.ask("project:join", {**PROJECT, "userId": "user-999"})
    await client.news()
    task = await begun(client, ready, gate, 1)
    await other.emit("file:delete", {**PROJECT, "filePath": "lib"})
    await saver.news()
    # What was handed over before this save has begun, if it may.
    await written(saver, "else", "saved")
    gate.opened.set()
    assert (await task)["ok"]
    heard: list[tuple[str, str]] = []
    while len(heard) < 6:
        heard += [one for one in told(await client.news()) if one[1] != "else"]
    assert heard == [
        *(("file:updated", path) for path in PATHS),
        *(("file:deleted", path) for path in PATHS),
    ]


async def test_whoever_joins_meanwhile_hears_the_rest(connect: Connect, gate: Gate) -> None:
    client, other = await two(connect)
    ready = await restore_version(client)
    task = await begun(client, ready, gate, 1)
    await other.ask("project:leave", PROJECT)
    await other.news()
    joined_now = await other.ask("project:join", PROJECT)
    revisions = {one["path"]: one["revision"] for one in joined_now["files"]}
    gate.opened.set()
    assert (await task)["ok"]
    news = await other.news()
    assert told(news) == [("file:updated", path) for path in PATHS[1:]]
    # It is what the acknowledgement said already.
    assert [data["file"]["revision"] for event, data in news if event == "file:updated"] == [
        revisions[path] for path in PATHS[1:]
    ]


async def test_what_is_locked_meanwhile_is_told_first(connect: Connect, gate: Gate) -> None:
    client, other = await two(connect)
    ready = await restore_version(client)
    await client.news()
    task = await begun(client, ready, gate, 1)
    await other.ask("file:lock", {**PROJECT, "filePath": PATHS[2]})
    gate.opened.set()
    assert (await task)["ok"]
    names = [(event, data) for event, data in await client.news() if event.startswith("file:")]
    assert [event for event, _ in names] == [
        *("file:updated", "file:updated", "file:locked", "file:updated")
    ]
    assert path_of(names[1][1]) == PATHS[2]


async def test_what_the_server_itself_tells_of_a_file_comes_later(
    connect: Connect, application: Application, gate: Gate
) -> None:
    client, other = await two(connect)
    ready = await restore_version(client)
    await client.ask("file:lock", {**PROJECT, "filePath": PATHS[2]})
    await other.news()
    task = await begun(client, ready, gate, 1)
    client.abort()
    lock, _ = await other.hear("file:locked")
    assert lock["lock"]["orphaned"]
    news = [(event, data) for event, data, _ in other.heard]
    assert told(news) == [("file:updated", PATHS[number]) for number in (0, 2)]
    gate.opened.set()
    await asyncio.gather(task, return_exceptions=True)
    await until(lambda: not application.untold)
    assert told(await other.news())[-1] == ("file:updated", PATHS[1])


async def test_who_types_before_the_restored_content_is_merged_waits_for_that(
    connect: Connect, application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, other = await two(connect)
    ready = await restore_version(client)
    editor = await joined(other, "user-789", PATHS[2])
    await editor.open()
    reached, opened = asyncio.Event(), asyncio.Event()
    original = SharedDocuments.synchronise

    async def synchronise(self: SharedDocuments, *key: str, user: User, now: str) -> Replaced:
        reached.set()
        await patient(opened.wait())
        return await original(self, *key, user=user, now=now)

    monkeypatch.setattr(SharedDocuments, "synchronise", synchronise)
    task = asyncio.create_task(client.ask(ready.event, ready.payload))
    await patient(reached.wait())
    typed = asyncio.create_task(editor.edit([1, [0, "!"]]))
    await until(lambda: application.database.held.of("user-789") or typed.done())
    assert not typed.done()
    opened.set()
    assert (await task)["ok"]
    assert (await typed)["ok"]


async def test_who_types_meanwhile_goes_on(connect: Connect, gate: Gate) -> None:
    """The restored content is merged before anybody else works on the document."""
    client, other = await two(connect)
    ready = await restore_version(client)
    editor = await joined(other, "user-789", PATHS[2])
    assert (await editor.open())["content"] == "2"
    task = await begun(client, ready, gate, 1)
    await editor.heard()
    assert (await editor.edit([1, [0, "!"]]))["ok"]
    # It is saved to be read.
    assert await content(other, PATHS[2]) == "1!"
    gate.opened.set()
    assert (await task)["ok"]
    news = await client.news()
    assert told(news) == [("file:updated", PATHS[number]) for number in (2, 0, 2, 1)]
    assert_grows(news)


async def test_who_types_into_what_is_deleted_is_told_at_once(connect: Connect, gate: Gate) -> None:
    client, other = await two(connect)
    ready = await delete(client)
    editor = await joined(other, "user-789", PATHS[2])
    await editor.open()
    await other.news()
    task = await begun(client, ready, gate, 1)
    assert told(await other.news()) == [("file:deleted", PATHS[2]), ("file:deleted", PATHS[0])]
    # Another file at the path stays open.
    await written(other, PATHS[2], "new")
    await editor.open()
    gate.opened.set()
    assert (await task)["ok"]
    assert (await editor.edit([3, [0, "!"]]))["ok"]


async def test_what_is_moved_meanwhile_keeps_its_history(connect: Connect, gate: Gate) -> None:
    client, other = await two(connect)
    ready = await restore_version(client)
    await client.news()
    task = await begun(client, ready, gate, 1)
    moved = {**PROJECT, "filePath": PATHS[2], "newPath": "moved"}
    assert (await other.ask("file:move", moved))["ok"]
    gate.opened.set()
    assert (await task)["ok"]
    assert told(await client.news()) == [
        ("file:updated", PATHS[0]),
        ("file:updated", PATHS[2]),
        ("file:moved", PATHS[2]),
        ("file:updated", PATHS[1]),
    ]
    for path in ("moved", PATHS[0], PATHS[1]):
        listed = await other.ask("history:list", {**PROJECT, "filePath": path})
        hashes = [one["hash"] for one in listed["saves"]]
        assert (len(hashes), hashes[0]) == (3, hashes[2])


@pytest.mark.parametrize("deed", DEEDS)
async def test_all_is_told_though_the_database_fails_meanwhile(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, deed: Deed
) -> None:
    client, other = await two(connect)
    ready = await deed(client)
    await other.news()

    async def fails(*_: Any) -> Any:
        raise EventError(Code.STORAGE_ERROR, "no connection")

    monkeypatch.setattr(Contents, "texts", fails)
    monkeypatch.setattr(history, "keep_many", broken)
    assert (await client.ask(ready.event, ready.payload))["ok"]
    news = [one for one in await other.news() if one[0].startswith("file:")]
    assert told(news) == [(ready.heard, path) for path in ready.paths]
    assert not [data for _, data in news if "content" in data]


def broken(*_: Any, **__: Any) -> None:
    raise EventError(Code.STORAGE_ERROR, "no connection")


async def test_all_is_told_though_a_document_cannot_be_merged(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, other = await two(connect)
    ready = await restore_version(client)
    editor = await joined(other, "user-789", PATHS[0])
    await editor.open()
    await other.news()

    async def fails(*_: Any, **__: Any) -> Any:
        raise EventError(Code.STORAGE_ERROR, "no connection")

    monkeypatch.setattr(SharedDocuments, "synchronise", fails)
    refused = await client.ask(ready.event, ready.payload)
    assert refused["error"]["code"] == "STORAGE_ERROR"
    assert told(await other.news()) == [("file:updated", path) for path in PATHS]


async def test_nothing_is_left_when_the_server_stops_meanwhile(tmp_path: Path, gate: Gate) -> None:
    async with (
        running(tmp_path, tuning={"drain": 0.0}) as application,
        connected(application.port) as client,
    ):
        ready = await restore_version(client)
        task = await begun(client, ready, gate, 1)
        assert len(application.untold) == 1
        task.cancel()
        await asyncio.wait([task])
    assert len(application.untold) == 0


async def test_a_kill_meanwhile_leaves_the_files_as_they_have_become(
    tmp_path: Path, gate: Gate
) -> None:
    """Whoever comes back finds what nobody was told of. The next save adds it to the history."""
    async with (
        running(tmp_path / "first", event_rate=0) as application,
        connected(application.port) as client,
    ):
        await client.ask("project:join", PROJECT)
        ready = await restore_version(client)
        task = await begun(client, ready, gate, 1)
        # What a kill at this moment would leave.
        shutil.copytree(tmp_path / "first", tmp_path / "left")
        gate.opened.set()
        assert (await task)["ok"]
    async with (
        running(tmp_path / "left", event_rate=0) as application,
        connected(application.port) as client,
    ):
        back = await client.ask("project:join", PROJECT)
        assert len({one["revision"] for one in back["files"] if one["path"] in PATHS}) == 1
        for path in PATHS:
            assert await content(client, path) == "1"
        await written(client, PATHS[2], "3")
        listed = await client.ask("history:list", {**PROJECT, "filePath": PATHS[2]})
        assert len(listed["saves"]) == 4

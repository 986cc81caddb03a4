"""Two people at two servers edit one file.

Invariant: each hears every change, in the order of the commits, whoever has made it and wherever.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from server.documents.change_json import parse
from server.store.files import Moment
from server.store.postgres import Postgres
from server.store.repositories.documents import SharedDocuments
from tests import forked_servers
from tests.server import killing
from tests.server.documents.editors import PROJECT, Editor, content, joined, written
from tests.server.gate import closed_gate
from tests.server.nodes import Nodes, two_nodes
from tests.server.running import running
from tests.server.wire import connected
from tests.socketio_min.cluster.redis_server import RedisServer, running_redis
from tests.waiting import PATIENCE, eventually, until

ROUNDS = 10


class Typist(Editor):
    """An editor that applies what it hears, and sends the next change as soon as it hears of its
    own.
    """

    text: str

    @classmethod
    async def of(cls, editor: Editor) -> Typist:
        typist = cls(editor.client, editor.path)
        typist.text = (await typist.open())["content"]
        return typist

    async def type(self, letter: str, rounds: int) -> None:
        for _ in range(rounds):
            answer = await self.edit([[0, letter], len(self.text)] if self.text else [[0, letter]])
            assert answer["ok"], answer
            while not await self.follow():
                pass

    async def come_back(self, **more: Any) -> Any:
        """Open the file again, with what is known of it."""
        since = {"epoch": self.epoch, "version": self.version}
        answer = await self.open(since=since, **more)
        self._apply(answer["updates"])
        return answer

    def _apply(self, updates: Iterable[Any]) -> None:
        for update in updates:
            self.text = parse(update["change"]).applied(self.text)

    async def follow(self) -> bool:
        """Apply the next change. Return whether it was its own last one; what comes too early is
        asked for, as all clients do.
        """
        data, _ = await self.client.hear("file:edited")
        if data["version"] > self.version:
            updates = (await self.come_back())["updates"]
        else:
            updates = [data] if data["version"] == self.version else []
            self.version += len(updates)
            self._apply(updates)
        own = (self.author, self.number)
        return own in [(one["author"], one["number"]) for one in updates]


async def test_two_type_at_once_on_two_servers(nodes: Nodes) -> None:
    ada = await joined(await nodes.client(nodes.here, "ada"), "ada", "a.txt")
    bob = await joined(await nodes.client(nodes.there, "bob"), "bob", "a.txt")
    await written(ada.client, "a.txt", "")
    typists = [await Typist.of(one) for one in (ada, bob)]
    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(*(one.type(f"{n}", ROUNDS) for n, one in enumerate(typists)))
        for one in typists:
            while len(one.text) < 2 * ROUNDS:
                await one.follow()
    assert typists[0].text == typists[1].text
    assert typists[0].text.count("1") == ROUNDS
    await nodes.here.saver.save(("project-123", "a.txt"), "")
    assert await content(bob.client, "a.txt") == typists[0].text


async def test_a_change_from_outside_is_heard_where_nobody_else_has_the_file_open(
    nodes: Nodes,
) -> None:
    ada = await joined(await nodes.client(nodes.here, "ada"), "ada", "a.txt")
    bob = await nodes.client(nodes.there, "bob")
    await written(bob, "a.txt", "one")
    await ada.open()
    await written(bob, "a.txt", "one two")
    assert (await ada.heard())["change"] == [3, [0, " two"]]


async def test_what_is_typed_at_another_server_is_read(nodes: Nodes) -> None:
    ada = await joined(await nodes.client(nodes.here, "ada"), "ada", "a.txt")
    bob = await nodes.client(nodes.there, "bob")
    await written(bob, "a.txt", "one")
    for number, ask in enumerate(("file:read", "version:create", "project:search")):
        await ada.open()
        assert (await ada.edit([[0, f"{number}"], 3 + number]))["ok"]
        answer = await bob.ask(ask, {**ada.file, "query": f"{number}"})
        assert answer["ok"], answer
        read = nodes.there.store.files.read
        stored = await read("project-123", "a.txt", Moment(), 0, 100)
        assert stored.content == f"{'210'[2 - number :]}one"


async def test_what_is_typed_follows_a_file_that_is_moved_at_another_server(nodes: Nodes) -> None:
    ada = await joined(await nodes.client(nodes.here, "ada"), "ada", "a.txt")
    bob = await nodes.client(nodes.there, "bob")
    await written(bob, "a.txt", "one")
    await ada.open()
    assert (await ada.edit([3, [0, "!"]]))["ok"]
    assert (await bob.ask("file:move", {**ada.file, "newPath": "b.txt"}))["ok"]
    await ada.client.hear("file:moved")
    await nodes.settled()
    assert nodes.here.saver.unsaved("project-123") == [("project-123", "b.txt")]
    ada.path, ada.version = "b.txt", 1
    assert (await ada.edit([4, [0, "?"]]))["ok"]
    # Also where that was not heard.
    await nodes.here.saver.close()
    assert nodes.here.saver.unsaved("project-123") == []
    assert (await ada.edit([5, [0, "."]], version=2))["ok"]
    nodes.here.saver._take_off(("project-123", "b.txt"))
    await nodes.there.housekeeping.tidy(datetime.now(UTC))
    assert nodes.there.saver.unsaved("project-123") == [("project-123", "b.txt")]


def open_here(nodes: Nodes) -> list[str]:
    return [path for _, path in nodes.here.documents.of_project("project-123")]


@pytest.mark.parametrize("how", ["file", "folder", "change", "image"])
async def test_a_file_that_is_gone_is_open_nowhere(nodes: Nodes, how: str) -> None:
    ada = await joined(await nodes.client(nodes.here, "ada"), "ada", "a/b.txt")
    bob = await nodes.client(nodes.there, "bob")
    await written(bob, "a/b.txt", "one")
    await written(bob, "a.txt", "stays")
    stays = Editor(ada.client, "a.txt")
    await ada.open()
    await stays.open()
    if how == "change":
        file = {"path": "a/b.txt", "action": "deleted"}
        assert (await bob.ask("file:change", {**PROJECT, "file": file}))["ok"]
    elif how == "image":
        image = {**ada.file, "overwrite": True}
        assert (await bob.ask_with("file:upload", image, b"\0"))["ok"]
    else:
        path = "a" if how == "folder" else "a/b.txt"
        assert (await bob.ask("file:delete", {**PROJECT, "filePath": path}))["ok"]
    await until(lambda: open_here(nodes) == ["a.txt"])
    # Another file at its path is another document.
    if how != "image":
        await written(bob, "a/b.txt", "two")
        assert (await ada.open())["content"] == "two"


async def test_a_version_that_is_restored_at_another_server_is_heard_at_once(
    nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = await joined(await nodes.client(nodes.here, "ada"), "ada", "a.txt")
    bob = await nodes.client(nodes.there, "bob")
    await written(bob, "a.txt", "one")
    version = (await bob.ask("version:create", PROJECT))["version"]["id"]
    await written(bob, "a.txt", "one two")
    await written(bob, "new.txt", "new")
    new = Editor(ada.client, "new.txt")
    await ada.open()
    await new.open()
    restore = {**PROJECT, "versionId": version}
    assert (await bob.ask("version:restore", restore))["ok"]
    assert (await ada.heard())["change"] == [3, [4]]
    await until(lambda: open_here(nodes) == ["a.txt"])

    async def nothing(*_: object) -> None:
        pass

    # What is typed meanwhile stays.
    await written(bob, "a.txt", "one two")
    assert (await ada.heard())["change"] == [3, [0, " two"]]
    monkeypatch.setattr(nodes.there.saver, "save_project", nothing)
    assert (await ada.edit([[0, "typed "], 7]))["ok"]
    await ada.heard()
    assert (await bob.ask("version:restore", restore))["ok"]
    assert (await ada.heard())["change"] == [9, [4]]
    while (await ada.client.hear("file:updated"))[0]["content"] != "typed one":
        pass


async def test_an_edit_is_heard_though_its_sender_has_gone(nodes: Nodes) -> None:
    ada = await joined(await nodes.client(nodes.here, "ada"), "ada", "a.txt")
    bob = await joined(await nodes.client(nodes.there, "bob"), "bob", "a.txt")
    await written(bob.client, "a.txt", "one")
    await ada.open()
    await bob.open()
    payload = {
        **bob.file,
        "epoch": bob.epoch,
        "version": 0,
        "author": bob.author,
        "number": 1,
        "change": [3, [0, "!"]],
    }
    gate, passed = await closed_gate(nodes.there.database)
    await bob.client.emit("file:edit", payload)
    await bob.client.close()
    await until(lambda: not nodes.there.sockets.of_user("bob"))
    gate.opened.set()
    await passed
    assert (await ada.heard())["change"] == [3, [0, "!"]]


async def test_they_go_on_without_redis_and_have_the_same_text_afterwards(
    postgres: Postgres, tmp_path: Path
) -> None:
    with running_redis() as redis:
        async with two_nodes(tmp_path, redis.url, postgres.url) as nodes:
            ada = await joined(await nodes.client(nodes.here, "ada"), "ada", "a.txt")
            bob = await joined(await nodes.client(nodes.there, "bob"), "bob", "a.txt")
            await written(ada.client, "a.txt", "")
            typists = [await Typist.of(one) for one in (ada, bob)]
            redis.kill()
            await eventually(lambda: not nodes.here.io.cluster.connected)
            for number in range(3):
                # Each hears nothing of the other, and sees what it has missed with its own edits.
                for name, typist in zip("ab", typists, strict=True):
                    await typist.type(f"{name}{number}", 1)
            assert [len(one.text) for one in typists] == [10, 12]
            redis.start()
            for typist in typists:
                await typist.client.hear("server:resync")
                await typist.come_back()
            assert typists[0].text == typists[1].text
            assert sorted(re.findall(r"\w\d", typists[0].text)) == [
                f"{name}{number}" for name in "ab" for number in range(3)
            ]


async def test_what_a_killed_server_has_acknowledged_is_there_once(
    redis: RedisServer, postgres: Postgres, tmp_path: Path
) -> None:
    settings: dict[str, Any] = {
        "redis_url": redis.url,
        "database_url": postgres.url,
        "event_rate": 0,
    }
    processes = forked_servers.context()
    start = killing.start
    process, port = await asyncio.to_thread(start, processes, tmp_path / "killed", **settings)
    async with running(tmp_path / "there", **settings) as there, AsyncExitStack() as stack:
        bob = await joined(await stack.enter_async_context(connected(there.port)), "bob", "a.txt")
        await written(bob.client, "a.txt", "")
        ada = await joined(await stack.enter_async_context(connected(port)), "ada", "a.txt")
        typists = [await Typist.of(one) for one in (ada, bob)]
        typing = asyncio.create_task(typists[0].type("a", 10_000))
        await typists[1].type("b", 20)
        process.kill()
        await asyncio.to_thread(process.join)
        await asyncio.gather(typing, return_exceptions=True)
        # She comes back to the other server, with what she has, and sends her last change again.
        typists[0].client = await stack.enter_async_context(connected(there.port))
        await typists[0].client.ask("project:join", {**PROJECT, "userId": "ada"})
        last = typists[0].number
        opened = await typists[0].come_back(author=typists[0].author)
        assert opened["number"] in (last, last - 1)
        again = await typists[0].again([[0, "a"], len(typists[0].text)])
        assert again["ok"]
        while opened["number"] < last and not await typists[0].follow():
            pass
        await typists[1].come_back()
        assert typists[0].text == typists[1].text
        assert sorted(typists[0].text) == ["a"] * last + ["b"] * 20


async def test_what_another_server_takes_while_a_file_is_opened_is_not_missed(
    nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = await joined(await nodes.client(nodes.here, "ada"), "ada", "a.txt")
    bob = await joined(await nodes.client(nodes.there, "bob"), "bob", "a.txt")
    await written(bob.client, "a.txt", "one")
    await bob.open()
    read, is_read, goes_on = SharedDocuments.open, asyncio.Event(), asyncio.Event()

    async def slowly(documents: SharedDocuments, *args: Any) -> Any:
        opened = await read(documents, *args)
        is_read.set()
        await goes_on.wait()
        return opened

    monkeypatch.setattr(SharedDocuments, "open", slowly)
    opening = asyncio.create_task(ada.open())
    async with asyncio.timeout(PATIENCE):
        await is_read.wait()
        assert (await bob.edit([3, [0, "!"]]))["ok"]
        await nodes.settled()
        goes_on.set()
        answer = await opening
    assert (answer["content"], answer["version"]) == ("one!", 1)
    assert (await bob.edit([4, [0, "?"]], version=1))["ok"]
    assert (await ada.heard())["change"] == [4, [0, "?"]]


async def test_a_file_is_opened_while_another_server_writes(nodes: Nodes) -> None:
    ada = await joined(await nodes.client(nodes.here, "ada"), "ada", "a.txt")
    await written(ada.client, "a.txt", "one")
    await ada.open()
    gate, passed = await closed_gate(nodes.there.database)
    try:
        assert (await ada.open())["content"] == "one"
        assert not passed.done()
    finally:
        gate.opened.set()
    await passed

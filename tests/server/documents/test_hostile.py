"""Hostile edits, beside an honest typist in the same file.

Invariants:
- A refused edit changes nothing, and nobody else hears of it.
- Nobody's change counts as somebody else's, whatever names it gives itself.
- A flood of edits costs its user's turns and rate, and nobody else's.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from server.api.records import User
from server.documents.authority import Author
from server.documents.change_json import parse
from server.store.document_records import Edit
from tests.server.at_once import result
from tests.server.documents.editors import APP, PROJECT, Editor, content, joined, written
from tests.server.gate import closed_gate
from tests.server.running import running
from tests.server.stage import staged, untold
from tests.server.wire import connected
from tests.waiting import until

FILE = "both.txt"
DEEP: Any = [1]
for _ in range(40):
    DEEP = [DEEP]

HOSTILE: list[Any] = [
    *("", "x", 7, 1.5, True, {}, {"0": 7}, {"length": 1}, DEEP, [DEEP], [[DEEP]]),
    *([], [6], [8], [2**53], [-7], [7.0], [7, 0], [0, 7], [3, 4], [True, 6], [None], [7, None]),
    *([[]], [[7], [0]], [["7"]], [[7, 7]], [[7, None]], [[7, ["x"]]], [[7, {"x": 1}]]),
    *([[2**31, "x"]], [2**31], [7, [0, "\n"]], [7, [0, "\r"]], [7, [0, "\0"]], [7, [0, ""]]),
    *([[1, "x"]] * 1_001, [1] * 5_000, [7, [0, *["x"] * 9_000]], [7, [0, "x" * 70_000]]),
    *([7, [0, "x", 5]], [7, [2**53, "x"]], [7, ["__proto__", "x"]], ["__proto__"]),
]


async def test_what_is_refused_reaches_nobody(tmp_path: Path) -> None:
    async with staged(tmp_path, as_it_was=False) as stage:
        honest, attacker = Editor(stage.honest, FILE), Editor(stage.attacker, FILE)
        await written(stage.honest, FILE, "one two")
        await honest.open()
        await attacker.open()
        await stage.honest.news()
        for change in HOSTILE:
            attacker.number = 0
            answer = await attacker.edit(change)
            assert not answer["ok"], change
            assert answer["error"]["code"] == "VALIDATION_ERROR", change
            assert answer["error"]["details"]["path"].startswith("$.change"), change
            untold(answer)
        good = [7, [0, "!"]]
        for other, code in (
            ({"epoch": "x" * 129}, "VALIDATION_ERROR"),
            ({"epoch": "other"}, "VERSION_CONFLICT"),
            ({"version": 10**15}, "VERSION_CONFLICT"),
            ({"version": 2**60}, "VALIDATION_ERROR"),
            ({"number": 2**60}, "VALIDATION_ERROR"),
            ({"author": "\ud800"}, "VALIDATION_ERROR"),
            ({"filePath": "other.txt"}, "VERSION_CONFLICT"),
            ({"filePath": "../both.txt"}, "INVALID_FILE_PATH"),
            ({"projectId": stage.secret}, "NOT_FOUND"),
            ({"userId": "user-789"}, "FORBIDDEN"),
        ):
            answer = await attacker.edit(good, **other)
            assert answer["error"]["code"] == code, other
        secret = {"projectId": stage.secret, "filePath": FILE}
        assert (await stage.attacker.ask("file:open", secret))["error"]["code"] == "NOT_FOUND"
        assert await stage.honest.news() == []
        assert await content(stage.honest, FILE) == "one two"


async def test_nobodys_change_counts_as_somebody_elses(tmp_path: Path) -> None:
    async with staged(tmp_path, as_it_was=False) as stage:
        honest, attacker = Editor(stage.honest, FILE), Editor(stage.attacker, FILE)
        await written(stage.honest, FILE, "one")
        await honest.open()
        await attacker.open()
        # Under the honest one's name, and with a number that would make all of theirs old.
        assert (await attacker.edit([3, [0, "?"]], author=honest.author, number=2**53 - 1))["ok"]
        assert (await honest.edit([3, [0, "!"]]))["ok"]
        heard = [await honest.heard(), await honest.heard()]
        assert [update["author"] for update in heard] == [honest.author] * 2
        assert [update["user"]["id"] for update in heard] == ["mallory", "user-789"]
        assert await content(stage.honest, FILE) == "one?!"


async def test_a_flood_of_edits_takes_its_own_turns(tmp_path: Path) -> None:
    async with running(tmp_path) as application:
        async with connected(application.port) as client:
            editor = await joined(client, "user-456")
            length = len((await editor.open())["content"])
        gate, passed = await closed_gate(application.database)
        done: list[str] = []

        async def edit(user: User, number: int) -> None:
            change = parse([length, [0, "x"]])
            wanted = Edit(editor.epoch, 0, Author("a", user.id, user.name), number, change)
            store = application.store.of(user.id, "project-123")
            await store.documents.edit("project-123", APP, wanted, check=lambda _: None)
            done.append(user.id)

        mallory, ada = User("mallory", "Mallory"), User("ada", "Ada")
        flood = [asyncio.create_task(edit(mallory, number + 1)) for number in range(300)]
        await asyncio.sleep(0)
        honest = asyncio.create_task(edit(ada, 1))
        await asyncio.sleep(0)
        gate.opened.set()
        await asyncio.gather(passed, honest, *flood)
        assert done.index("ada") <= 1
        assert len(done) == 301


async def test_who_is_late_with_large_changes_pays_for_them(tmp_path: Path) -> None:
    async with (
        running(tmp_path, event_rate=0, tuning={"monotonic": lambda: 0.0}) as application,
        connected(application.port) as client,
        connected(application.port) as other,
    ):
        ada, mallory = await joined(client, "ada", FILE), await joined(other, "mallory", FILE)
        await written(client, FILE, "x" * 1_000)
        for editor in (ada, mallory):
            await editor.open()
        for version in range(60):
            assert (await ada.edit([[1, "y"], 999], version=version))["ok"]
        large = [part for _ in range(300) for part in (1, [1, "z"])] + [400]
        outcomes = []
        for _ in range(9):
            answer = await mallory.edit(large, version=0)
            outcomes.append("ok" if answer["ok"] else answer["error"]["code"])
        # Each goes through 36,000 sections and more, until it is too late for that.
        assert outcomes[:4] == ["ok"] * 4
        assert outcomes[-1] == "RATE_LIMIT_EXCEEDED"
        assert answer["error"]["details"]["retryAfter"] > 0
        # Others pay for nothing of it.
        length = len((await ada.open())["content"])
        assert (await ada.edit([length, [0, "!"]]))["ok"]


async def test_an_exclusive_lock_with_edits_on_their_way(tmp_path: Path) -> None:
    """Those that come to the database after the lock is taken are refused; none is half done."""
    async with (
        running(tmp_path, event_rate=0) as application,
        connected(application.port) as client,
        connected(application.port) as other,
    ):
        ada, bob = await joined(client, "ada"), await joined(other, "bob")
        before = (await ada.open())["content"]
        gate, passed = await closed_gate(application.database)
        editing = asyncio.create_task(ada.edit([len(before), [0, "!"]]))
        # A round trip: the edit is with the database by now.
        await other.ask("test:ping")
        locking = asyncio.create_task(other.ask("file:lock", {**PROJECT, "filePath": bob.path}))
        await until(lambda: result(application.locks.page("project-123"))[0])
        gate.opened.set()
        await passed
        assert (await editing)["error"]["code"] == "FILE_LOCKED"
        assert (await locking)["ok"]
        assert await content(other, bob.path) == before

"""What the store's work holds counts for its user: what it was given, and what it may return."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from server.api.errors import EventError
from server.api.records import ChatMessage, Member, Project, Role, User
from server.documents.authority import Author
from server.documents.changes import joined
from server.store.database import HELD_OF_ONE, Database
from server.store.document_records import Edit as DocumentEdit
from server.store.files import Edit, Moment
from server.store.sqlite import Sqlite
from server.store.store import Store
from tests.server.databases import started
from tests.server.gate import closed_gate

ADA = User("ada", "Ada")
AUTHOR = Author("tab", "ada", "Ada")
PROJECT = Project("p", "P", "", "web", [Member(ADA, Role.OWNER)], "", "")
LONG = "é" * 1_000_000


async def create(store: Store) -> None:
    edit = Edit("created", "before", None)
    await store.files.change("p", "a.txt", edit, user=ADA, now="", check=lambda _: None)


async def change(store: Store, text: str = "x" * 100_000) -> None:
    edit = Edit("updated", text, None)
    await store.files.change("p", "a.txt", edit, user=ADA, now="", check=lambda _: None)


async def change_much(store: Store) -> None:
    await change(store, LONG)


async def read(store: Store) -> None:
    await store.files.read("p", "a.txt", Moment(), 0, 1_000)


async def say(store: Store) -> None:
    await store.conversations.add("p", ChatMessage("m", "r", "user", ADA, "hello", "now"), 10)


@pytest.mark.parametrize(
    ("work", "size"),
    [
        (change, sys.getsizeof("x" * 100_000)),
        (change_much, sys.getsizeof(LONG)),
        (read, 4_000),
        (say, 250_000),
    ],
)
async def test_work_is_counted_while_it_waits(
    tmp_path: Path, work: Callable[[Store], Awaitable[None]], size: int
) -> None:
    async with started(Database(Sqlite(tmp_path))) as database:
        store = Store(database).of("ada", "p")
        await store.projects.add(PROJECT)
        await create(store)
        gate, passed = await closed_gate(database)
        doing = asyncio.ensure_future(work(store))
        await asyncio.sleep(0)
        assert database.held.of("ada") == size
        gate.opened.set()
        await asyncio.gather(passed, doing)
        assert database.held.total == 0


async def test_an_edit_is_counted_by_what_it_inserts(tmp_path: Path) -> None:
    async with started(Database(Sqlite(tmp_path))) as database:
        store = Store(database).of("ada", "p")
        await store.projects.add(PROJECT)
        await create(store)
        opened = await store.documents.open("p", "a.txt", None, AUTHOR, "")
        change = joined([(len("before"), None), (0, "x" * 10_000)])
        edit = DocumentEdit(opened.epoch, opened.version, AUTHOR, 1, change)
        gate, passed = await closed_gate(database)
        doing = asyncio.ensure_future(
            store.documents.edit("p", "a.txt", edit, check=lambda _: None)
        )
        await asyncio.sleep(0)
        assert database.held.of("ada") == sys.getsizeof("x" * 10_000) + sys.getsizeof(None)
        gate.opened.set()
        await asyncio.gather(passed, doing)
        assert database.held.total == 0


async def test_who_holds_too_much_is_refused_and_another_is_not(tmp_path: Path) -> None:
    async with started(Database(Sqlite(tmp_path))) as database:
        await Store(database).of("ada", "p").projects.add(PROJECT)
        gate, passed = await closed_gate(database)
        fits = HELD_OF_ONE // sys.getsizeof(LONG)
        saves = [
            asyncio.ensure_future(change_much(Store(database).of("ada", "p"))) for _ in range(fits)
        ]
        await asyncio.sleep(0)
        with pytest.raises(EventError, match="too much is waiting") as caught:
            await change_much(Store(database).of("ada", "p"))
        assert caught.value.code == "RATE_LIMIT_EXCEEDED"
        other = asyncio.ensure_future(Store(database).of("bob", "p").files.page("p", "", 10))
        gate.opened.set()
        assert (await other).items == []
        for save in saves:
            save.cancel()
        await asyncio.gather(passed, *saves, return_exceptions=True)
    await asyncio.sleep(0)
    assert database.held.total == 0

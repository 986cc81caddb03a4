"""The documents of a moved folder, of which some have followed it.

Invariant: whoever uses a document finds the one of the file that is at its path by now, with all
that was typed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

import pytest

from server.api.records import Member, Project, Role, User
from server.documents.authority import Author
from server.documents.change_json import parse
from server.store import document_moves, leftovers, membership, project_files
from server.store.connection import Connection
from server.store.database import Database
from server.store.document_records import Edit, Since
from server.store.documents import Documents
from server.store.jobs import StepsFirst
from server.store.store import Store
from tests.server.gate import closed_gate
from tests.server.store.counted import only_sqlite

T = TypeVar("T")
ADA = User("ada", "Ada")
TAB = Author("tab", "ada", "Ada")
PROJECT = Project("p", "P", "", "web", [Member(ADA, Role.OWNER)], "", "")
ALL_MOVED = ["new/a", "new/b", "new/c"]


class HalfMoved:
    """The folder "old" is "new" since the last step, and one of its documents has followed."""

    def __init__(self, connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
        self.connection = connection
        self.epochs = {}
        membership.add_project(connection, PROJECT)
        documents = Documents()
        for name in "abc":
            project_files.write(connection, "p", f"old/{name}", name, user_id="ada", now="")
            epoch = documents.open(connection, ("p", f"old/{name}"), None, None, "").epoch
            edit = Edit(epoch, 0, TAB, 1, parse([1, [0, "!"]]))
            documents.edit(connection, ("p", f"old/{name}"), edit)
            self.epochs[name] = epoch
        for name in "abc":
            project_files.move(connection, "p", f"old/{name}", f"new/{name}")
        documents.move_folder(connection, "p", "old", "new")
        monkeypatch.setattr(document_moves, "MOVED_AT_ONCE", 1)
        assert documents.go_on_moving(connection, "p")
        assert self.paths() == ["new/a", "old/b", "old/c"]
        # As after a kill, or in another server.
        self.documents = Documents()

    def paths(self) -> list[str]:
        rows = self.connection.execute("SELECT path FROM documents ORDER BY path").fetchall()
        return [path for (path,) in rows]

    def do(self, work: Callable[[], T]) -> T:
        """Do work that has to wait for steps at first, as the database's thread does."""
        self.connection.execute("SAVEPOINT work")
        with pytest.raises(StepsFirst) as left:
            work()
        self.connection.execute("ROLLBACK TO work")
        assert left.value.project_id == "p"
        # Two documents, and the look whether there are more.
        assert len([*left.value.steps(self.connection)]) == 2
        return work()

    def text(self, path: str, since: Since | None = None) -> tuple[str, str | None, str]:
        there = self.documents.open(self.connection, ("p", path), since, None, "")
        return there.path, there.text, there.epoch


@pytest.fixture
def half(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> HalfMoved:
    return HalfMoved(connection, monkeypatch)


def test_an_edit_finds_the_document_of_a_folder_on_its_way(half: HalfMoved) -> None:
    edit = Edit(half.epochs["c"], 1, TAB, 2, parse([2, [0, "?"]]))
    edited = half.do(lambda: half.documents.edit(half.connection, ("p", "new/c"), edit))
    assert edited.update is not None
    assert half.paths() == ALL_MOVED
    saved = half.documents.save(half.connection, ("p", "new/c"), "now")
    assert saved is not None
    assert saved[1] == "c!?"
    assert not half.documents.go_on_moving(half.connection, "p")


def test_who_comes_back_finds_the_document_of_a_folder_on_its_way(half: HalfMoved) -> None:
    epoch = half.epochs["b"]
    found = half.do(lambda: half.text("old/b", Since(epoch, 1)))
    assert found == ("new/b", None, epoch)
    assert half.paths() == ALL_MOVED


def test_a_file_where_the_folder_was_has_nothing_of_a_document_on_its_way(half: HalfMoved) -> None:
    project_files.write(half.connection, "p", "old/b", "other", user_id="ada", now="")
    path, text, epoch = half.do(lambda: half.text("old/b"))
    assert (path, text) == ("old/b", "other")
    assert epoch not in half.epochs.values()
    assert half.text("new/b") == ("new/b", "b!", half.epochs["b"])
    assert half.paths() == [*ALL_MOVED, "old/b"]


def test_what_is_not_saved_is_found_where_its_folder_is(half: HalfMoved) -> None:
    unsaved = half.do(lambda: half.documents.unsaved(half.connection))
    assert sorted(unsaved) == [("p", path) for path in ALL_MOVED]
    assert half.paths() == ALL_MOVED


def test_documents_on_their_way_are_deleted_and_moved_on(half: HalfMoved) -> None:
    project_files.delete(half.connection, "p", "new/c")
    half.do(lambda: half.documents.delete(half.connection, ("p", "new/c")))
    assert half.paths() == ["new/a", "new/b"]
    project_files.move(half.connection, "p", "new/b", "b")
    half.documents.move(half.connection, "p", "new/b", "b")
    assert half.paths() == ["b", "new/a"]
    assert half.text("b") == ("b", "b!", half.epochs["b"])


def test_a_file_with_a_document_on_its_way_is_moved_on(half: HalfMoved) -> None:
    project_files.move(half.connection, "p", "new/b", "b")
    half.do(lambda: half.documents.move(half.connection, "p", "new/b", "b"))
    assert half.paths() == ["b", "new/a", "new/c"]
    assert half.text("b") == ("b", "b!", half.epochs["b"])


def test_a_folder_moves_on_with_documents_on_their_way(half: HalfMoved) -> None:
    for name in "abc":
        project_files.move(half.connection, "p", f"new/{name}", f"last/{name}")
    half.documents.move_folder(half.connection, "p", "new", "last")
    while half.documents.go_on_moving(half.connection, "p"):
        pass
    assert half.paths() == ["last/a", "last/b", "last/c"]


def test_a_folder_is_deleted_with_documents_on_their_way(half: HalfMoved) -> None:
    for name in "abc":
        project_files.delete(half.connection, "p", f"new/{name}")
    more = half.do(lambda: half.documents.forget_some(half.connection, "p", "new"))
    while more:
        more = half.documents.forget_some(half.connection, "p", "new")
    while leftovers.are_there(half.connection):
        leftovers.delete_some(half.connection)
    assert half.paths() == []


def test_a_deleted_project_leaves_no_documents_on_their_way(half: HalfMoved) -> None:
    membership.delete_project(half.connection, "p")
    while leftovers.are_there(half.connection):
        leftovers.delete_some(half.connection)
    assert half.paths() == []
    count = "SELECT count(*) FROM document_moves"
    assert half.connection.execute(count).fetchone() == (0,)


async def left_on_its_way(database: Database, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A folder that is "new" by now, with three documents on their way. Return their epochs."""

    def leave(connection: Connection) -> list[str]:
        membership.add_project(connection, PROJECT)
        documents = Documents()
        epochs = []
        for number in range(3):
            project_files.write(connection, "p", f"old/{number}", "", user_id="ada", now="")
            key = "p", f"old/{number}"
            epochs.append(documents.open(connection, key, None, None, "").epoch)
            project_files.move(connection, "p", f"old/{number}", f"new/{number}")
        documents.move_folder(connection, "p", "old", "new")
        return epochs

    monkeypatch.setattr(document_moves, "MOVED_AT_ONCE", 1)
    return await database.run(leave)


async def test_who_finishes_a_move_lets_others_have_turns_and_keeps_the_order(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    epochs = await left_on_its_way(database, monkeypatch)
    store = Store(database)
    order: list[str] = []
    gate, passed = await closed_gate(database)

    async def type_text(number: int) -> None:
        change = parse([[0, "!"]] if number == 1 else [number - 1, [0, "!"]])
        edit = Edit(epochs[2], number - 1, TAB, number, change)
        documents = store.of("ada", "p").documents
        await documents.edit("p", "new/2", edit, check=lambda _: None)
        order.append(f"edit {number}")

    typed = [asyncio.create_task(type_text(number)) for number in (1, 2, 3)]
    await asyncio.sleep(0)
    other = database.of("ada", "p").run(lambda _: order.append("the project's"))
    free = database.of("eve", "q").run(lambda _: order.append("another's"))
    gate.opened.set()
    await asyncio.gather(passed, other, free, *typed)
    assert order[0] == "another's"
    # What is done on the thread is noted before its result is told.
    assert [one for one in order if one.startswith("edit")] == ["edit 1", "edit 2", "edit 3"]
    assert "the project's" in order
    there = await store.documents.open("p", "new/2", None, None, "")
    assert (there.text, there.epoch) == ("!!!", epochs[2])


async def test_work_for_no_project_finishes_a_move_as_well(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two at once, and what is for the project waits for both."""
    epochs = await left_on_its_way(database, monkeypatch)
    store = Store(database)
    gate, passed = await closed_gate(database)
    unsaved = asyncio.ensure_future(store.documents.unsaved())
    opened = asyncio.ensure_future(store.of("eve").documents.open("p", "new/1", None, None, ""))
    await asyncio.sleep(0)
    late = asyncio.ensure_future(store.of("bob", "p").documents.open("p", "new/0", None, None, ""))
    await asyncio.sleep(0)
    gate.opened.set()
    await passed
    assert await unsaved == []
    assert (await opened).epoch == epochs[1]
    assert (await late).epoch == epochs[0]


@only_sqlite
async def test_a_move_that_cannot_be_finished_keeps_nobody_waiting(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    epochs = await left_on_its_way(database, monkeypatch)
    fails = (
        "CREATE TRIGGER fails BEFORE UPDATE OF path ON documents WHEN old.path = 'old/1' "
        "BEGIN SELECT RAISE(ABORT, 'no'); END"
    )
    await database.run(lambda c: c.execute(fails))
    store = Store(database).of("ada", "p")
    results = await asyncio.gather(
        store.documents.open("p", "new/0", None, None, ""),
        store.documents.open("p", "new/0", None, None, ""),
        return_exceptions=True,
    )
    assert [type(one).__name__ for one in results] == ["EventError", "EventError"]
    await database.run(lambda c: c.execute("DROP TRIGGER fails"))
    assert (await store.documents.open("p", "new/1", None, None, "")).epoch == epochs[1]


@only_sqlite
async def test_what_fails_on_the_way_is_done_by_who_comes_next(database: Database) -> None:
    store = Store(database).of("ada", "p")
    await store.projects.add(PROJECT)

    def typed(connection: Connection) -> None:
        project_files.write(connection, "p", "old/a", "a", user_id="ada", now="")

    await database.run(typed)
    epoch = (await store.documents.open("p", "old/a", None, None, "")).epoch
    edit = Edit(epoch, 0, TAB, 1, parse([1, [0, "!"]]))
    await store.documents.edit("p", "old/a", edit, check=lambda _: None)
    fails = (
        "CREATE TRIGGER fails BEFORE UPDATE OF path ON documents "
        "BEGIN SELECT RAISE(ABORT, 'no'); END"
    )
    await database.run(lambda c: c.execute(fails))
    async with store.tree.move_folder("p", "old", "new", check=lambda _: None) as done:
        assert done.result.file_count == 1
    await database.run(lambda c: c.execute("DROP TRIGGER fails"))
    there = await store.documents.open("p", "new/a", None, None, "")
    assert (there.text, there.epoch) == ("a!", epoch)

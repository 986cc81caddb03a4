"""Files that another program has changed are taken over some at a time, with few statements.

Invariant: what is done to many files at once is what would be done to one after the other.
"""

from __future__ import annotations

import asyncio
from contextlib import closing
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.api.errors import EventError
from server.api.records import Member, Project, Role, User
from server.documents.authority import Author
from server.documents.change_json import parse
from server.store import contents, files, history, membership, project_files, taking_over, trees
from server.store.connection import Connection
from server.store.database import Database
from server.store.document_records import Edit
from server.store.documents import Documents
from server.store.postgres import Postgres
from server.store.sqlite import SqliteSession
from server.store.store import Store
from server.store.taking_over import AT_ONCE, Found, take_over
from tests.effort import examples
from tests.server.databases import undone
from tests.server.store.meter import MOST_STEPS, metered

ADA, PROGRAM = User("ada", "Ada"), User("program", "program")
PROJECT = Project("p", "P", "", "web", [Member(ADA, Role.OWNER)], "", "")
FILES = 4 * AT_ONCE + 1
TABLES = (
    "SELECT path, hash, size, revision, updated_at, updated_by, media_type FROM tree_files "
    "ORDER BY path",
    "SELECT file_count, size FROM trees ORDER BY id",
    "SELECT path, hash, size, media_type, saved_at, saved_by, users, saves FROM saves "
    "ORDER BY sequence",
    "SELECT row_count, size FROM histories",
    "SELECT hash FROM contents ORDER BY hash",
    "SELECT path FROM touched ORDER BY path",
    "SELECT path, version FROM documents ORDER BY path",
    "SELECT revision FROM projects WHERE id = 'p'",
)
# Short ones, one in two parts, and two that are no texts.
CONTENTS = st.sampled_from(
    ["", "one", "two", "\u20ac" * (contents.PART // 2 - 100), b"\x89PNG\r\n\x1a\n", b"\xff", None]
)
DIRECTORY = st.dictionaries(st.sampled_from(["a", "b", "c/d", "e"]), CONTENTS)


def one_by_one(connection: Connection, documents: Documents, found: Found, now: str) -> None:
    if not found:
        return
    # Those that somebody edits come last.
    opened = documents.among(connection, "p", found)
    for path in sorted(found, key=opened.__contains__):
        content = found[path]
        digest = None if content is None else contents.digest(content)
        if files.differs(connection, "p", path, digest):
            taking_over.take_over_one(
                connection, documents, ("p", path), content, content, PROGRAM, now
            )


def tables(connection: Connection) -> list[Any]:
    return [connection.execute(statement).fetchall() for statement in TABLES]


@pytest.mark.parametrize("touching", [False, True])
def test_many_at_once_are_as_one_after_the_other(empty: Connection, touching: bool) -> None:
    @given(there=DIRECTORY, opened=st.booleans(), found=st.lists(DIRECTORY, max_size=3))
    @settings(max_examples=examples(10), deadline=None)
    def check(there: dict[str, str], opened: bool, found: list[dict[str, str]]) -> None:
        seen = []
        for at_once in (True, False):
            with undone(empty) as connection:
                membership.add_project(connection, PROJECT)
                documents = Documents()
                one_by_one(connection, documents, there, "before")
                if touching:
                    trees.begin(connection, "p")
                if opened and isinstance(there.get("a"), str) and there["a"] in ("", "one", "two"):
                    documents.open(connection, ("p", "a"), None, None, "before")
                for number, one in enumerate(found):
                    if at_once:
                        take_over(connection, documents, "p", one, PROGRAM, f"{number}")
                    else:
                        one_by_one(connection, documents, one, f"{number}")
                seen.append(tables(connection))
        assert seen[0] == seen[1]

    check()


def test_what_is_typed_meanwhile_is_merged(empty: Connection) -> None:
    with undone(empty) as connection:
        membership.add_project(connection, PROJECT)
        documents = Documents()
        take_over(connection, documents, "p", {"a": "one\ntwo", "b": "b"}, PROGRAM, "now")
        opened = documents.open(connection, ("p", "a"), None, None, "now")
        typed = Edit(opened.epoch, 0, Author("x", "ada", "Ada"), 1, parse([7, [0, "!"]]))
        documents.edit(connection, ("p", "a"), typed)
        found: Found = {"b": "c", "a": "ONE\ntwo", "new": b"\xff"}
        first, second, third = take_over(connection, documents, "p", found, PROGRAM, "now")
        assert (first.change.path, first.text, first.updates) == ("b", "c", [])
        assert (second.change.path, second.text, len(second.updates)) == ("a", "ONE\ntwo!", 1)
        assert (third.change.path, third.text, third.change.created) == ("new", None, True)
        assert take_over(connection, documents, "p", {"b": "c"}, PROGRAM, "now") == []
        assert take_over(connection, documents, "p", {}, PROGRAM, "now") == []


@pytest.mark.parametrize("limit", ["MAX_FILES", "MAX_SIZE"])
def test_more_than_a_project_may_have_is_refused(
    empty: Connection, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    monkeypatch.setattr(project_files, limit, 3)
    with undone(empty) as connection:
        membership.add_project(connection, PROJECT)
        documents = Documents()
        take_over(connection, documents, "p", dict.fromkeys("abc", "x"), PROGRAM, "now")
        # One goes and one comes.
        take_over(connection, documents, "p", {"a": None, "d": "x"}, PROGRAM, "now")
        with pytest.raises(EventError, match="delete some first"):
            take_over(connection, documents, "p", {"b": "y", "e": "x"}, PROGRAM, "now")


def test_a_full_history_loses_its_oldest_rows(
    empty: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "MOST", 3)
    with undone(empty) as connection:
        membership.add_project(connection, PROJECT)
        documents = Documents()
        for text in ("one", "two"):
            take_over(connection, documents, "p", dict.fromkeys("ab", text), PROGRAM, "now")
        rows = connection.execute("SELECT path, hash FROM saves ORDER BY sequence").fetchall()
        one, two = contents.digest("one"), contents.digest("two")
        assert rows == [("b", one), ("a", two), ("b", two)]
        take_over(connection, documents, "p", dict.fromkeys("ab", "three"), PROGRAM, "now")
        hashes = {one for (one,) in connection.execute("SELECT hash FROM contents")}
        # No file has the first one, and none has had it as far as anybody knows.
        assert hashes == {two, contents.digest("three")}


@pytest.mark.parametrize("kind", ["new", "rewritten", "deleted"])
def test_many_files_are_few_statements(large: SqliteSession, kind: str) -> None:
    folder = "new" if kind == "new" else "src"
    content = None if kind == "deleted" else "rewritten"
    found = {f"{folder}/{number:05}": content for number in range(AT_ONCE)}
    with metered(large) as meter:
        large.execute("UPDATE histories SET row_count = 0")
        large.execute("UPDATE trees SET file_count = 0, size = 0")
        meter.statements.clear()
        meter.taken()
        assert len(take_over(large, Documents(), "p0", found, PROGRAM, "now")) == AT_ONCE
        # One for each file that is deleted.
        assert len(meter.statements) <= 14 + (AT_ONCE if kind == "deleted" else 0)
        assert meter.taken() <= MOST_STEPS / 3


READ = "SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0)) FROM pg_stat_xact_user_tables"


def test_postgresql_reads_few_rows_for_many_files(postgres: Postgres) -> None:
    """Before it knows how large a table is: a list of paths would make it read all of one."""
    with closing(postgres.connect()) as connection, undone(connection):
        membership.add_project(connection, PROJECT)
        documents = Documents()
        paths = [f"{number:03}" for number in range(12 * AT_ONCE)]
        parts_of_it = [paths[at : at + AT_ONCE] for at in range(0, len(paths), AT_ONCE)]
        # More often than a statement has plans of its own for its values.
        for some in parts_of_it:
            take_over(connection, documents, "p", dict.fromkeys(some, "one"), PROGRAM, "now")
        (before,) = connection.execute(READ).fetchone()
        take_over(connection, documents, "p", dict.fromkeys(parts_of_it[5], "two"), PROGRAM, "now")
        assert len(project_files.files_at(connection, "p", parts_of_it[7])) == AT_ONCE
        (after,) = connection.execute(READ).fetchone()
        assert after - before < 10 * AT_ONCE


def files_there(connection: Connection) -> int:
    count: int
    (count,) = connection.execute("SELECT count(*) FROM tree_files").fetchone()
    return count


async def test_who_saves_meanwhile_waits_for_some_files(database: Database) -> None:
    store = Store(database).of("workspace", "p")
    await store.projects.add(PROJECT)
    found = {f"{number}.txt": "new" for number in range(FILES)}

    async def taken_over() -> list[str]:
        return [
            one.change.path
            async for one in store.files.take_over(
                "p", found, user=ADA, now="", unless=lambda _: False
            )
        ]

    taking = asyncio.create_task(taken_over())
    await asyncio.sleep(0)
    seen = [0]
    while not taking.done():
        # As a save of somebody else would.
        seen.append(await database.of("bob").run(files_there))
    steps = [after - before for before, after in pairwise(seen)]
    assert max(steps) == AT_ONCE
    assert await taking == list(found)
    assert await database.run(files_there) == FILES

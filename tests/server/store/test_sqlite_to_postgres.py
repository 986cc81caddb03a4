"""Everything goes from SQLite to PostgreSQL, or nothing.

Invariants:
- Afterwards all tables have the same rows, and the server goes on with them.
- What is interrupted, in use, or not empty is left as it was.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from unittest.mock import patch

import pytest

from server.api.records import ChatMessage, Notification, User, Version
from server.documents.authority import Author
from server.documents.change_json import parse
from server.store import (
    accounts,
    bins,
    contents,
    conversations,
    demonstration,
    document_records,
    documents,
    files,
    leftovers,
    notices,
    project_files,
    snapshots,
    sqlite_to_postgres,
)
from server.store.connection import Connection
from server.store.engine import StoreError
from server.store.postgres import Postgres
from server.store.sqlite import Sqlite

ADA = User("user-456", "Ada")
P = demonstration.PROJECT_ID
LONG = "long \u00e9\U0001f600 " * 50_000
FILLED = [
    "authors",
    "bins",
    "content_parts",
    "contents",
    "counters",
    "documents",
    "edits",
    "leftovers",
    "members",
    "messages",
    "notifications",
    "projects",
    "sessions",
    "touched",
    "tree_files",
    "trees",
    "users",
    "versions",
]


def fill(connection: Connection) -> None:
    """Put something into each of `FILLED`."""
    demonstration.seed(connection, "now")
    project_files.write(connection, P, "long.txt", LONG, user_id="ada", now="now")
    project_files.write(connection, P, "gone.txt", "gone", user_id="ada", now="now")
    bins.throw_file(connection, P, files.deletion("gone.txt", "ada", "now"))
    for _ in snapshots.create(connection, Version("v", P, "V", "", "now", "ada", 0)):
        pass
    list(snapshots.create(connection, Version("w", P, "W", "", "now", "ada", 0)))
    begun = snapshots.create(connection, Version("x", P, "X", "", "now", "ada", 0))
    next(begun, None)
    message = ChatMessage("m", "r", "user", ADA, "with U+0000: \0.", "now")
    conversations.add(connection, P, message)
    notices.add(connection, Notification("n", "project", "", "", "", False, "user-456"))
    notices.add(connection, Notification("o", "project", "", "", "", False, "user-456"))
    notices.mark_read(connection, "user-456", ["o"])
    accounts.open_session(
        connection, accounts.StoredSession("k", ADA, 1_790_000_000.123456, 1.9e9), 5
    )
    open_ones = documents.Documents()
    author = Author("tab", "user-456", "Ada")
    path = "src/components/App.jsx"
    opened = open_ones.open(connection, (P, path), None, author, "now")
    change = parse([len(opened.text or ""), [0, "!"]])
    edit = document_records.Edit(opened.epoch, 0, author, 1, change)
    open_ones.edit(connection, (P, path), edit)
    connection.execute("INSERT INTO leftovers (chat, maker) VALUES ('c', 'kept')")
    connection.execute("INSERT INTO touched VALUES ('kept', 'path')")


def rows(connection: Connection, table: str) -> list[tuple[object, ...]]:
    found = connection.execute(f"SELECT * FROM {table}").fetchall()
    plain = [
        tuple(int(value) if isinstance(value, bool) else value for value in row) for row in found
    ]
    return sorted(plain, key=repr)


@pytest.fixture
def source(tmp_path: Path) -> Sqlite:
    engine = Sqlite(tmp_path)
    with contextlib.closing(engine.connect()) as connection:
        fill(connection)
        leftovers.begin(connection)
    return engine


def test_everything_is_copied(source: Sqlite, postgres: Postgres) -> None:
    with patch.object(sqlite_to_postgres, "_AT_ONCE", 3):
        counts = sqlite_to_postgres.transfer(source, postgres)
    with (
        contextlib.closing(source.connect()) as before,
        contextlib.closing(postgres.connect()) as after,
    ):
        for table in counts:
            expected = rows(before, table)
            if table == "messages":
                expected = [
                    tuple(
                        one.replace("\0", "\ufffd") if isinstance(one, str) else one for one in row
                    )
                    for row in expected
                ]
            assert rows(after, table) == expected
            assert counts[table] == len(expected)
    assert {table for table in FILLED if counts[table]} == set(FILLED)
    # What comes gets numbers that nothing has.
    with contextlib.closing(postgres.serve()) as session:
        file = project_files.file(session, P, "long.txt")
        assert file is not None
        assert contents.whole(session, file.hash) == LONG
        project_files.write(session, P, "new.txt", "new", user_id="ada", now="now")
        conversations.add(session, P, ChatMessage("m2", "r", "user", ADA, "next", "now"))
        list(snapshots.create(session, Version("y", P, "Y", "", "now", "ada", 0)))
        assert [one.id for one in conversations.latest(session, P, 10)] == ["m", "m2"]


def test_what_is_not_empty_is_left_alone(source: Sqlite, postgres: Postgres) -> None:
    with contextlib.closing(postgres.connect()) as connection:
        connection.execute("INSERT INTO counters VALUES ('there', 1)")
    with pytest.raises(StoreError, match="it is not empty: choose another database"):
        sqlite_to_postgres.transfer(source, postgres)
    with contextlib.closing(postgres.connect()) as connection:
        assert rows(connection, "counters") == [("there", 1)]
        assert rows(connection, "users") == []


def test_what_goes_wrong_leaves_nothing(source: Sqlite, postgres: Postgres) -> None:
    fitting, calls = sqlite_to_postgres._fitting, iter(range(10_000))

    def torn(row: tuple[object, ...], truths: list[bool]) -> tuple[object, ...]:
        # One value is another one when it is read again.
        return ("other", *fitting(row, truths)[1:]) if next(calls) == 4 else fitting(row, truths)

    with (
        patch.object(sqlite_to_postgres, "_fitting", torn),
        pytest.raises(StoreError, match="nothing was copied"),
    ):
        sqlite_to_postgres.transfer(source, postgres)
    with contextlib.closing(source.connect()) as connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.execute("UPDATE tree_files SET hash = 'nowhere'")
    with pytest.raises(StoreError, match="violates foreign key constraint"):
        sqlite_to_postgres.transfer(source, postgres)
    with contextlib.closing(postgres.connect()) as target:
        assert all(rows(target, table) == [] for table in FILLED)


def test_neither_may_be_in_use(source: Sqlite, postgres: Postgres, tmp_path: Path) -> None:
    with (
        contextlib.closing(source.serve()),
        pytest.raises(StoreError, match="another server is using it"),
    ):
        sqlite_to_postgres.transfer(source, postgres)
    with pytest.raises(StoreError, match="it has no database"):
        sqlite_to_postgres.transfer(Sqlite(tmp_path / "elsewhere"), postgres)

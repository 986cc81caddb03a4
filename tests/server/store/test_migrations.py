"""An older server's database becomes this one's, with all that is in it."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import pytest

from server.api.records import Action, File, Role, Version
from server.store import (
    contents,
    conversations,
    leftovers,
    membership,
    project_files,
    snapshots,
    sqlite_steps,
)
from server.store.contents import Stored
from server.store.snapshots import Differing
from server.store.sqlite import FILE_NAME, Sqlite

# What the first version of the tables had after some use.
FIRST = """
INSERT INTO users VALUES ('ada', 'Ada', NULL, 'then');
INSERT INTO projects VALUES ('p', 'Shop', '', 'web', NULL, 7, 'then', 'now');
INSERT INTO projects VALUES ('empty', 'Empty', '', 'web', 'editor', 0, 'then', 'then');
INSERT INTO members VALUES ('p', 'ada', 'owner');
INSERT INTO contents VALUES ('h1', x'6f6e65'), ('h2', x'74776f32');
INSERT INTO files VALUES ('p', 'a.txt', 'h1', 3, 6, 'now', 'ada');
INSERT INTO files VALUES ('p', 'b.txt', 'h2', 4, 7, 'now', 'ada');
INSERT INTO versions VALUES (5, 'v', 'p', 'First', '', 'then', 'ada');
INSERT INTO versions VALUES (6, 'w', 'p', 'Nothing', '', 'then', 'ada');
INSERT INTO version_files VALUES ('v', 'a.txt', 'h2', 4);
INSERT INTO messages VALUES (3, 'm', 'p', 'r', 'user', 'ada', 'Hello', NULL, 'then');
INSERT INTO messages VALUES (4, 'n', 'p', 'r', 'user', 'ada', 'Again', NULL, 'then');
INSERT INTO messages VALUES (5, 'o', 'p', 's', 'assistant', 'assistant', 'Two files',
    '{"id": "o", "content": "Two files", "provider": "x", "model": "y", "cancelled": false,
      "actions": [{"type": "create-file", "path": "a", "content": "\\u00fc\\n"},
                  {"type": "create-file", "path": "b", "content": ""}]}', 'then');
INSERT INTO messages VALUES (6, 'q', 'p', 't', 'assistant', 'assistant', 'None',
    '{"id": "q", "content": "None", "provider": "x", "model": "y", "cancelled": false}', 'then');
"""


@pytest.fixture
def old(tmp_path: Path) -> Path:
    with contextlib.closing(sqlite3.connect(tmp_path / FILE_NAME)) as connection:
        connection.executescript(sqlite_steps.STEPS[0] + FIRST + "PRAGMA user_version = 1;")
    return tmp_path


def test_the_first_tables_become_the_present_ones(old: Path) -> None:
    for _ in range(2):
        with contextlib.closing(Sqlite(old).connect()) as connection:
            assert connection.execute("PRAGMA user_version").fetchone() == (17,)
            assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
            assert project_files.files(connection, "p") == [
                File("a.txt", "a.txt", 3, "h1", 6, "now", "ada"),
                File("b.txt", "b.txt", 4, "h2", 7, "now", "ada"),
            ]
            assert project_files.files(connection, "empty") == []
            assert snapshots.versions(connection, "p") == [
                Version("w", "p", "Nothing", "", "then", "ada", 0),
                Version("v", "p", "First", "", "then", "ada", 1),
            ]
            compared = snapshots.compared(connection, "p", "v", "w")
            differing = [Differing("a.txt", Stored("h2", 4), None)]
            assert snapshots.differing(connection, compared, "", 10) == (differing, None)
            assert [contents.whole(connection, one) for one in ("h1", "h2")] == ["one", "two2"]
            said = [one.content for one in conversations.latest(connection, "p", 10)]
            assert said == ["Hello", "Again", "Two files", "None"]
            response = conversations.latest(connection, "p", 10)[2].response
            assert response is not None
            assert response.request_id == "s"
            assert response.actions == [
                Action("action-1", "create-file", "a", "\u00fc\n"),
                Action("action-2", "create-file", "b", ""),
            ]
            project = membership.project(connection, "p")
            assert project is not None
            assert [member.role for member in project.members] == [Role.OWNER]


@pytest.mark.parametrize("more", [-1, 0, 1])
def test_long_contents_are_cut_into_parts(tmp_path: Path, more: int) -> None:
    before = {
        "h1": "".join(chr(0x4E00 + at % 5_000) for at in range(3 * contents.PART // 3 * 3 + more)),
        "h2": "x" * (contents.PART + more),
        "h3": "",
    }
    with contextlib.closing(sqlite3.connect(tmp_path / FILE_NAME)) as connection:
        connection.executescript("".join(sqlite_steps.STEPS[:4]) + "PRAGMA user_version = 4;")
        rows = [(name, text.encode()) for name, text in before.items()]
        connection.executemany("INSERT INTO contents VALUES (?, ?)", rows)
        connection.commit()
    with contextlib.closing(Sqlite(tmp_path).connect()) as connection:
        assert {name: contents.whole(connection, name) for name in before} == before
        (longest,) = connection.execute("SELECT max(length(content)) FROM contents").fetchone()
        assert longest == min(contents.PART, len(before["h1"].encode()))
        lengths = connection.execute(
            "SELECT p.number, length(p.part) FROM content_parts p JOIN contents c "
            "ON c.parts = p.parts WHERE c.hash = 'h1' ORDER BY p.number"
        ).fetchall()
        count = 9 if more <= 0 else 10
        assert [number for number, _ in lengths[:-1]] == list(range(1, len(lengths)))
        assert {size for _, size in lengths[:-1]} == {contents.PART}
        assert sum(size for _, size in lengths) + contents.PART == len(before["h1"].encode())
        assert len(lengths) + 1 == count
        # The next long content gets a number of its own.
        contents_before = connection.execute("SELECT max(parts) FROM contents").fetchone()
        content_hash, _, _ = contents.add(connection, "y" * (contents.PART + 1))
        added = connection.execute("SELECT parts FROM contents WHERE hash = ?", (content_hash,))
        assert added.fetchone() > contents_before


def test_what_was_counted_anew_each_time_has_its_counters(old: Path) -> None:
    with contextlib.closing(Sqlite(old).connect()) as connection:
        counted = connection.execute(
            "SELECT p.id, p.message_count, t.file_count, t.size FROM projects p "
            "JOIN trees t ON t.id = p.tree ORDER BY p.id"
        ).fetchall()
        assert counted == [("empty", 0, 0, 0), ("p", 4, 2, 7)]
        change = project_files.write(connection, "p", "c.txt", "12345", user_id="ada", now="later")
        assert change.file is not None
        assert change.file.revision == 8
        project_files.write(connection, "p", "c.txt", "1", user_id="ada", now="later")
        project_files.delete(connection, "p", "a.txt")
        assert connection.execute(
            "SELECT file_count, size FROM trees JOIN projects ON tree = trees.id WHERE "
            "projects.id = 'p'"
        ).fetchone() == (2, 5)
        membership.delete_project(connection, "p")
        while leftovers.are_there(connection):
            leftovers.delete_some(connection)
        for table in ("contents", "tree_files", "messages"):
            assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)


def test_a_version_that_was_not_finished_is_gone_with_the_next_start(old: Path) -> None:
    with contextlib.closing(Sqlite(old).connect()) as connection:
        version = Version("x", "p", "Never", "", "then", "ada", 0)
        restoring = snapshots.restore(
            connection, "v", version, user_id="ada", now="now", check=lambda _: None
        )
        for _ in range(3):
            next(restoring)
        assert not leftovers.are_there(connection)
        assert connection.execute("SELECT count(*) FROM tree_files").fetchone() == (4,)
        restoring.close()
    # What a command does beside a server leaves alone what that one is making.
    with contextlib.closing(Sqlite(old).connect()) as connection:
        assert not leftovers.are_there(connection)
    with contextlib.closing(Sqlite(old).serve()) as connection:
        assert leftovers.are_there(connection)
        leftovers.delete_some(connection)
        assert not leftovers.are_there(connection)
        assert connection.execute("SELECT count(*) FROM tree_files").fetchone() == (3,)
        assert [file.path for file in project_files.files(connection, "p")] == ["a.txt", "b.txt"]
        assert [one.id for one in snapshots.versions(connection, "p")] == ["w", "v"]

"""The history of files.

Invariants:
- Each content that a file had at a save is kept, unless people who typed together went on from it,
  and nothing is kept that no row and no file has.
- A history follows its file to other paths, and only its file.
"""

from __future__ import annotations

import contextlib
from unittest.mock import patch

import pytest

from server.api.errors import EventError
from server.api.records import Project
from server.store import files, folders, history, leftovers, membership, project_files
from server.store.connection import FUTURE, Connection

ALL = 1_000


@pytest.fixture(autouse=True)
def project(connection: Connection) -> None:
    membership.add_project(connection, Project("p", "P", "", "web", [], "", ""))


def write(
    connection: Connection,
    path: str,
    text: str,
    now: str,
    user: str = "ada",
    *,
    edited: bool = False,
) -> None:
    project_files.write(connection, "p", path, text, user_id=user, now=now, edited=edited)


def at(minute: int, day: int = 1, hour: int = 10) -> str:
    return f"2026-01-{day:02}T{hour:02}:{minute:02}:00.000Z"


def history_of(connection: Connection, path: str) -> list[tuple[str, str, int]]:
    """The text, the users and the number of saves of each row of a file."""
    found = []
    for _, save in history.saves(connection, "p", path, FUTURE, ALL):
        part = files.read(connection, "p", path, files.Moment(save_id=save.id), 0, 100)
        assert (part.hash, part.file) == (save.hash, None)
        found.append((part.content, " ".join(save.users), save.count))
    return found


def kept(connection: Connection) -> int:
    while leftovers.are_there(connection):
        leftovers.delete_some(connection)
    count: int = connection.execute("SELECT count(*) FROM contents").fetchone()[0]
    return count


def move_folder(connection: Connection, source: str, target: str) -> None:
    steps = folders.move(connection, "p", source, target, lambda: None)
    with contextlib.suppress(StopIteration):
        while True:
            next(steps)


def test_each_save_is_kept_and_what_is_typed_together_is_one(connection: Connection) -> None:
    write(connection, "a", "0", at(0))
    write(connection, "a", "1", at(1), edited=True)
    write(connection, "a", "2", at(2), "bob", edited=True)
    write(connection, "a", "3", at(5), edited=True)
    # Five minutes after the first of them begins another row.
    write(connection, "a", "4", at(6), edited=True)
    write(connection, "a", "5", at(7))
    write(connection, "a", "6", at(8), edited=True)
    # The same again is no save.
    write(connection, "a", "6", at(9))
    assert history_of(connection, "a") == [
        ("6", "ada", 1), ("5", "ada", 1), ("4", "ada", 1), ("3", "ada bob", 3), ("0", "ada", 1),
    ]  # fmt: skip
    assert kept(connection) == 5


def copy_folder(connection: Connection, source: str, target: str, now: str) -> None:
    steps = folders.copy(
        connection, "p", source, target, user_id="bob", now=now, done=lambda _: None
    )
    with contextlib.suppress(StopIteration):
        while True:
            next(steps)


def test_what_was_there_before_is_added_with_the_next_save(connection: Connection) -> None:
    write(connection, "a/x", "0", at(0))
    copy_folder(connection, "a", "b", at(1))
    # As if the server had been killed here.
    assert history_of(connection, "b/x") == []
    write(connection, "b/x", "1", at(2))
    assert history_of(connection, "b/x") == [("1", "ada", 1), ("0", "bob", 1)]
    project_files.delete(connection, "p", "b/x")
    assert history_of(connection, "b/x") == [("1", "ada", 1), ("0", "bob", 1)]


def test_what_was_done_to_many_files_is_kept_once(connection: Connection) -> None:
    write(connection, "b/x", "0", at(0))
    project_files.delete(connection, "p", "b/x")
    for path in ("a/w", "a/x", "a/y", "a/z"):
        write(connection, path, "0", at(0))
    copy_folder(connection, "a", "b", at(1))
    # Somebody else was faster with one, and has deleted another.
    write(connection, "b/y", "1", at(2))
    project_files.delete(connection, "p", "b/z")
    paths = ["b/w", "b/x", "b/y", "b/z", "none"]
    for _ in range(2):
        history.keep_many(connection, "p", paths)
        assert history_of(connection, "b/w") == [("0", "bob", 1)]
        # The same as another file had there before.
        assert history_of(connection, "b/x") == [("0", "bob", 1), ("0", "ada", 1)]
        assert history_of(connection, "b/y") == [("1", "ada", 1), ("0", "bob", 1)]
        assert history_of(connection, "b/z") == [("0", "bob", 1)]
    rows = connection.execute("SELECT count(*), sum(size) FROM saves").fetchone()
    assert connection.execute("SELECT row_count, size FROM histories").fetchone() == rows
    (last,) = connection.execute("SELECT max(sequence) FROM saves").fetchone()
    write(connection, "b/w", "1", at(3))
    assert history.saves(connection, "p", "b/w", FUTURE, 1)[0][0] == last + 1


def test_too_many_after_many_go_piece_by_piece(connection: Connection) -> None:
    for number in range(10):
        write(connection, "a", f"{number}", at(number))
    with patch.object(history, "MOST", 3), patch.object(history, "_DROPPED_AFTER_MANY", 4):
        assert history.drop_some(connection, "p") is True
        assert history.drop_some(connection, "p") is False
    assert [text for text, _, _ in history_of(connection, "a")] == ["9", "8", "7"]
    membership.delete_project(connection, "p")
    assert kept(connection) == 0
    assert history.drop_some(connection, "p") is False


def test_a_history_follows_its_file(connection: Connection) -> None:
    write(connection, "src/a", "0", at(0))
    project_files.move(connection, "p", "src/a", "src/b")
    write(connection, "src/b", "1", at(1))
    move_folder(connection, "src", "lib")
    write(connection, "lib/b", "2", at(2))
    # Another one where it was.
    write(connection, "src/b", "other", at(3))
    write(connection, "src/a", "third", at(4))
    assert history_of(connection, "lib/b") == [("2", "ada", 1), ("1", "ada", 1), ("0", "ada", 1)]
    assert history_of(connection, "src/b") == [("other", "ada", 1)]
    assert history_of(connection, "src/a") == [("third", "ada", 1)]
    paths = [one.file_path for _, one in history.saves(connection, "p", "lib/b", FUTURE, ALL)]
    # What it was when it was moved has the path that it had at its next save.
    assert paths == ["lib/b", "lib/b", "src/b"]
    # Page by page it is the same.
    found = []
    before = FUTURE
    while page := history.saves(connection, "p", "lib/b", before, 1):
        before = page[0][0]
        found.append(page[0][1].file_path)
    assert found == paths
    with patch.object(history, "MAX_MOVES", 1):
        project_files.move(connection, "p", "lib/b", "lib/c")
        project_files.move(connection, "p", "lib/c", "lib/d")
    assert [text for text, _, _ in history_of(connection, "lib/d")] == []
    assert [text for text, _, _ in history_of(connection, "lib/c")] == []


def test_old_saves_are_thinned(connection: Connection) -> None:
    for day in (1, 2):
        for hour in (10, 11):
            for minute in (0, 20, 40):
                text = f"{day} {hour} {minute}"
                write(connection, "a", text, at(minute, day, hour))
    assert history.thin(connection, at(0, 2, 0), at(0, 1, 0)) is False
    texts = [text for text, _, _ in history_of(connection, "a")]
    assert texts == ["2 11 40", "2 11 20", "2 11 0", "2 10 40", "2 10 20", "2 10 0",
                     "1 11 40", "1 10 40"]  # fmt: skip
    # After a month one of each day; a second time changes nothing.
    for _ in range(2):
        while history.thin(connection, at(0, 3, 0), at(0, 2, 0)):
            pass
    texts = [text for text, _, _ in history_of(connection, "a")]
    assert texts == ["2 11 40", "2 10 40", "1 11 40"]
    assert kept(connection) == 3
    with patch.object(history, "_THINNED_AT_ONCE", 1):
        assert history.thin(connection, at(0, 3, 0), at(0, 3, 0)) is True


def test_the_oldest_go_where_there_are_too_many(connection: Connection) -> None:
    with patch.object(history, "MOST", 3):
        for number in range(5):
            write(connection, "a", f"{number}", at(number))
    assert [text for text, _, _ in history_of(connection, "a")] == ["4", "3", "2"]
    with patch.object(history, "MAX_SIZE", 100):
        write(connection, "a", "x" * 99, at(6))
    assert [text[0] for text, _, _ in history_of(connection, "a")] == ["x", "4"]
    assert connection.execute("SELECT row_count, size FROM histories").fetchone() == (2, 100)
    assert kept(connection) == 2


def test_a_history_goes_with_its_project(connection: Connection) -> None:
    for number in range(leftovers.STEP + 5):
        write(connection, "a", f"{number}", at(0))
    project_files.move(connection, "p", "a", "b")
    membership.delete_project(connection, "p")
    assert kept(connection) == 0
    for table in ("saves", "moves", "histories"):
        assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)


@pytest.mark.parametrize("save_id", ["save-99", "save-", "save-x", "other", "save-" + "9" * 30])
def test_a_save_that_is_not_there(connection: Connection, save_id: str) -> None:
    with pytest.raises(EventError, match="it is not in the history of 'a', or not any more"):
        history.content_of(connection, "p", "a", save_id)

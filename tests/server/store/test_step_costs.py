"""What each step costs of work in steps, in a large database, counted and not timed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from server.api.errors import EventError
from server.api.records import Deletion, Version
from server.store import (
    bins,
    conversations,
    document_moves,
    documents,
    folders,
    history,
    journals,
    leftovers,
    membership,
    project_files,
    snapshots,
    trees,
)
from server.store.sqlite import SqliteSession
from tests.server.store.large_database import CONTENTS, FILES, VERSIONS
from tests.server.store.meter import ALL_STEPS, FEW_STEPS, MOST_STEPS, metered


def new_version(number: int = 0) -> Version:
    return Version(f"new-{number}", "p0", "New", "", "", "ada", 0)


# Step by step.
STEPS: dict[str, Callable[[SqliteSession], Any]] = {
    "snapshots.create": lambda c: snapshots.create(c, new_version()),
    "snapshots.restore": lambda c: snapshots.restore(
        c, "v3", new_version(), user_id="ada", now="", check=lambda _: None
    ),
}


# Step by step as well; beside the folder there is nothing.
FOLDERS: dict[str, Callable[[SqliteSession], Any]] = {
    "folders.move": lambda c: folders.move(c, "p0", "src", "new", lambda: None),
    "folders.copy": lambda c: folders.copy(
        c, "p0", "src", "new", user_id="ada", now="", done=lambda _: None
    ),
}


BINS: dict[str, Callable[[SqliteSession], Any]] = {
    "bins.throw_folder": lambda c: bins.throw_folder(c, "p0", deletion("src"), lambda _: None),
    "bins.restore": lambda c: bins.restore(
        c, "p0", "new", "new", user_id="ada", now="", keeps=False, done=lambda _: None
    ),
}


def deletion(path: str) -> Deletion:
    return Deletion("new", path, True, "2026", "ada", 0, 0)


def write(connection: SqliteSession, path: str, text: str) -> project_files.Change:
    return project_files.write(connection, "p0", path, text, user_id="ada", now="")


@pytest.mark.parametrize("name", STEPS)
def test_no_step_of_a_version_takes_long(large: SqliteSession, name: str) -> None:
    with metered(large) as meter:
        steps = 0
        for _ in STEPS[name](large):
            assert meter.taken() <= MOST_STEPS
            steps += 1
        assert meter.taken() <= MOST_STEPS
        assert FILES / trees.STEP - 1 <= steps <= 4 * FILES / trees.STEP


@pytest.mark.parametrize("name", STEPS)
def test_no_step_looks_at_much_that_was_changed_meanwhile(large: SqliteSession, name: str) -> None:
    with metered(large) as meter:
        work = STEPS[name](large)
        next(work)
        large.execute("INSERT INTO touched SELECT 'p0', path FROM tree_files WHERE tree = 1")
        meter.taken()
        steps = 0
        for _ in work:
            assert meter.taken() <= MOST_STEPS
            steps += 1
        assert meter.taken() <= MOST_STEPS
        assert steps >= FILES / trees.STEP + FILES / trees.STEP_AGAIN - 3
        assert not trees.is_touched(large, "p0")


@pytest.mark.parametrize("name", FOLDERS)
def test_no_step_with_a_folder_looks_at_much_that_was_changed_meanwhile(
    large: SqliteSession, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(project_files, "MAX_FILES", 2 * FILES)
    with metered(large) as meter:
        work = FOLDERS[name](large)
        next(work)
        large.execute("INSERT INTO touched SELECT 'p0', path FROM tree_files WHERE tree = 1")
        meter.taken()
        for _ in work:
            assert meter.taken() <= MOST_STEPS
        assert meter.taken() <= MOST_STEPS
        meter.statements.clear()


@pytest.mark.parametrize("name", FOLDERS)
def test_no_step_with_a_folder_takes_long(
    large: SqliteSession, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Twice as many files as there may be.
    monkeypatch.setattr(project_files, "MAX_FILES", 2 * FILES)
    with metered(large) as meter:
        for _ in FOLDERS[name](large):
            assert meter.taken() <= MOST_STEPS
        assert meter.taken() <= MOST_STEPS / 5
        counts = (
            "SELECT t.file_count, t.size FROM trees t JOIN projects p ON p.tree = t.id "
            "WHERE p.id = 'p0'"
        )
        count = FILES * (1 + (name == "folders.copy"))
        assert large.execute(counts).fetchone() == (count, count)
        (there,) = large.execute(
            "SELECT count(*) FROM tree_files t JOIN projects p ON p.tree = t.tree "
            "WHERE p.id = 'p0' AND path LIKE 'new/%'"
        ).fetchone()
        assert there == FILES
        meter.statements.clear()


def test_no_step_with_the_bin_takes_long(large: SqliteSession) -> None:
    with metered(large) as meter:
        for name in ("bins.throw_folder", "bins.restore"):
            for _ in BINS[name](large):
                assert meter.taken() <= MOST_STEPS
            assert meter.taken() <= MOST_STEPS / 5
            if name == "bins.throw_folder":
                # One who changed all of them, so that there is no early end.
                assert bins.authors(large, "p0", "new", 20) == ["ada"]
                assert meter.taken() <= ALL_STEPS
        assert large.execute("SELECT count(*) FROM bins").fetchone() == (0,)
        found = project_files.files(large, "p0")
        assert (len(found), found[7].path) == (FILES, "new/00007")
        meter.statements.clear()


def test_who_changes_faster_than_steps_are_taken_is_refused(
    large: SqliteSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trees, "STEP_AGAIN", 10)
    monkeypatch.setattr(trees, "MOST_CATCHING_UP", 3)
    again: list[list[str]] = []
    touch = (
        "INSERT INTO touched SELECT 'p0', path FROM tree_files WHERE tree = 1 "
        "ORDER BY path LIMIT 25 ON CONFLICT DO NOTHING"
    )
    with metered(large):
        large.execute(touch)
        work = trees.catch_up(large, "p0", again.append)
        for _ in range(3):
            next(work)
            large.execute(touch)
        with pytest.raises(EventError, match="changed faster than they can be copied") as refused:
            next(work)
        assert refused.value.details == {"retryAfter": 1}
        assert again == 3 * [[f"src/{number:05}" for number in range(10)]]


def test_what_is_deleted_goes_in_short_steps(large: SqliteSession) -> None:
    with metered(large) as meter:
        membership.delete_project(large, "p0")
        steps = 0
        while leftovers.are_there(large):
            meter.taken()
            leftovers.delete_some(large)
            assert meter.taken() <= MOST_STEPS
            steps += 1
        assert steps >= (FILES * (VERSIONS + 1) + conversations.MAX_MESSAGES) / leftovers.STEP
        tables = ("tree_files", "messages", "versions", "saves", "leftovers")
        left = [large.execute(f"SELECT count(*) FROM {one}").fetchone()[0] for one in tables]
        assert left == [0, 0, 0, 0, 0]
        # Those that no file ever had are nobody's leftover.
        (count,) = large.execute("SELECT count(*) FROM contents").fetchone()
        assert count == CONTENTS - history.MOST - FILES // 2
        meter.statements.clear()


def test_large_contents_go_few_at_a_time(large: SqliteSession) -> None:
    with metered(large):
        size = leftovers.STEP_BYTES // 2 + 1
        large.execute("UPDATE tree_files SET size = ? WHERE tree = 10003", (size,))
        snapshots.delete(large, "v3")
        leftovers.delete_some(large)
        count = "SELECT count(*) FROM tree_files WHERE tree = 10003"
        assert large.execute(count).fetchone() == (FILES - 2,)


def test_the_documents_of_a_moved_folder_follow_some_at_a_time(large: SqliteSession) -> None:
    with metered(large) as meter:
        large.execute("UPDATE projects SET documents = 5 WHERE id = 'p0'")
        # Those of another folder stay.
        large.execute(
            "INSERT INTO documents (space, path, epoch, version, saved_version, hash, length, "
            "line_end) SELECT 5, path, path, 1, 0, hash, 1, '' FROM tree_files WHERE tree = 1 "
            "UNION ALL SELECT 5, 'src0/' || path, '', 0, 0, '', 0, '' FROM tree_files "
            "WHERE tree = 1 AND path < 'src/00010'"
        )
        large.execute("UPDATE tree_files SET path = 'new' || substr(path, 4) WHERE tree = 1")
        meter.statements.clear()
        meter.taken()
        kept = documents.Documents()
        kept.move_folder(large, "p0", "src", "new")
        assert meter.taken() <= FEW_STEPS
        count = "SELECT count(*) FROM documents WHERE space = 5 AND path LIKE '{}/%'"
        moved = 0
        while kept.go_on_moving(large, "p0"):
            assert meter.taken() <= MOST_STEPS
            moved += document_moves.MOVED_AT_ONCE
            assert large.execute(count.format("new")).fetchone() == (moved,)
            meter.taken()
        assert moved == FILES
        assert large.execute(count.format("src0")).fetchone() == (10,)
        assert large.execute("SELECT count(*) FROM document_moves").fetchone() == (0,)
        epoch = "SELECT epoch FROM documents WHERE space = 5 AND path = 'new/00007'"
        assert large.execute(epoch).fetchone() == ("src/00007",)
        meter.statements = [one for one in meter.statements if "count(*)" not in one]


def test_the_documents_of_a_deleted_folder_go_some_at_a_time(large: SqliteSession) -> None:
    with metered(large) as meter:
        large.execute("UPDATE projects SET documents = 5 WHERE id = 'p0'")
        large.execute("INSERT INTO counters VALUES ('documents', 5)")
        # Those of another folder stay, and so does one whose file is there.
        large.execute(
            "INSERT INTO documents (space, path, epoch, version, saved_version, hash, length, "
            "line_end) SELECT 5, path, path, 1, 0, hash, 1, '' FROM tree_files WHERE tree = 1 "
            "UNION ALL SELECT 5, 'src0/' || path, '', 0, 0, '', 0, '' FROM tree_files "
            "WHERE tree = 1 AND path < 'src/00010'"
        )
        large.execute("INSERT INTO edits SELECT id, 0, 'a', 1, 'ada', '', '[]' FROM documents")
        large.execute("DELETE FROM tree_files WHERE tree = 1 AND path != 'src/00007'")
        meter.statements.clear()
        meter.taken()
        count = "SELECT count(*) FROM documents WHERE space = 5"
        kept = documents.Documents()
        left = FILES + 10
        while kept.forget_some(large, "p0", "src"):
            assert meter.taken() <= MOST_STEPS
            left -= journals.PUT_ASIDE
            assert large.execute(count).fetchone() == (left,)
        assert large.execute(count).fetchone() == (1 + 10,)
        steps = 0
        while leftovers.are_there(large):
            meter.taken()
            leftovers.delete_some(large)
            assert meter.taken() <= MOST_STEPS
            steps += 1
        assert steps >= (FILES - 1) / leftovers.STEP_DOCUMENTS
        tables = ("documents", "edits")
        assert [large.execute(f"SELECT count(*) FROM {one}").fetchone() for one in tables] == [
            (11,),
            (11,),
        ]
        meter.statements = [one for one in meter.statements if "count(*)" not in one]

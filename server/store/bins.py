"""The bins of projects: what was deleted, for 30 days.

A deletion keeps its files as a tree of their own, under the paths that they had. The oldest ones
give way to new ones: a bin holds at most `MAX_DELETIONS`, and no more files and bytes than a
project may have.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Final

from server.api.errors import Code, EventError
from server.api.records import Deletion
from server.store import folders, leftovers, project_files, trees
from server.store.connection import Connection
from server.store.folders import Flow
from server.store.missing_files import nothing_at
from server.store.project_files import Change
from server.store.trees import COLUMNS, Steps

MAX_DELETIONS: Final = 1_000
"""Deletions in one bin."""
_EXPIRED_AT_ONCE: Final = 20
"""Expired deletions that one piece of work removes."""

_SELECT: Final = (
    "SELECT b.id, b.path, b.is_folder, b.deleted_at, b.deleted_by, t.file_count, t.size "
    "FROM bins b JOIN trees t ON t.id = b.tree "
)


def throw_file(connection: Connection, project_id: str, new: Deletion) -> Change:
    """Put an existing file into the bin."""
    tree = trees.new(connection)
    (size,) = connection.execute(
        f"INSERT INTO tree_files SELECT ?, {COLUMNS} FROM tree_files WHERE tree = ? AND path = ? "
        "RETURNING size",
        (tree, trees.of_project(connection, project_id), new.path),
    ).fetchone()
    trees.finish_counted(connection, tree, 1, size)
    change = project_files.delete(connection, project_id, new.path)
    _add(connection, project_id, new, tree)
    return change


def throw_folder(
    connection: Connection,
    project_id: str,
    new: Deletion,
    done: Callable[[Collection[Change]], object],
) -> Steps[list[Change]]:
    """Put a folder into the bin. Return the changes: its files are gone. `done` is called with them
    in the last step, and may raise to refuse all of it.

    Raises:
        EventError: there is no such folder (`NOT_FOUND`).
    """
    if not project_files.is_folder(connection, project_id, new.path):
        raise nothing_at(connection, project_id, new.path)
    present = trees.of_project(connection, project_id)
    tree = trees.begin(connection, project_id)
    thrown = trees.begin_beside(connection, project_id)
    flows = [
        *folders.around(present, tree, new.path),
        folders.inside(present, thrown, new.path, new.path),
    ]
    found = yield from folders.flow(connection, project_id, flows, None)
    count, size = folders.counted(found)
    trees.finish_counted(connection, tree, -count, -size, present)
    trees.finish_counted(connection, thrown, count, size)
    trees.forget_touched(connection, project_id)
    revision = folders.put_in_place(connection, project_id, tree, present)
    _add(connection, project_id, new, thrown)
    gone = [Change(path, None, created=False, gone_at=revision) for path in sorted(found)]
    done(gone)
    return gone


def restore(
    connection: Connection,
    project_id: str,
    deletion_id: str,
    target: str | None,
    *,
    user_id: str,
    now: str,
    keeps: bool,
    done: Callable[[Collection[Change]], object],
) -> Steps[list[Change]]:
    """Put the files of a deletion back: to the path that they had, or to `target`. Return the
    changes. `done` is called with them in the last step, and may raise to refuse all of it. With
    `keeps` the deletion stays in the bin as well, until `forget`.

    Raises:
        EventError: it is not there (`NOT_FOUND`), or something else is at its path
        (`VERSION_CONFLICT`), or the project would have too much (`RATE_LIMIT_EXCEEDED`).
    """
    deleted = deletion(connection, project_id, deletion_id)
    path = target or deleted.path
    folders.check_free(connection, project_id, path)
    present = trees.of_project(connection, project_id)
    (thrown,) = connection.execute("SELECT tree FROM bins WHERE id = ?", (deletion_id,)).fetchone()
    tree = trees.begin(connection, project_id)
    author = (project_files.revision(connection, project_id) + 1, now, user_id)
    flows = [
        Flow(present, tree),
        Flow(thrown, tree, cut=len(deleted.path), prefix=path, author=author),
    ]
    found = yield from folders.flow(connection, project_id, flows, path)
    # Meanwhile the deletion may have been restored, or have made room for another one.
    deletion(connection, project_id, deletion_id)
    counted = folders.counted(found)
    sums = trees.finish_counted(connection, tree, *counted, present)
    project_files.check_project_limits(*sums)
    trees.forget_touched(connection, project_id)
    folders.put_in_place(connection, project_id, tree, present)
    if not keeps:
        _remove(connection, [deletion_id])
    files = [found[one] for one in sorted(found)]
    done(files)
    return files


def forget(connection: Connection, project_id: str, deletion_id: str) -> None:
    """Take a deletion out of the bin.

    Raises:
        EventError: it is not there (`NOT_FOUND`).
    """
    deletion(connection, project_id, deletion_id)
    _remove(connection, [deletion_id])


def deletion(connection: Connection, project_id: str, deletion_id: str) -> Deletion:
    """Return a deletion that is in the bin.

    Raises:
        EventError: it is not there (`NOT_FOUND`).
    """
    row = connection.execute(
        _SELECT + "WHERE b.id = ? AND b.project_id = ?", (deletion_id, project_id)
    ).fetchone()
    if row is None:
        raise EventError(Code.NOT_FOUND, f"deletion {deletion_id!r}: it is not in the bin any more")
    return _from_row(row)


def authors(connection: Connection, project_id: str, deletion_id: str, most: int) -> list[str]:
    """Return the ids of some of the users who were the last to change files of a deletion."""
    rows = connection.execute(
        "SELECT DISTINCT updated_by FROM tree_files "
        "WHERE tree = (SELECT tree FROM bins WHERE id = ? AND project_id = ?) LIMIT ?",
        (deletion_id, project_id, most),
    )
    return [user_id for (user_id,) in rows]


def deletions(
    connection: Connection, project_id: str, since: str, before: int, most: int
) -> list[tuple[int, Deletion]]:
    """Return the last deletions since a time whose numbers are less than `before`."""
    rows = connection.execute(
        _SELECT.replace("SELECT ", "SELECT b.sequence, ", 1)
        + "WHERE b.project_id = ? AND b.sequence < ? AND b.deleted_at >= ? "
        "ORDER BY b.sequence DESC LIMIT ?",
        (project_id, before, since, most),
    )
    return [(sequence, _from_row(tuple(row))) for sequence, *row in rows]


def expire(connection: Connection, since: str) -> bool:
    """Forget some deletions from before a time, of whatever project. Return whether there may be
    more.
    """
    rows = connection.execute(
        "SELECT id FROM bins WHERE deleted_at < ? ORDER BY deleted_at LIMIT ?",
        (since, _EXPIRED_AT_ONCE),
    ).fetchall()
    _remove(connection, [deletion_id for (deletion_id,) in rows])
    return len(rows) == _EXPIRED_AT_ONCE


def _add(connection: Connection, project_id: str, new: Deletion, tree: int) -> None:
    connection.execute(
        "INSERT INTO bins (id, project_id, path, is_folder, tree, deleted_at, deleted_by) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        (new.id, project_id, new.path, new.is_folder, tree, new.deleted_at, new.deleted_by),
    )
    rows = connection.execute(
        "SELECT b.id, t.file_count, t.size FROM bins b JOIN trees t ON t.id = b.tree "
        "WHERE b.project_id = ? ORDER BY b.sequence DESC",
        (project_id,),
    ).fetchall()
    count = size = 0
    too_much = []
    for number, (deletion_id, file_count, its_size) in enumerate(rows, start=1):
        count, size = count + file_count, size + its_size
        if (
            number > MAX_DELETIONS
            or count > project_files.MAX_FILES
            or size > project_files.MAX_SIZE
        ):
            too_much.append(deletion_id)
    _remove(connection, too_much)


def _remove(connection: Connection, ids: list[str]) -> None:
    for one in ids:
        (tree,) = connection.execute(
            "DELETE FROM bins WHERE id = ? RETURNING tree", (one,)
        ).fetchone()
        leftovers.add_tree(connection, tree)


def _from_row(row: tuple[str, str, int, str, str, int, int]) -> Deletion:
    deletion_id, path, is_folder, deleted_at, deleted_by, file_count, size = row
    return Deletion(
        id=deletion_id,
        path=path,
        is_folder=bool(is_folder),
        deleted_at=deleted_at,
        deleted_by=deleted_by,
        file_count=file_count,
        size=size,
    )

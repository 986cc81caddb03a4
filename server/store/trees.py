"""Trees: lists of files, which are made in steps and change hands as a whole.

The present files of a project are a tree, and so are those of a version. To make a version, or to
go back to one, a tree is copied, a thousand files a step, while others have their turns; then one
change makes it the project's or the version's. A tree that is being made is a leftover until then:
if the server is killed, the next start deletes it and nobody has seen anything of it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Generator
from typing import Final, TypeVar

from server.api.errors import Code, EventError

T = TypeVar("T")
Steps = Generator[None, None, T]
"""Work in steps: other work is done at each `yield`. What it returns is its result."""

STEP: Final = 1_000
"""Files that one step copies or compares."""


def of_project(connection: sqlite3.Connection, project_id: str) -> int:
    """Return the tree of the project's present files.

    Raises:
        EventError: there is no such project (`NOT_FOUND`).
    """
    row = connection.execute("SELECT tree FROM projects WHERE id = ?", (project_id,)).fetchone()
    if row is None:
        raise EventError(Code.NOT_FOUND, f"project {project_id!r}: no such project")
    tree: int = row[0]
    return tree


def new(connection: sqlite3.Connection) -> int:
    """Add an empty tree."""
    row = connection.execute(
        "INSERT INTO trees (file_count, size) VALUES (0, 0) RETURNING id"
    ).fetchone()
    tree: int = row[0]
    return tree


def begin(connection: sqlite3.Connection, project_id: str) -> int:
    """Add an empty tree that is a leftover until it is `finish`ed."""
    # One tree is made for a project at a time: an earlier one has failed.
    connection.execute("UPDATE leftovers SET maker = NULL WHERE maker = ?", (project_id,))
    tree = new(connection)
    connection.execute("INSERT INTO leftovers (tree, maker) VALUES (?, ?)", (tree, project_id))
    return tree


def finish(connection: sqlite3.Connection, tree: int, like: int) -> None:
    """Let a tree, which has the same files as another one, be no leftover."""
    connection.execute(
        "UPDATE trees SET (file_count, size) = (SELECT file_count, size FROM trees WHERE id = ?) "
        "WHERE id = ?",
        (like, tree),
    )
    connection.execute("DELETE FROM leftovers WHERE tree = ?", (tree,))


def copy(connection: sqlite3.Connection, source: int, target: int) -> Steps[None]:
    """Copy all files of a tree into an empty one."""
    after = ""
    while (last := end_of_step(connection, source, after)) is not None:
        if after:
            yield
        connection.execute(
            "INSERT INTO tree_files SELECT ?, path, hash, size, revision, updated_at, updated_by "
            "FROM tree_files WHERE tree = ? AND path > ? AND path <= ?",
            (target, source, after, last),
        )
        after = last


def end_of_step(connection: sqlite3.Connection, tree: int, after: str) -> str | None:
    """Return the path that the next step ends with; None if no file comes after `after`."""
    row = connection.execute(
        "SELECT max(path) FROM (SELECT path FROM tree_files WHERE tree = ? AND path > ? "
        "ORDER BY path LIMIT ?)",
        (tree, after, STEP),
    ).fetchone()
    last: str | None = row[0]
    return last

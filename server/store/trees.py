"""Trees: lists of files, which are made in steps and change hands as a whole.

The present files of a project are a tree, and so are those of a version. To make a version, or to
go back to one, a tree is copied, 100 files a step, and other work has its turns in between. Then
one change makes it the tree of the project or the version. Until then a tree is a leftover: if the
server is killed, the next start deletes it, and nobody has seen anything of it. The paths of files
that are changed meanwhile are kept (`touched`), and these files are looked at again, 100 a step as
well.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Final, TypeVar

from server.api.errors import Code, EventError
from server.store.connection import ALL, Connection
from server.store.leftovers import release

T = TypeVar("T")
Steps = Generator[None, None, T]
"""Work in steps: other work is done at each `yield`. What the generator returns is the result."""

COLUMNS: Final = "path, hash, size, revision, updated_at, updated_by, media_type"

STEP: Final = 100
"""Files that one step copies or compares."""
MOST_CATCHING_UP: Final = 100
"""Steps that look at files that were changed meanwhile. If there are still some, the last step
looks at all of them.
"""


def of_project(connection: Connection, project_id: str) -> int:
    """Return the tree of the project's present files.

    Raises:
        EventError: there is no such project (`NOT_FOUND`).
    """
    row = connection.execute("SELECT tree FROM projects WHERE id = ?", (project_id,)).fetchone()
    if row is None:
        raise EventError(Code.NOT_FOUND, f"project {project_id!r}: no such project")
    tree: int = row[0]
    return tree


def new(connection: Connection) -> int:
    """Add an empty tree."""
    row = connection.execute(
        "INSERT INTO trees (file_count, size) VALUES (0, 0) RETURNING id"
    ).fetchone()
    tree: int = row[0]
    return tree


def begin(connection: Connection, project_id: str) -> int:
    """Add an empty tree, which is a leftover until it is finished."""
    # Only one tree at a time is made for a project, so one that is not finished has failed.
    give_up(connection, project_id)
    return begin_beside(connection, project_id)


def begin_beside(connection: Connection, project_id: str) -> int:
    """Add another empty tree to the one that is being made for a project."""
    tree = new(connection)
    connection.execute("INSERT INTO leftovers (tree, maker) VALUES (?, ?)", (tree, project_id))
    return tree


def finish(connection: Connection, project_id: str, tree: int, like: int) -> None:
    """Let a tree be no leftover any more. It has the same files as another one."""
    connection.execute(
        "UPDATE trees SET (file_count, size) = (SELECT file_count, size FROM trees WHERE id = ?) "
        "WHERE id = ?",
        (like, tree),
    )
    connection.execute("DELETE FROM leftovers WHERE tree = ?", (tree,))
    connection.execute("DELETE FROM touched WHERE project_id = ?", (project_id,))


def finish_counted(connection: Connection, tree: int) -> tuple[int, int]:
    """Let a tree be no leftover any more. Return how many files it has, and how many bytes they
    have.
    """
    connection.execute("DELETE FROM leftovers WHERE tree = ?", (tree,))
    row: tuple[int, int] = connection.execute(
        "UPDATE trees SET (file_count, size) = "
        "(SELECT count(*), coalesce(sum(size), 0) FROM tree_files WHERE tree = ?1) "
        "WHERE id = ?1 RETURNING file_count, size",
        (tree,),
    ).fetchone()
    return row


def forget_touched(connection: Connection, project_id: str) -> None:
    """Forget the paths of what was changed while a tree was made for a project."""
    connection.execute("DELETE FROM touched WHERE project_id = ?", (project_id,))


def give_up(connection: Connection, project_id: str) -> None:
    """Let the tree that is being made for a project be deleted like any other leftover."""
    connection.execute("UPDATE leftovers SET maker = NULL WHERE maker = ?", (project_id,))
    connection.execute("DELETE FROM touched WHERE project_id = ?", (project_id,))


def touch(connection: Connection, project_id: str, path: str) -> None:
    """Note the path of a change, if a tree is being made for the project."""
    connection.execute(
        "INSERT INTO touched SELECT maker, ? FROM leftovers WHERE maker = ? ON CONFLICT DO NOTHING",
        (path, project_id),
    )


def is_touched(connection: Connection, project_id: str) -> bool:
    """Return whether something was changed since the tree was begun."""
    row = connection.execute(
        "SELECT 1 FROM touched WHERE project_id = ? LIMIT 1", (project_id,)
    ).fetchone()
    return row is not None


def catch_up(connection: Connection, project_id: str, again: Callable[[str], None]) -> Steps[None]:
    """Do something again with each path that was changed since the tree was begun."""
    for _ in range(MOST_CATCHING_UP):
        paths = _take_touched(connection, project_id, STEP)
        for path in paths:
            again(path)
        if len(paths) < STEP:
            return
        yield
    for path in _take_touched(connection, project_id, ALL):
        again(path)


def _take_touched(connection: Connection, project_id: str, most: int) -> list[str]:
    rows = connection.execute(
        "DELETE FROM touched WHERE project_id = ?1 AND path IN "
        "(SELECT path FROM touched WHERE project_id = ?1 ORDER BY path LIMIT ?2) RETURNING path",
        (project_id, most),
    )
    return sorted(path for (path,) in rows)


def copy(connection: Connection, project_id: str, source: int, target: int) -> Steps[None]:
    """Copy all files of a project's tree into an empty one, as they are at the last step."""
    after = ""
    while (last := end_of_step(connection, source, after)) is not None:
        if after:
            yield
        connection.execute(
            f"INSERT INTO tree_files SELECT ?, {COLUMNS} FROM tree_files WHERE tree = ? "
            "AND path > ? AND path <= ?",
            (target, source, after, last),
        )
        after = last

    def again(path: str) -> None:
        copied = connection.execute(
            "DELETE FROM tree_files WHERE tree = ? AND path = ? RETURNING hash", (target, path)
        ).fetchone()
        connection.execute(
            f"INSERT INTO tree_files SELECT ?, {COLUMNS} FROM tree_files WHERE tree = ? "
            "AND path = ?",
            (target, source, path),
        )
        if copied is not None:
            release(connection, copied[0])

    yield from catch_up(connection, project_id, again)


def end_of_step(connection: Connection, tree: int, after: str) -> str | None:
    """Return the path that the next step ends with; None if no file comes after `after`."""
    row = connection.execute(
        "SELECT max(path) FROM (SELECT path FROM tree_files WHERE tree = ? AND path > ? "
        "ORDER BY path LIMIT ?) AS step",
        (tree, after, STEP),
    ).fetchone()
    last: str | None = row[0]
    return last

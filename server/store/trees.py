"""Trees: lists of files, which are made in steps and change hands as a whole.

The present files of a project are a tree, and so are those of a version. To make a version, or to
go back to one, a tree is copied, 100 files a step, and other work has its turns in between. Then
one change makes it the tree of the project or the version. Until then a tree is a leftover: if the
server is killed, the next start deletes it, and nobody has seen anything of it. The paths of files
that are changed meanwhile are kept (`touched`), and these files are looked at again, 120 a step.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from typing import Final, TypeVar

from server.api.errors import Code, EventError, too_busy
from server.store.connection import Connection, add_rows, each
from server.store.leftovers import release_all

T = TypeVar("T")
Steps = Generator[None, None, T]
"""Work in steps: other work is done at each `yield`. What the generator returns is the result."""

Author = tuple[int, str, str]
"""The revision, the time, and the user of a change."""

COLUMNS: Final = "path, hash, size, revision, updated_at, updated_by, media_type"

STEP: Final = 100
"""Files that one step copies or compares."""
STEP_AGAIN: Final = 120
"""Files that were changed meanwhile, and that one step looks at again. Clients hardly change more
from one step to the next.
"""
MOST_CATCHING_UP: Final = 1_000
"""Steps that look at such files. If there are still as many then, the work is refused."""


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
    # Only one work in steps at a time makes trees for a project: what is not finished has failed.
    give_up(connection, project_id)
    return begin_beside(connection, project_id)


def begin_beside(connection: Connection, project_id: str) -> int:
    """Add a second empty tree, made for a project together with the first one."""
    tree = new(connection)
    connection.execute("INSERT INTO leftovers (tree, maker) VALUES (?, ?)", (tree, project_id))
    return tree


def finish(connection: Connection, project_id: str, tree: int, like: int) -> None:
    """Finish a tree that has the same files as the tree `like`: it is no leftover any more."""
    connection.execute(
        "UPDATE trees SET (file_count, size) = (SELECT file_count, size FROM trees WHERE id = ?) "
        "WHERE id = ?",
        (like, tree),
    )
    connection.execute("DELETE FROM leftovers WHERE tree = ?", (tree,))
    forget_touched(connection, project_id)


def finish_counted(
    connection: Connection, tree: int, count: int, size: int, beside: int | None = None
) -> tuple[int, int]:
    """Finish a tree: it is no leftover any more. It has `count` files of `size` bytes, and those of
    the tree `beside`. Return how many files and bytes it has.
    """
    connection.execute("DELETE FROM leftovers WHERE tree = ?", (tree,))
    row: tuple[int, int] = connection.execute(
        "UPDATE trees SET "
        "file_count = ?1 + coalesce((SELECT o.file_count FROM trees o WHERE o.id = ?3), 0), "
        "size = ?2 + coalesce((SELECT o.size FROM trees o WHERE o.id = ?3), 0) "
        "WHERE id = ?4 RETURNING file_count, size",
        (count, size, beside, tree),
    ).fetchone()
    return row


def forget_touched(connection: Connection, project_id: str) -> None:
    """Forget which paths were changed while a tree was made for a project."""
    connection.execute("DELETE FROM touched WHERE project_id = ?", (project_id,))


def give_up(connection: Connection, project_id: str) -> None:
    """Let the tree that is being made for a project be deleted like any other leftover."""
    connection.execute("UPDATE leftovers SET maker = NULL WHERE maker = ?", (project_id,))
    forget_touched(connection, project_id)


def touch(connection: Connection, project_id: str, path: str) -> None:
    """Note the path of a change, if a tree is being made for the project."""
    connection.send(
        "INSERT INTO touched SELECT maker, ? FROM leftovers WHERE maker = ? ON CONFLICT DO NOTHING",
        (path, project_id),
    )


def touch_all(connection: Connection, project_id: str, paths: Iterable[str]) -> None:
    """Note the paths of changes, if a tree is being made for the project."""
    making = connection.execute("SELECT 1 FROM leftovers WHERE maker = ? LIMIT 1", (project_id,))
    if making.fetchone() is not None:
        add_rows(
            connection,
            "INSERT INTO touched VALUES {} ON CONFLICT DO NOTHING",
            [(project_id, path) for path in paths],
        )


def is_touched(connection: Connection, project_id: str) -> bool:
    """Return whether something was changed since the tree was begun."""
    row = connection.execute(
        "SELECT 1 FROM touched WHERE project_id = ? LIMIT 1", (project_id,)
    ).fetchone()
    return row is not None


def catch_up(
    connection: Connection, project_id: str, again: Callable[[list[str]], None]
) -> Steps[None]:
    """Call `again` with the paths that were changed since the tree was begun, some at a time, until
    none are left.

    Raises:
        EventError: paths are changed faster than that (`RATE_LIMIT_EXCEEDED`).
    """
    for _ in range(MOST_CATCHING_UP):
        paths = _take_touched(connection, project_id, STEP_AGAIN)
        if paths:
            again(paths)
        if len(paths) < STEP_AGAIN:
            return
        yield
    raise too_busy(
        "the project's files are changed faster than they can be copied: try again later"
    )


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

    def again(paths: list[str]) -> None:
        copied = take_out(connection, target, paths)
        connection.executemany(
            f"INSERT INTO tree_files SELECT ?, {COLUMNS} FROM tree_files WHERE tree = ? "
            "AND path = ?",
            [(target, source, path) for path in paths],
        )
        release_all(connection, copied)

    yield from catch_up(connection, project_id, again)


def take_out(connection: Connection, tree: int, paths: Sequence[str]) -> list[str]:
    """Delete files of a tree, those of these that are there. Return the hashes of their contents,
    which the caller releases.
    """
    body = "SELECT hash FROM tree_files WHERE tree = ?1 AND path = {}"
    gone = connection.execute(each(body, paths, 1), (tree, *paths)).fetchall()
    if gone:
        connection.executemany(
            "DELETE FROM tree_files WHERE tree = ? AND path = ?", [(tree, path) for path in paths]
        )
    return [content_hash for (content_hash,) in gone]


def end_of_step(connection: Connection, tree: int, after: str) -> str | None:
    """Return the path that the next step ends with; None if no file comes after `after`."""
    row = connection.execute(
        "SELECT max(path) FROM (SELECT path FROM tree_files WHERE tree = ? AND path > ? "
        "ORDER BY path LIMIT ?) AS step",
        (tree, after, STEP),
    ).fetchone()
    last: str | None = row[0]
    return last

"""The files of a project, as rows of its tree. Each row names the hash of the file's content.

A content is stored once, however many files have it, and is deleted with the last: `contents`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Sequence
from typing import Final, NamedTuple

from server.api.errors import Code, EventError
from server.api.paths import bounds, folders
from server.api.records import File
from server.store import contents, history, trees
from server.store.connection import Connection, add_rows, each
from server.store.contents import Kept, Stored

MAX_FILES: Final = 10_000
"""Files in one project."""
MAX_SIZE: Final = 500_000_000
"""Bytes of all files of one project."""
MAX_FILE: Final = 5_000_000
"""Bytes of one file that is no text, or that is mirrored. A text has at most so many characters."""

_MOST_LOOKED_UP: Final = 100
"""Paths that are looked up one by one. For more, all ten thousand rows are read, in 15 ms."""
_COLUMNS: Final = "path, size, hash, revision, updated_at, updated_by, media_type"
_PUT: Final = (
    "INSERT INTO tree_files VALUES {} ON CONFLICT (tree, path) DO UPDATE "
    "SET hash = excluded.hash, size = excluded.size, revision = excluded.revision, "
    "updated_at = excluded.updated_at, updated_by = excluded.updated_by, "
    "media_type = excluded.media_type"
)


class Change(NamedTuple):
    """One file of a project as it is after a change; `file` is None when it was deleted.

    gone_at: the revision of its deletion.
    """

    path: str
    file: File | None
    created: bool
    gone_at: int = 0


class Moved(NamedTuple):
    """What has another path: so many files, or the one `file`. `revision` is that of the move."""

    file_count: int
    revision: int
    file: File | None = None


CheckMany = Callable[[Connection, Collection[Change]], object]
"""Is called on the database's thread with changes that are about to be done, and may raise."""


def files(
    connection: Connection, project_id: str, after: str = "", most: int = MAX_FILES
) -> list[File]:
    """Return the first files by path that come after the path `after`, at most `most`."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM tree_files "
        "WHERE tree = (SELECT tree FROM projects WHERE id = ?) AND path > ? ORDER BY path LIMIT ?",
        (project_id, after, most),
    )
    return [from_row(row) for row in rows]


def paths(connection: Connection, project_id: str, among: Collection[str]) -> list[str]:
    """Return, in order, the paths of the files at the paths `among`, or in folders at them. Return
    the paths of all files if `among` has "", or more than `_MOST_LOOKED_UP` paths.
    """
    tree = trees.of_project(connection, project_id)
    if "" in among or len(among) > _MOST_LOOKED_UP:
        rows = connection.execute(
            "SELECT path FROM tree_files WHERE tree = ? ORDER BY path", (tree,)
        )
        return [path for (path,) in rows]
    found: set[str] = set()
    for path in among:
        # A project has no file whose name is not UTF-8.
        with contextlib.suppress(UnicodeEncodeError):
            inside = connection.execute(
                "SELECT path FROM tree_files WHERE tree = ?1 AND path = ?2 UNION ALL "
                "SELECT path FROM tree_files WHERE tree = ?1 AND path >= ?3 AND path < ?4",
                (tree, path, *bounds(path)),
            )
            found.update(one for (one,) in inside)
    return sorted(found)


def file(connection: Connection, project_id: str, path: str) -> File | None:
    """Return a file, None if there is none at that path."""
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM tree_files "
        "WHERE tree = (SELECT tree FROM projects WHERE id = ?) AND path = ?",
        (project_id, path),
    ).fetchone()
    return None if row is None else from_row(row)


def files_at(connection: Connection, project_id: str, among: Collection[str]) -> dict[str, File]:
    """Return the files at these paths, by path."""
    if not among:
        return {}
    body = f"SELECT {_COLUMNS} FROM tree_files WHERE tree = ?1 AND path = {{}}"
    tree = trees.of_project(connection, project_id)
    rows = connection.execute(each(body, among, 1), (tree, *among))
    return {row[0]: from_row(row) for row in rows}


def is_folder(connection: Connection, project_id: str, path: str) -> bool:
    """Return whether a project has files in a folder."""
    inside = connection.execute(
        "SELECT 1 FROM tree_files WHERE tree = ? AND path >= ? AND path < ? LIMIT 1",
        (trees.of_project(connection, project_id), *bounds(path)),
    ).fetchone()
    return inside is not None


def is_taken(connection: Connection, project_id: str, path: str) -> bool:
    """Return whether a project has a file or a folder at a path."""
    return file(connection, project_id, path) is not None or is_folder(connection, project_id, path)


def write(
    connection: Connection,
    project_id: str,
    path: str,
    content: str | bytes | Kept,
    *,
    user_id: str,
    now: str,
    edited: bool = False,
) -> Change:
    """Create a file, or give it another content. The media type of bytes is recognised.

    edited: by people who type together.

    Raises:
        EventError: the project has too many files, or too large ones (`RATE_LIMIT_EXCEEDED`).
    """
    found = (
        contents.take(connection, content)
        if isinstance(content, Kept)
        else contents.add(connection, content)
    )
    return put(connection, project_id, path, found, user_id=user_id, now=now, edited=edited)


def put(
    connection: Connection,
    project_id: str,
    path: str,
    content: Stored,
    *,
    user_id: str,
    now: str,
    edited: bool = False,
) -> Change:
    """Create a file with a stored content, or give the content to a file. The file's history has
    the content of before and this one.

    Raises:
        EventError: the project has too many files, or too large ones (`RATE_LIMIT_EXCEEDED`).
    """
    before = file(connection, project_id, path)
    tree, number = count_changes(connection, project_id)
    content_hash, size, media_type = content
    grow(connection, tree, int(before is None), size - (0 if before is None else before.size))
    file_now = from_row((path, size, content_hash, number, now, user_id, media_type))
    put_rows(connection, tree, [file_now])
    trees.touch(connection, project_id, path)
    if before is None or before.hash != content_hash:
        # The history keeps the content of before, or releases it.
        history.keep(connection, project_id, before, file_now, edited=edited)
    return Change(path, file_now, created=before is None)


def check_creatable(connection: Connection, project_id: str, path: str) -> None:
    """Let a file be created at a path.

    Raises:
        EventError: there is a folder at the path, or a part of the path is a file
        (`INVALID_FILE_PATH`).
    """
    if is_folder(connection, project_id, path):
        raise EventError(Code.INVALID_FILE_PATH, f"path {path!r}: a folder has that name")
    for folder in folders(path):
        if file(connection, project_id, folder) is not None:
            raise EventError(Code.INVALID_FILE_PATH, f"path {path!r}: {folder!r} is a file")


def move(connection: Connection, project_id: str, path: str, target: str) -> Moved:
    """Give an existing file another path, at which there is nothing."""
    tree, number = count_changes(connection, project_id)
    row = connection.execute(
        f"UPDATE tree_files SET path = ? WHERE tree = ? AND path = ? RETURNING {_COLUMNS}",
        (target, tree, path),
    ).fetchone()
    trees.touch(connection, project_id, path)
    trees.touch(connection, project_id, target)
    history.move(connection, project_id, path, target)
    return Moved(1, number, from_row(row))


def delete(connection: Connection, project_id: str, path: str) -> Change:
    """Delete an existing file."""
    tree, number = count_changes(connection, project_id)
    row = connection.execute(
        f"DELETE FROM tree_files WHERE tree = ? AND path = ? RETURNING {_COLUMNS}", (tree, path)
    ).fetchone()
    gone = from_row(row)
    grow(connection, tree, -1, -gone.size)
    trees.touch(connection, project_id, path)
    # Its content stays in the history.
    history.remember(connection, project_id, gone)
    return Change(path, None, created=False, gone_at=number)


def revision(connection: Connection, project_id: str) -> int:
    """Return how often the project's files have been changed, 0 if there is no such project."""
    row = connection.execute("SELECT revision FROM projects WHERE id = ?", (project_id,)).fetchone()
    return 0 if row is None else int(row[0])


def count_changes(connection: Connection, project_id: str, by: int = 1) -> tuple[int, int]:
    """Count the next `by` changes of a project's files. Return the tree of the files, and the
    revision of the last of these changes.

    Raises:
        EventError: there is no such project (`NOT_FOUND`).
    """
    row: tuple[int, int] | None = connection.execute(
        "UPDATE projects SET revision = revision + ? WHERE id = ? RETURNING tree, revision",
        (by, project_id),
    ).fetchone()
    if row is None:
        raise EventError(Code.NOT_FOUND, f"project {project_id!r}: no such project")
    return row


def grow(connection: Connection, tree: int, count: int, size: int) -> None:
    """Add `count` files and `size` bytes, which may be negative, to what a tree has.

    Raises:
        EventError: the tree has more than a project may have (`RATE_LIMIT_EXCEEDED`).
    """
    files, total = connection.execute(
        "UPDATE trees SET file_count = file_count + ?, size = size + ? WHERE id = ? "
        "RETURNING file_count, size",
        (count, size, tree),
    ).fetchone()
    check_project_limits(files if count > 0 else 0, total if size > 0 else 0)


def put_rows(connection: Connection, tree: int, files: Sequence[File]) -> None:
    """Put files into a tree, in place of those at their paths. Nothing is counted, no history."""
    add_rows(connection, _PUT, [_row(tree, file) for file in files])


def delete_rows(connection: Connection, tree: int, paths: Sequence[str]) -> None:
    """Take files out of a tree. Nothing is counted, no history."""
    connection.executemany(
        "DELETE FROM tree_files WHERE tree = ? AND path = ?", [(tree, path) for path in paths]
    )


def check_project_limits(count: int, total: int) -> None:
    """Let a project have `count` files of `total` bytes.

    Raises:
        EventError: that is more than `MAX_FILES` or `MAX_SIZE` (`RATE_LIMIT_EXCEEDED`).
    """
    if count > MAX_FILES:
        raise EventError(
            Code.RATE_LIMIT_EXCEEDED,
            f"the project has {MAX_FILES} files, the most allowed: delete some first",
        )
    if total > MAX_SIZE:
        raise EventError(
            Code.RATE_LIMIT_EXCEEDED,
            f"the project's files would have more than {MAX_SIZE} bytes: delete some first",
        )


def stored(file: File) -> Stored:
    """Return where a file's content is."""
    return Stored(file.hash, file.size, file.media_type)


def _row(tree: int, file: File) -> tuple[int, str, str, int, int, str, str, str | None]:
    return (
        *(tree, file.path, file.hash, file.size, file.revision),
        *(file.updated_at, file.updated_by, file.media_type),
    )


def from_row(row: tuple[str, int, str, int, str, str, str | None]) -> File:
    """Return the file of a row: path, size, hash, revision, when and by whom it was changed, and
    the media type if it is no text.
    """
    path, size, content_hash, revision, updated_at, updated_by, media_type = row
    return File(
        path=path,
        name=path.rpartition("/")[2],
        size=size,
        hash=content_hash,
        revision=revision,
        updated_at=updated_at,
        updated_by=updated_by,
        media_type=media_type,
    )

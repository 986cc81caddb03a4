"""Versions: snapshots of all files of a project, which share their contents with the files."""

from __future__ import annotations

import sqlite3
from typing import Final, NamedTuple

from server.api.errors import Code, EventError
from server.api.records import Version
from server.store import contents
from server.store.contents import Change

MAX_VERSIONS: Final = 1_000
"""Versions of one project."""

_COLUMNS: Final = (
    "id, project_id, name, message, created_at, created_by, "
    "(SELECT count(*) FROM version_files WHERE version_id = versions.id)"
)


class Stored(NamedTuple):
    """Where a file's content is."""

    hash: str
    size: int


def versions(connection: sqlite3.Connection, project_id: str) -> list[Version]:
    """All versions, the newest first."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM versions WHERE project_id = ? ORDER BY sequence DESC",
        (project_id,),
    )
    return [Version(*row) for row in rows]


def version(connection: sqlite3.Connection, project_id: str, version_id: str) -> Version:
    """A version of the project.

    Raises:
        EventError: there is none of that id (`NOT_FOUND`).
    """
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM versions WHERE project_id = ? AND id = ?",
        (project_id, version_id),
    ).fetchone()
    if row is None:
        raise EventError(Code.NOT_FOUND, f"version {version_id!r}: the project has no such version")
    return Version(*row)


def create(connection: sqlite3.Connection, new: Version) -> Version:
    """Take a snapshot; `file_count` of what is given is not looked at.

    Raises:
        EventError: the project has too many versions (`RATE_LIMIT_EXCEEDED`).
    """
    (count,) = connection.execute(
        "SELECT count(*) FROM versions WHERE project_id = ?", (new.project_id,)
    ).fetchone()
    if count >= MAX_VERSIONS:
        raise EventError(
            Code.RATE_LIMIT_EXCEEDED,
            f"the project has {MAX_VERSIONS} versions, the most allowed: delete some first",
        )
    connection.execute(
        "INSERT INTO versions (id, project_id, name, message, created_at, created_by) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        (new.id, new.project_id, new.name, new.message, new.created_at, new.created_by),
    )
    connection.execute(
        "INSERT INTO version_files (version_id, path, hash, size) "
        "SELECT ?, path, hash, size FROM files WHERE project_id = ?",
        (new.id, new.project_id),
    )
    return version(connection, new.project_id, new.id)


def contents_of(connection: sqlite3.Connection, version_id: str) -> dict[str, Stored]:
    """The files of a version, by path."""
    rows = connection.execute(
        "SELECT path, hash, size FROM version_files WHERE version_id = ? ORDER BY path",
        (version_id,),
    )
    return {path: Stored(content_hash, size) for path, content_hash, size in rows}


def present_contents(connection: sqlite3.Connection, project_id: str) -> dict[str, Stored]:
    """The files of the project as they are now, by path."""
    return {one.path: Stored(one.hash, one.size) for one in contents.files(connection, project_id)}


def restore(
    connection: sqlite3.Connection, project_id: str, version_id: str, *, user_id: str, now: str
) -> list[Change]:
    """Make the project's files those of the version; returns what that changed."""
    wanted = contents_of(connection, version_id)
    present = present_contents(connection, project_id)
    changes = [
        contents.delete(connection, project_id, path) for path in present if path not in wanted
    ]
    for path, stored in wanted.items():
        if present.get(path) != stored:
            changes.append(
                contents.put(
                    connection,
                    project_id,
                    path,
                    stored.hash,
                    stored.size,
                    user_id=user_id,
                    now=now,
                )
            )
    return changes


def delete(connection: sqlite3.Connection, version_id: str) -> None:
    """Delete a version, and the contents that nothing else has."""
    hashes = {stored.hash for stored in contents_of(connection, version_id).values()}
    connection.execute("DELETE FROM versions WHERE id = ?", (version_id,))
    for content_hash in hashes:
        contents.release(connection, content_hash)

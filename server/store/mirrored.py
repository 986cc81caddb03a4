"""What a directory has of the project that one of several servers mirrors in it; PostgreSQL only.

For each file the tables know the content that the directory was last found with, or was given; and
the one that it is being given, noted before it is written. So whichever server mirrors can tell who
has changed a file: the directory, if it has neither of the two; clients, if the project has another
one. Nothing depends on what a server remembers, or on what it was told: the next one goes on.

A content is known by its hash, "" stands for no file.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

from server.store import project_files
from server.store.connection import Connection, add_rows, each


class OtherMirror(Exception):
    """Another server mirrors the directory by now."""


class Compared(NamedTuple):
    """What differs between the directory and the project.

    outside: paths of files that were changed in the directory. inside: the hash of the content that
    each file is to be given there.
    """

    outside: list[str]
    inside: dict[str, str]


def begin(connection: Connection, project_id: str, node: str) -> None:
    """Let a server mirror a project from now on, and no other one. The first time, the directory
    counts as having what the project has: how it differs was done there.
    """
    begun = connection.execute(
        "UPDATE mirrors SET node = ? WHERE project_id = ?", (node, project_id)
    )
    if begun.rowcount:
        return
    connection.execute("INSERT INTO mirrors VALUES (?, ?)", (project_id, node))
    connection.execute("DELETE FROM mirrored")
    connection.execute(
        "INSERT INTO mirrored (path, hash) SELECT path, hash FROM tree_files "
        "WHERE tree = (SELECT tree FROM projects WHERE id = ?)",
        (project_id,),
    )


def check(connection: Connection, project_id: str, node: str) -> None:
    """Let a server act as the one that mirrors a project.

    Raises:
        OtherMirror: another server mirrors the project by now.
    """
    row = connection.execute("SELECT node FROM mirrors WHERE project_id = ?", (project_id,))
    if row.fetchone() != (node,):
        raise OtherMirror


def differing(connection: Connection, project_id: str, after: str, most: int) -> list[str]:
    """Return the first paths after `after` of files that differ from what the directory has, or of
    which that is not known because a server ended while it wrote them.
    """
    rows = connection.execute(
        "SELECT coalesce(m.path, f.path) FROM mirrored m FULL JOIN (SELECT path, hash "
        "FROM tree_files WHERE tree = (SELECT tree FROM projects WHERE id = ?1)) f "
        "ON f.path = m.path WHERE (m.hash IS DISTINCT FROM f.hash OR m.writing IS NOT NULL) "
        "AND coalesce(m.path, f.path) > ?2 ORDER BY 1 LIMIT ?3",
        (project_id, after, most),
    )
    return [path for (path,) in rows]


def compare(
    connection: Connection,
    project_id: str,
    node: str,
    found: Mapping[str, str],
    given_up: Collection[str],
) -> Compared:
    """Compare files as they were `found` in the directory with the project, and note what is going
    to be written there. Those that are `given_up` cannot be written: the directory is right.

    Raises:
        OtherMirror: another server mirrors by now.
    """
    check(connection, project_id, node)
    body = "SELECT path, hash, writing FROM mirrored WHERE path = {}"
    rows = connection.execute(each(body, found, 0), tuple(found))
    known = {path: (content_hash, writing) for path, content_hash, writing in rows}
    files = project_files.files_at(connection, project_id, found)
    outside: list[str] = []
    inside: dict[str, str] = {}
    alike: dict[str, str] = {}
    for path, here in found.items():
        before = known.get(path, ("", None))
        wanted = files[path].hash if path in files else ""
        if here == wanted:
            if before != (here, None):
                alike[path] = here
        elif path in given_up or here not in before:
            outside.append(path)
        else:
            inside[path] = wanted
    note(connection, alike)
    note(connection, {path: found[path] for path in inside}, inside)
    return Compared(outside, inside)


def note(
    connection: Connection, hashes: Mapping[str, str], writing: Mapping[str, str] | None = None
) -> None:
    """Note what the directory has of files, and what is going to be written to some of them."""
    coming = writing or {}
    connection.executemany(
        "DELETE FROM mirrored WHERE path = ?",
        [(path,) for path, here in hashes.items() if not here and path not in coming],
    )
    add_rows(
        connection,
        "INSERT INTO mirrored VALUES {} ON CONFLICT (path) DO UPDATE "
        "SET hash = excluded.hash, writing = excluded.writing",
        [(path, here, coming.get(path)) for path, here in hashes.items() if here or path in coming],
    )

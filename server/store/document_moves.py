"""The documents of a moved folder follow it some at a time.

Documents have paths of their own. One statement that gave ten thousand of them other paths took up
to 310 ms, during which everybody waited. So the last step of the move only notes the move, in the
same transaction. The documents get their paths `MOVED_AT_ONCE` at a time, while the project's other
work still waits. Before other work uses a document of the project, on another server or after a
kill or a failure, the move is finished. So nobody sees half of a move.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Final

from server.api.paths import bounds
from server.store.connection import ALL, Connection
from server.store.jobs import StepsFirst

MOVED_AT_ONCE: Final = 200
"""Documents that one piece of work gives other paths."""


def note(connection: Connection, space: int, source: str, target: str) -> None:
    """Note that the documents in a folder have to follow it. No other move of the space may be
    noted.
    """
    connection.execute("INSERT INTO document_moves VALUES (?, ?, ?)", (space, source, target))


def go_on(connection: Connection, project_id: str) -> bool:
    """Give some documents of a project their paths. Return whether there may be more."""
    return _follow(connection, project_id, MOVED_AT_ONCE)


def ready(connection: Connection, project_id: str) -> None:
    """Give the documents of a project their paths before they are used.

    Raises:
        StepsFirst: there are too many for one piece of work.
    """
    if go_on(connection, project_id):
        raise StepsFirst(project_id, partial(steps, project_id=project_id))


def all_ready(connection: Connection) -> None:
    """Give the documents of all projects their paths; see `ready`."""
    noted = connection.execute(
        "SELECT (SELECT p.id FROM projects p WHERE p.documents = document_moves.space) "
        "FROM document_moves"
    ).fetchall()
    for (project_id,) in noted:
        if project_id is not None:
            ready(connection, project_id)


def steps(connection: Connection, project_id: str) -> Iterator[None]:
    """Give all documents of a project their paths, some in each step."""
    while go_on(connection, project_id):
        yield


def finish(connection: Connection, project_id: str) -> None:
    """Give all documents of a project their paths at once, where hardly one is left."""
    _follow(connection, project_id, ALL)


def forget(connection: Connection, space: int) -> None:
    """Forget a move of documents that are gone."""
    connection.execute("DELETE FROM document_moves WHERE space = ?", (space,))


def _follow(connection: Connection, project_id: str, most: int) -> bool:
    noted: tuple[int, str, str] | None = connection.execute(
        "SELECT m.space, m.source, m.target FROM projects p "
        "JOIN document_moves m ON m.space = p.documents WHERE p.id = ?",
        (project_id,),
    ).fetchone()
    return noted is not None and _move(connection, *noted, most)


def _move(connection: Connection, space: int, source: str, target: str, most: int) -> bool:
    rows = connection.execute(
        "SELECT id, path FROM documents WHERE space = ? AND path >= ? AND path < ? "
        "ORDER BY path LIMIT ?",
        (space, *bounds(source), most),
    ).fetchall()
    connection.executemany(
        "UPDATE documents SET path = ? WHERE id = ? AND path = ?",
        [(target + path[len(source) :], number, path) for number, path in rows],
    )
    if len(rows) == most:
        return True
    forget(connection, space)
    return False

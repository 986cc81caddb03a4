"""The documents of a moved folder follow it some at a time.

They have paths of their own. One statement that gave ten thousand of them others took up to 310 ms,
in which everybody waited. So the last step of the move only notes it, in the same transaction, and
the documents get their paths `MOVED_AT_ONCE` at a time while the project's other work still waits.
Whoever uses a document of the project before that is done finishes the move first: another server,
or whoever comes after a kill or a failure. So nobody sees half of it.
"""

from __future__ import annotations

from typing import Final

from server.store.connection import ALL, Connection

MOVED_AT_ONCE: Final = 200
"""Documents that one piece of work gives their paths."""


def note(connection: Connection, space: int, source: str, target: str) -> None:
    """Note that the documents in a folder are to follow it; no other move of the space is noted."""
    connection.execute("INSERT INTO document_moves VALUES (?, ?, ?)", (space, source, target))


def go_on(connection: Connection, project_id: str) -> bool:
    """Give some documents of a project their paths. Return whether there may be more."""
    return _follow(connection, project_id, MOVED_AT_ONCE)


def finish(connection: Connection, project_id: str) -> None:
    """Give all documents of a project their paths."""
    _follow(connection, project_id, ALL)


def finish_all(connection: Connection) -> None:
    """Give all documents of all projects their paths."""
    noted = connection.execute("SELECT space, source, target FROM document_moves").fetchall()
    for space, source, target in noted:
        _move(connection, space, source, target, ALL)


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
        (space, f"{source}/", f"{source}0", most),
    ).fetchall()
    connection.executemany(
        "UPDATE documents SET path = ? WHERE id = ? AND path = ?",
        [(target + path[len(source) :], number, path) for number, path in rows],
    )
    if len(rows) == most:
        return True
    forget(connection, space)
    return False

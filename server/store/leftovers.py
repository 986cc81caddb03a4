"""Leftovers: what belongs to nothing any more, and is deleted bit by bit. These are trees, messages
(with the assistant and among people), documents, histories, and parts of contents.

A version of a project may have 10,000 files, a project 1,000 versions, a chat 10,000 long messages.
Whoever deletes one of these only notes it in a table. The database's thread deletes the rows some
at a time, beside other work.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

from server.store import document_moves
from server.store.connection import Connection

STEP: Final = 100
"""Files or messages that one step deletes."""
STEP_DOCUMENTS: Final = 3
"""Documents that one step deletes, each with its journal."""
STEP_BYTES: Final = 4_000_000
"""Bytes of contents that one step deletes, besides the first file or message."""
STEP_PARTS: Final = 16
"""Parts of a long content that one step deletes: 4 MB."""


_UNUSED: Final = (
    "hash = ?1 AND NOT EXISTS (SELECT 1 FROM tree_files WHERE hash = ?1) "
    "AND NOT EXISTS (SELECT 1 FROM saves WHERE hash = ?1)"
)


def begin(connection: Connection) -> None:
    """Make leftovers of what an earlier server had begun and not finished."""
    connection.execute("UPDATE leftovers SET maker = NULL WHERE maker IS NOT NULL")


def add_tree(connection: Connection, tree: int) -> None:
    """Make a leftover of a tree that belongs to nothing any more."""
    connection.execute("INSERT INTO leftovers (tree) VALUES (?)", (tree,))


def are_there(connection: Connection) -> bool:
    """Return whether there is something to delete."""
    return _first(connection) is not None


def delete_some(connection: Connection) -> None:
    """Delete some of the first leftover."""
    first = _first(connection)
    if first is None:
        return
    sequence, tree, documents, parts, history, chat = first
    if tree is not None:
        done = _delete_files(connection, tree)
    elif parts is not None:
        done = _delete_parts(connection, parts)
    elif documents is not None:
        done = _delete_documents(connection, documents)
    elif history is not None:
        done = _delete_history(connection, history)
    else:
        done = _delete_messages(connection, chat)
    if done:
        connection.execute("DELETE FROM leftovers WHERE sequence = ?", (sequence,))


def release(connection: Connection, content_hash: str) -> None:
    """Delete a content that no file has, and no history. All parts but the first go later."""
    deleted = connection.execute(
        f"DELETE FROM contents WHERE {_UNUSED} RETURNING parts", (content_hash,)
    ).fetchone()
    if deleted is not None and deleted[0] is not None:
        connection.execute("INSERT INTO leftovers (parts) VALUES (?)", deleted)


def release_all(connection: Connection, hashes: Collection[str]) -> None:
    """Delete the contents among these that no file has, and no history; see `release`."""
    values = [(one,) for one in dict.fromkeys(hashes)]
    connection.executemany(
        "INSERT INTO leftovers (parts) SELECT parts FROM contents "
        f"WHERE {_UNUSED} AND parts IS NOT NULL",
        values,
    )
    connection.executemany(f"DELETE FROM contents WHERE {_UNUSED}", values)


_Leftover = tuple[int, int | None, int | None, int | None, str | None, str]


def _first(connection: Connection) -> _Leftover | None:
    row: _Leftover | None = connection.execute(
        "SELECT sequence, tree, documents, parts, history, chat FROM leftovers WHERE maker IS NULL "
        "ORDER BY sequence LIMIT 1"
    ).fetchone()
    return row


def _delete_documents(connection: Connection, space: int) -> bool:
    rows = connection.execute(
        "SELECT id FROM documents WHERE space = ? ORDER BY path LIMIT ?", (space, STEP_DOCUMENTS)
    ).fetchall()
    # With their journals.
    connection.executemany("DELETE FROM documents WHERE id = ?", rows)
    if len(rows) == STEP_DOCUMENTS:
        return False
    document_moves.forget(connection, space)
    return True


def _delete_files(connection: Connection, tree: int) -> bool:
    rows = connection.execute(
        "SELECT path, hash, size FROM tree_files WHERE tree = ? ORDER BY path LIMIT ?", (tree, STEP)
    ).fetchall()
    gone = _of_a_step(rows)
    connection.executemany(
        "DELETE FROM tree_files WHERE tree = ? AND path = ?", [(tree, path) for path, *_ in gone]
    )
    release_all(connection, [content_hash for _, content_hash, _ in gone])
    if len(gone) < len(rows) or len(rows) == STEP:
        return False
    connection.execute("DELETE FROM trees WHERE id = ?", (tree,))
    return True


def _delete_history(connection: Connection, project_id: str) -> bool:
    rows = connection.execute(
        "SELECT sequence, hash, size FROM saves WHERE project_id = ? ORDER BY sequence LIMIT ?",
        (project_id, STEP),
    ).fetchall()
    gone = _of_a_step(rows)
    connection.executemany("DELETE FROM saves WHERE sequence = ?", [row[:1] for row in gone])
    release_all(connection, [content_hash for _, content_hash, _ in gone])
    if len(gone) < len(rows) or len(rows) == STEP:
        return False
    connection.execute("DELETE FROM moves WHERE project_id = ?", (project_id,))
    connection.execute("DELETE FROM histories WHERE project_id = ?", (project_id,))
    return True


def _of_a_step(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Return the first of these rows, whose last column is a size: those that one step deletes."""
    left = STEP_BYTES
    for number, row in enumerate(rows):
        if left < 0:
            return rows[:number]
        left -= row[-1]
    return rows


def _delete_parts(connection: Connection, number: int) -> bool:
    found = connection.execute(
        "SELECT number FROM content_parts WHERE parts = ? LIMIT ?", (number, STEP_PARTS)
    ).fetchall()
    connection.executemany(
        "DELETE FROM content_parts WHERE parts = ? AND number = ?",
        ((number, part) for (part,) in found),
    )
    return len(found) < STEP_PARTS


def _delete_messages(connection: Connection, project_id: str) -> bool:
    """Delete some of a project's messages, those with the assistant first."""
    return all(_delete_some_of(connection, table, project_id) for table in ("messages", "talk"))


def _delete_some_of(connection: Connection, table: str, project_id: str) -> bool:
    """Delete some messages of a table. Return whether none is left."""
    rows = connection.execute(
        f"SELECT sequence, length(content) + coalesce(length(details), 0) FROM {table} "
        "WHERE project_id = ? ORDER BY sequence LIMIT ?",
        (project_id, STEP),
    ).fetchall()
    gone = _of_a_step(rows)
    connection.executemany(f"DELETE FROM {table} WHERE sequence = ?", [row[:1] for row in gone])
    return len(gone) == len(rows) < STEP

"""The rows of documents: what was saved last, and the journal of the edits since then.

The chain of a document is a hash of all updates that it has taken. A document in memory with the
chain of the tables has the same text: it has nothing of a transaction that was undone, and misses
nothing that another server has done.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Final, NamedTuple

from server.api.paths import bounds
from server.documents.authority import Author, Authority, Update
from server.documents.change_json import read
from server.documents.line_ends import document_text
from server.documents.utf16 import units
from server.store import contents, counters
from server.store.connection import Connection
from server.store.document_records import Key
from server.store.loaded_documents import Document

PUT_ASIDE: Final = 200
"""Documents that one piece of work makes leftovers."""


class Row(NamedTuple):
    """What the tables have of a document, its file, and a move that the project's documents still
    have to follow.
    """

    moving: int | None
    id: int | None
    epoch: str
    version: int
    saved_version: int
    chain: str
    hash: str
    line_end: str
    file_hash: str | None


def row(connection: Connection, key: Key) -> Row | None:
    """Return the row of a document, None if there is no such project. If there is no such document,
    only `moving` and `file_hash` are not None.
    """
    found = connection.execute(
        "SELECT m.space, d.id, d.epoch, d.version, d.saved_version, d.chain, d.hash, "
        "d.line_end, f.hash "
        "FROM projects p LEFT JOIN documents d ON d.space = p.documents AND d.path = ?2 "
        "LEFT JOIN tree_files f ON f.tree = p.tree AND f.path = ?2 "
        "LEFT JOIN document_moves m ON m.space = p.documents WHERE p.id = ?1",
        key,
    ).fetchone()
    return None if found is None else Row(*found)


def take(connection: Connection, document: Document, update: Update) -> None:
    """Make a change the next one of a document, in memory and in the tables."""
    author = update.author
    forgotten = document.authority.take(update)
    # As ASCII, in which half of a surrogate pair can be escaped.
    change = json.dumps(update.change.json, separators=(",", ":"))
    document.chain = _linked(document.chain, update, change)
    connection.send(
        "UPDATE documents SET version = ?, chain = ? WHERE id = ?",
        (document.authority.version, document.chain, document.id),
    )
    connection.send(
        "INSERT INTO edits VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            document.id,
            update.version,
            author.id,
            update.number,
            author.user_id,
            author.user_name,
            change,
        ),
    )
    if update.number:
        connection.send(
            "INSERT INTO authors VALUES (?, ?, ?, ?, ?) ON CONFLICT "
            "(document, user_id, author) DO UPDATE "
            "SET number = excluded.number, version = excluded.version",
            (document.id, author.user_id, author.id, update.number, update.version),
        )
    if forgotten is not None:
        connection.send(
            "DELETE FROM authors WHERE document = ? AND user_id = ? AND author = ?",
            (document.id, *forgotten),
        )


def catch_up(
    connection: Connection, document: Document, version: int, saved_version: int, chain: str
) -> bool:
    """Bring a document in memory to the state of the tables, with the updates that other servers
    have taken meanwhile. Return False if it has to be loaded again.
    """
    authority = document.authority
    if authority.version < version:
        for update, change in _updates(connection, document.id, authority.version):
            if update.change.length != len(authority.text):
                # A transaction that memory has was undone.
                return False
            if authority.version == saved_version != authority.saved_version:
                authority.save()
            authority.take(update)
            document.chain = _linked(document.chain, update, change)
    if authority.version == saved_version != authority.saved_version:
        authority.save()
    here = (authority.version, authority.saved_version, document.chain)
    return here == (version, saved_version, chain)


def mark_saved(
    connection: Connection,
    document: Document,
    content_hash: str,
    exact: bytes | None,
) -> None:
    """Count the present text as that of the file, whose content has this hash."""
    document.authority.save()
    document.hash = document.file_hash = content_hash
    connection.send(
        "UPDATE documents SET saved_version = version, hash = ?, length = ?, line_end = ?, "
        "exact = ? WHERE id = ?",
        (
            content_hash,
            len(document.authority.text),
            document.line_end,
            exact,
            document.id,
        ),
    )
    connection.send(
        "DELETE FROM edits WHERE document = ? AND version < ?",
        (document.id, document.authority.first_kept),
    )


def moved(connection: Connection, key: Key, epoch: str) -> Key:
    """Return the present key of the document of this epoch; `key` if there is no such document."""
    row = connection.execute(
        "SELECT path FROM documents WHERE space = (SELECT documents FROM projects WHERE id = ?) "
        "AND epoch = ?",
        (key[0], epoch),
    ).fetchone()
    return key if row is None else (key[0], row[0])


def space_of(connection: Connection, project_id: str) -> int:
    """Return the number under which a project's documents are, a new one if it has none yet."""
    (space,) = connection.execute(
        "SELECT documents FROM projects WHERE id = ?", (project_id,)
    ).fetchone()
    if space is None:
        space = counters.increment(connection, "documents")
        connection.execute("UPDATE projects SET documents = ? WHERE id = ?", (space, project_id))
    number: int = space
    return number


def put_aside(connection: Connection, project_id: str, folder: str) -> bool:
    """Make leftovers of some documents in a folder whose files are gone. Return whether there may
    be more.
    """
    rows = connection.execute(
        "SELECT d.id FROM projects p JOIN documents d ON d.space = p.documents "
        "AND d.path >= ? AND d.path < ? WHERE p.id = ? AND NOT EXISTS "
        "(SELECT 1 FROM tree_files f WHERE f.tree = p.tree AND f.path = d.path) "
        "ORDER BY d.path LIMIT ?",
        (*bounds(folder), project_id, PUT_ASIDE),
    ).fetchall()
    if rows:
        space = counters.increment(connection, "documents")
        connection.executemany(
            "UPDATE documents SET space = ? WHERE id = ?", [(space, *row) for row in rows]
        )
        connection.execute("INSERT INTO leftovers (documents) VALUES (?)", (space,))
    return len(rows) == PUT_ASIDE


def restored(
    connection: Connection,
    document_id: int,
    epoch: str,
    saved_version: int,
    content_hash: str,
) -> Authority:
    """Return the authority of a document, made from its checkpoint and its journal."""
    length, exact = connection.execute(
        "SELECT length, exact FROM documents WHERE id = ?", (document_id,)
    ).fetchone()
    try:
        saved = (
            document_text(contents.whole(connection, content_hash))
            if exact is None
            else units(bytes(exact).decode("utf-8", "surrogatepass"))
        )
    except LookupError:
        # The file has another content by now. All of this text is replaced when the two are merged.
        saved = "\0" * length
    authority = Authority(epoch, saved_version, saved)
    numbers = connection.execute(
        "SELECT author, user_id, number FROM authors WHERE document = ? ORDER BY version",
        (document_id,),
    )
    authority.restore(
        (update for update, _ in _updates(connection, document_id, 0)),
        ((Author(author, user_id, ""), number) for author, user_id, number in numbers),
    )
    return authority


def _updates(connection: Connection, document_id: int, first: int) -> Iterator[tuple[Update, str]]:
    """Return the updates of a document from a version on, and the JSON text of each change."""
    rows = connection.execute(
        "SELECT version, author, user_id, user_name, number, change FROM edits "
        "WHERE document = ? AND version >= ? ORDER BY version",
        (document_id, first),
    )
    for version, author, *user, number, change in rows:
        yield Update(version, Author(author, *user), number, read(json.loads(change))), change


def _linked(chain: str, update: Update, change: str) -> str:
    """Return the chain after one more update."""
    author = update.author
    linked = "\0".join((chain, author.user_id, author.id, str(update.number), change))
    return hashlib.sha256(linked.encode("utf-8", "surrogatepass")).hexdigest()[:32]

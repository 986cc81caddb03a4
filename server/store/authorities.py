"""Which server has a document in its memory, where several share a PostgreSQL.

One server at a time is the authority of a document: it takes edits with what it has in memory, and
another one would not know of them. Whoever uses a document becomes its authority, in the same
transaction, and the one before loads the document again when it is next asked. So no server appends
to a journal whose end it does not know, also if its memory has what a transaction that was undone
would have added.
"""

from __future__ import annotations

from server.store.connection import Connection


def become(connection: Connection, document_id: int, node: str) -> bool:
    """Make a server the authority of a document. Return False if it was that already."""
    changed = connection.execute(
        "INSERT INTO authorities VALUES (?1, ?2) ON CONFLICT (document) DO UPDATE SET node = ?2 "
        "WHERE authorities.node <> ?2",
        (document_id, node),
    )
    return changed.rowcount == 1

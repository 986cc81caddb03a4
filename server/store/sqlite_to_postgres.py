"""Copy all data from SQLite into an empty PostgreSQL: all of it, or nothing.

No server uses either database meanwhile. The target is filled in one transaction, read again in it,
and compared table by table: the number of rows, and the hash of all that is in them.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator, Sequence
from typing import Any, Final

from server.store.connection import Connection
from server.store.engine import Session, StoreError
from server.store.postgres import Postgres
from server.store.sqlite import FILE_NAME, Sqlite

_AT_ONCE: Final = 500
"""Rows that are read and written at once: at most 130 MB of long contents."""
_IDENTITIES: Final = (
    "SELECT table_name::text, column_name::text FROM information_schema.columns "
    "WHERE table_schema = current_schema() AND is_identity = 'YES'"
)
_BOOLEANS: Final = (
    "SELECT column_name::text FROM information_schema.columns "
    "WHERE table_schema = current_schema() AND table_name = ? AND data_type = 'boolean'"
)


def transfer(source: Sqlite, target: Postgres) -> dict[str, int]:
    """Copy everything. Return how many rows of each table were copied.

    Raises:
        StoreError: one of the databases cannot be used, the target is not empty, or what was
        written is not what was read.
    """
    if not (source.directory / FILE_NAME).exists():
        raise StoreError(source.unusable("it has no database"))
    with (
        contextlib.closing(source.serve()) as reader,
        contextlib.closing(target.serve()) as writer,
    ):
        # Nobody writes meanwhile. The end of the connection ends this transaction.
        reader.begin()
        tables = _tables(reader)
        try:
            writer.begin()
            for table in tables:
                if writer.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone() is not None:
                    raise StoreError(target.unusable("it is not empty: choose another database"))
            counts = {table: _copy(reader, writer, table) for table in tables}
            for table, column in writer.execute(_IDENTITIES).fetchall():
                writer.execute(
                    f"SELECT setval(pg_get_serial_sequence('{table}', '{column}'), max({column})) "
                    f"FROM {table} HAVING max({column}) IS NOT NULL"
                )
            writer.end(lambda: False)
        except writer.Error as error:
            reason = str(error).partition("\n")[0]
            raise StoreError(target.unusable(f"{reason}: nothing was copied")) from error
    return counts


def _tables(connection: Connection) -> list[str]:
    """Return SQLite's tables, each after the tables that it refers to."""
    rows = connection.execute(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' "
        "ORDER BY name"
    ).fetchall()
    left = {
        table: {row[2] for row in connection.execute(f"PRAGMA foreign_key_list({table})")} - {table}
        for (table,) in rows
    }
    ordered: list[str] = []
    while left:
        free = [table for table, others in left.items() if not others & left.keys()]
        ordered += free
        for table in free:
            del left[table]
    return ordered


def _copy(reader: Connection, writer: Session, table: str) -> int:
    """Copy a table. Return how many rows it has.

    Raises:
        StoreError: what was written is not what was read.
    """
    info = reader.execute(f"PRAGMA table_info({table})").fetchall()
    columns = [row[1] for row in info]
    keys = [row[1] for row in sorted(info, key=lambda row: row[5]) if row[5]]
    booleans = {column for (column,) in writer.execute(_BOOLEANS, (table,))}
    truths = [column in booleans for column in columns]
    places = ", ".join("?" * len(columns))
    statement = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})"
    digest, count = hashlib.sha256(), 0
    for rows in _batches(reader, table, columns, keys):
        written = [_fitting(row, truths) for row in rows]
        writer.executemany(statement, written)
        for row in written:
            digest.update(repr(row).encode())
        count += len(written)
    there, found = hashlib.sha256(), 0
    for rows in _batches(writer, table, columns, keys):
        for row in rows:
            there.update(repr(_fitting(row, truths)).encode())
        found += len(rows)
    if (found, there.digest()) != (count, digest.digest()):
        raise StoreError(
            f"table {table!r}: {found} rows were found after {count} were written, or others: "
            "nothing was copied"
        )
    return count


def _batches(
    connection: Connection, table: str, columns: Sequence[str], keys: Sequence[str]
) -> Iterator[list[tuple[Any, ...]]]:
    """Read a table in the order of its key, some rows at a time."""
    selected = f"SELECT {', '.join((*keys, *columns))} FROM {table}"
    order = f"ORDER BY {', '.join(keys)} LIMIT {_AT_ONCE}"
    rows = connection.execute(f"{selected} {order}").fetchall()
    while rows:
        yield [tuple(row[len(keys) :]) for row in rows]
        after = f"WHERE ({', '.join(keys)}) > ({', '.join('?' * len(keys))})"
        last = rows[-1][: len(keys)]
        rows = connection.execute(f"{selected} {after} {order}", last).fetchall()


def _fitting(row: Sequence[Any], truths: Sequence[bool]) -> tuple[Any, ...]:
    """Return a row as PostgreSQL takes it: with booleans, and without U+0000."""
    return tuple(
        bool(value)
        if is_truth
        else value.replace("\0", "\ufffd")
        if isinstance(value, str)
        else value
        for value, is_truth in zip(row, truths, strict=True)
    )

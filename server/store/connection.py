"""What work does with a database: the part of DB-API that SQLite's and PostgreSQL's drivers share.

Statements are valid for both. Their placeholders are `?`, or `?1`, `?2` where one is used twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from typing import Any, Final, Protocol

ALL: Final = 2**53
"""The `LIMIT` of a statement that is to find all rows: more than there ever are."""
FUTURE: Final = 2**53
"""A sequence number greater than that of every row."""


class Rows(Protocol):
    """What a statement has found or changed."""

    @property
    def rowcount(self) -> int:
        """Return how many rows were changed."""
        ...

    def fetchone(self) -> Any:
        """Return the next row, None if there is none left."""
        ...

    def fetchall(self) -> list[Any]:
        """Return all rows that are left."""
        ...

    def __iter__(self) -> Iterator[Any]:
        """Return the rows one by one."""
        ...


class Connection(Protocol):
    """A connection, in a transaction."""

    def execute(self, statement: str, values: Sequence[Any] = ..., /) -> Rows:
        """Carry out a statement with a value for each placeholder."""
        ...

    def send(self, statement: str, values: Sequence[Any] = ..., /) -> None:
        """Carry out a statement whose result nobody needs: together with the next statement that
        has a result, or at the end of the piece of work. So PostgreSQL is asked once for several.
        """
        ...

    def executemany(self, statement: str, rows: Iterable[Sequence[Any]], /) -> object:
        """Carry out a statement with the values of each row."""
        ...


def each(body: str, values: Sized, before: int) -> str:
    """Return a statement that selects the rows of each value; `{}` in `body` stands for the value.
    The placeholders of the values follow `before` others, which are `?1` and so on.

    Each value finds its rows by an index. For `IN (…)` PostgreSQL would read a whole tree, as long
    as it does not know how large the tree is.
    """
    numbers = range(before + 1, before + 1 + len(values))
    return " UNION ALL ".join(body.format(f"?{number}") for number in numbers)


def add_rows(connection: Connection, statement: str, rows: Sequence[Sequence[Any]]) -> None:
    """Carry out one `INSERT` for all rows, whose values take the place of `{}`. If the statement
    updates rows that are there, no two of `rows` may be for the same one.

    PostgreSQL takes 5 ms for fifty statements of one row, and less than 2 for one of fifty rows.
    """
    if rows:
        row = f"({', '.join('?' * len(rows[0]))})"
        values = [value for one in rows for value in one]
        connection.send(statement.format(", ".join([row] * len(rows))), values)


Check = Callable[[Connection], object]
"""Is called in the transaction of a change, before the change, and may raise to refuse it."""

"""What work does with a database: the part of DB-API that SQLite's and PostgreSQL's drivers share.

Statements are valid for both. Their placeholders are `?`, or `?1`, `?2` where one is used twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from typing import Any, Final, Protocol

ALL: Final = 2**53
"""The limit of a statement that is to find everything: more rows than there ever are."""


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

    def executemany(self, statement: str, rows: Iterable[Sequence[Any]], /) -> object:
        """Carry out a statement with the values of each row."""
        ...


def places(values: Sized) -> str:
    """Return the placeholders of a list of values, for `IN (…)`."""
    return ", ".join("?" * len(values))


Check = Callable[[Connection], object]
"""What may refuse a change, in its transaction and before it."""

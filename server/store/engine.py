"""What the database's thread needs of a kind of database. SQLite's and PostgreSQL's are beside."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from server.store.connection import Connection
from server.store.giving_way import AtRest
from server.store.link import Lease, Link, LinkEvents


class StoreError(Exception):
    """The database cannot be used. The message says why, and what to do."""


class StoreAway(StoreError):
    """The database cannot be reached at the moment: it may be later."""


class CommitLost(Exception):
    """The connection was lost before the commit reached the database: nothing was done."""


class OutcomeUnknown(Exception):
    """The connection was lost during a commit: whether the transaction was done is not known."""


class Session(Connection, Protocol):
    """A connection with its transactions, for one thread."""

    @property
    def Error(self) -> type[Exception]:
        """Return the base of the errors that statements raise."""
        ...

    @property
    def in_transaction(self) -> bool:
        """Return whether a transaction has begun and has neither ended nor been undone."""
        ...

    @property
    def total_changes(self) -> int:
        """Return how many rows all statements together have changed."""
        ...

    @property
    def is_lost(self) -> bool:
        """Return whether there is no connection."""
        ...

    def begin(self, *, reads: bool = False) -> None:
        """Begin a transaction. It is the only one: others that want to write wait for its end. One
        that only `reads` need not wait, and cannot change anything; it sees all that was durable at
        its first statement, and nothing else.
        """
        ...

    def begin_work(self) -> None:
        """Begin a piece of the transaction's work that can be undone alone."""
        ...

    def end_work(self) -> None:
        """Keep what the piece of work has done, if the transaction is durable in the end.

        What was sent and not carried out yet is carried out before, and may fail.
        """
        ...

    def undo_work(self) -> None:
        """Undo what the piece of work has done, and end it."""
        ...

    def end(self, goes_on: Callable[[], bool]) -> None:
        """End the transaction. What it has done is durable then.

        If the connection is lost meanwhile, another connection finds out whether the transaction
        was done. `goes_on` is called between two tries, and returns whether to try again.

        Raises:
            CommitLost: it was found out that nothing was done.
            OutcomeUnknown: it was not found out.
        """
        ...

    def rollback(self) -> None:
        """Undo the transaction."""
        ...

    def hold(self, project_id: str) -> bool:
        """Keep other servers from beginning work in steps for a project, until `let_go` or the loss
        of the connection. Return False if another server does such work.
        """
        ...

    def let_go(self, project_id: str) -> None:
        """Let other servers begin work in steps for a project that was held."""
        ...

    def close(self) -> None:
        """Undo what has not ended, and let other servers use the database."""
        ...


class Engine(Protocol):
    """A kind of database, and the place of one.

    `node` names this server among those that use the database, which it `shares` with others or has
    for itself.
    """

    node: str
    shares: bool

    def connect(self) -> Session:
        """Open the database with this version's tables, also while a server is using it.

        Raises:
            StoreError: it cannot be opened.
        """
        ...

    def serve(self, at_rest: AtRest | None = None) -> Session:
        """Open the database for a server, and keep other servers out until it is closed. The
        session sets `at_rest` while it waits for the disk or another computer.

        Raises:
            StoreAway: it cannot be reached.
            StoreError: it cannot be opened, or another server is using it.
        """
        ...

    def link(self, lease: Lease, hears: LinkEvents) -> Link | None:
        """Return this server's place among the nodes; None if only one server at a time uses the
        database.
        """
        ...

    def unusable(self, reason: str) -> str:
        """Return the line for a database that cannot be used."""
        ...

    def damage(self, error: BaseException) -> str | None:
        """Return the line for a damaged database if that is what an error shows, else None."""
        ...


def name_of(error: BaseException | None) -> str:
    """Return the database's own name for an error: SQLite's, or PostgreSQL's SQLSTATE."""
    named = getattr(error, "sqlite_errorname", None) or getattr(error, "sqlstate", None)
    return str(named or ("no connection" if error is None else type(error).__name__))

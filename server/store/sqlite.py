"""SQLite: one file in the data directory, with nothing to install."""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from server.store import leftovers
from server.store.engine import StoreError, name_of
from server.store.giving_way import AtRest
from server.store.link import Lease, LinkEvents
from server.store.migrations import MigrationError, migrate

FILE_NAME: Final = "server.db"
_MOST_CHECKED: Final = 64_000_000
"""Bytes of a database that is checked at the start; damage of a larger one is found later."""
_DAMAGES: Final = ("SQLITE_CORRUPT", "SQLITE_NOTADB")


class SqliteSession(sqlite3.Connection):
    """A connection to SQLite, which may keep other servers out of its directory."""

    is_lost = False
    at_rest: AtRest | None = None
    lock: int | None = None

    def begin(self, *, reads: bool = False) -> None:
        """Begin a transaction. It is the only one; see `Session`."""
        self.execute("BEGIN" if reads else "BEGIN IMMEDIATE")

    def begin_work(self) -> None:
        """Begin a piece of work; see `Session`."""
        self.execute("SAVEPOINT work")

    def end_work(self) -> None:
        """Keep what the piece of work has done; see `Session`."""
        self.execute("RELEASE work")

    def undo_work(self) -> None:
        """Undo what the piece of work has done; see `Session`."""
        self.execute("ROLLBACK TO work")
        self.execute("RELEASE work")

    def end(self, _goes_on: Callable[[], bool]) -> None:
        """End the transaction: what it has done is durable."""
        if self.at_rest is not None:
            self.at_rest.set()
        self.execute("COMMIT")

    def send(self, statement: str, values: Sequence[Any] = (), /) -> None:
        """Carry out a statement of which nobody needs a result."""
        self.execute(statement, values)

    def hold(self, _project_id: str) -> bool:
        """Return True: there is no other server; see `Session`."""
        return True

    def let_go(self, _project_id: str) -> None:
        """Do nothing: there is no other server; see `Session`."""

    def close(self) -> None:
        """Undo what has not ended, and let other servers use the directory."""
        super().close()
        if self.lock is not None:
            os.close(self.lock)
            self.lock = None


class Sqlite:
    """The database in a directory."""

    node = ""
    shares = False

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def connect(self) -> SqliteSession:
        """Open the database with this version's tables; see `Engine`."""
        with self._explained():
            make_private(self.directory)
            # Transactions are begun and ended explicitly. The thread that uses the connection does
            # not open it.
            session = sqlite3.connect(
                self.directory / FILE_NAME,
                isolation_level=None,
                timeout=10.0,
                check_same_thread=False,
                factory=SqliteSession,
            )
            try:
                session.execute("PRAGMA journal_mode = WAL")
                session.execute("PRAGMA synchronous = FULL")
                session.execute("PRAGMA foreign_keys = ON")
                # A commit that moves the log into the database waits for a megabyte, not for four:
                # 20 ms instead of 45.
                session.execute("PRAGMA wal_autocheckpoint = 256")
                # Where SQLite is built to overwrite all that is deleted, 4 MB of it took 100 ms.
                session.execute("PRAGMA secure_delete = FAST")
                self._check(session)
                migrate(session)
            except BaseException:
                session.close()
                raise
        return session

    def serve(self, at_rest: AtRest | None = None) -> SqliteSession:
        """Open the database for a server, and keep other servers out; see `Engine`."""
        lock = self._lock()
        try:
            session = self.connect()
        except BaseException:
            if lock is not None:
                os.close(lock)
            raise
        session.lock, session.at_rest = lock, at_rest
        try:
            with self._explained():
                leftovers.begin(session)
        except BaseException:
            session.close()
            raise
        return session

    def link(self, _lease: Lease, _hears: LinkEvents) -> None:
        """Return None: only one server at a time uses the database; see `Engine`."""

    def unusable(self, reason: str) -> str:
        """Return the line for a directory that cannot be used."""
        return f"DATA_DIR: cannot use {str(self.directory)!r}: {reason}"

    def damage(self, error: BaseException) -> str | None:
        """Return the line for a damaged database if that is what an error shows, else None."""
        return self._damaged(str(error)) if name_of(error).startswith(_DAMAGES) else None

    def _damaged(self, reason: str) -> str:
        return (
            f"DATA_DIR: the database {str(self.directory / FILE_NAME)!r} is damaged ({reason}): "
            "put a backup in its place"
        )

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn an error of SQLite in the block into a StoreError."""
        try:
            yield
        except (sqlite3.Error, OSError, MigrationError) as error:
            damage = self.damage(error)
            if damage is not None:
                raise StoreError(damage) from error
            reason = error.strerror if isinstance(error, OSError) else None
            raise StoreError(self.unusable(reason or str(error))) from error

    def _check(self, session: sqlite3.Connection) -> None:
        """Read a whole database, unless it is too large, to find damage.

        Raises:
            StoreError: it is damaged.
        """
        if (self.directory / FILE_NAME).stat().st_size <= _MOST_CHECKED:
            (said,) = session.execute("PRAGMA quick_check(1)").fetchone()
            if said != "ok":
                raise StoreError(self._damaged(said.replace("\n", " ")))

    def _lock(self) -> int | None:
        """Keep other servers out of the directory. The system ends this when the process ends."""
        if sys.platform == "win32":
            return None
        import fcntl

        with self._explained():
            make_private(self.directory)
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
            descriptor = os.open(self.directory / "lock", flags, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                os.close(descriptor)
                if error.errno not in (errno.EAGAIN, errno.EACCES):
                    raise
                reason = "another server is using it; stop that one, or choose another directory"
                raise StoreError(self.unusable(reason)) from error
        return descriptor


def make_private(directory: Path) -> None:
    """Make the data directory, if it is not there, for this account alone: it has the hashes of
    passwords and everybody's files.

    Raises:
        OSError: it cannot be made.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)

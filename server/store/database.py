"""The database's thread: work goes in, commits are shared, results come back after them.

SQLite waits for the disk, and an event loop must not, so one thread owns the only connection. What
is waiting when the thread gets to it becomes one transaction with one sync to the disk ("group
commit"): a hundred clients that save at once wait for one sync, not for a hundred. Each piece of
work has its own savepoint, so one that fails undoes only itself. Nobody learns a result before the
commit that makes it durable (WAL with synchronous=FULL).

Work is carried out and its results are delivered in the order in which it was handed over: what
the application tells its clients has the order of the commits. Reading goes the same way; a second
connection would read past writes that are on their way.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import queue
import sqlite3
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from server.api.errors import Code, EventError
from server.store.migrations import MigrationError, migrate

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], Any]

FILE_NAME: Final = "server.db"
_MOST_AT_ONCE: Final = 256

logger = logging.getLogger("server.store")


class StoreError(Exception):
    """The data directory cannot be used; the message says why, and what to do."""


@dataclass(slots=True)
class _Job:
    work: Work
    future: asyncio.Future[Any]
    result: Any = None
    error: Exception | None = None


class Database:
    """The database in a data directory, for one server at a time.

    `commits` counts the transactions that wrote something.
    """

    def __init__(self, directory: Path) -> None:
        self.commits = 0
        self._directory = directory
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._lock: int | None = None
        self._loop: asyncio.AbstractEventLoop

    async def start(self) -> None:
        """Open the database, and make or migrate its tables.

        Raises:
            StoreError: the directory cannot be used, or another server is using it.
        """
        self._loop = asyncio.get_running_loop()
        self._lock = _lock(self._directory)
        try:
            connection = await asyncio.to_thread(connect, self._directory)
        except BaseException:
            self._unlock()
            raise
        self._thread = threading.Thread(target=self._work, args=(connection,), name="database")
        self._thread.start()

    def run(self, work: Callable[[sqlite3.Connection], T]) -> asyncio.Future[T]:
        """Hand over work; it begins after all that was handed over before.

        The future fails with what `work` raises, or with an `EventError` (`STORAGE_ERROR`) if the
        database does. Whether somebody waits for it makes no difference to the work.
        """
        future: asyncio.Future[T] = self._loop.create_future()
        self._jobs.put(_Job(work, future))
        return future

    async def close(self) -> None:
        """Carry out what was handed over, then close the database."""
        if self._thread is not None:
            self._jobs.put(None)
            await asyncio.to_thread(self._thread.join)
            self._thread = None
        self._unlock()

    def _unlock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    # -- on the thread

    def _work(self, connection: sqlite3.Connection) -> None:
        with contextlib.closing(connection):
            while True:
                jobs, last = self._take()
                if jobs:
                    self._carry_out(connection, jobs)
                    with contextlib.suppress(RuntimeError):  # The loop is gone, with all futures.
                        self._loop.call_soon_threadsafe(_deliver, jobs)
                if last:
                    return

    def _take(self) -> tuple[list[_Job], bool]:
        """Wait for work, then take all there is; whether it is the last."""
        jobs: list[_Job] = []
        job = self._jobs.get()
        while job is not None:
            jobs.append(job)
            if len(jobs) == _MOST_AT_ONCE:
                return jobs, False
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                return jobs, False
        return jobs, True

    def _carry_out(self, connection: sqlite3.Connection, jobs: list[_Job]) -> None:
        before = connection.total_changes
        try:
            connection.execute("BEGIN IMMEDIATE")
            for job in jobs:
                _perform(connection, job)
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            logger.exception("a transaction failed")
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            for job in jobs:
                job.error = _storage_error(error)
        else:
            self.commits += connection.total_changes != before


def make_private(directory: Path) -> None:
    """Make the data directory, if it is not there, for this account alone: it has the hashes of
    passwords and everybody's files.

    Raises:
        OSError: it cannot be made.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)


def connect(directory: Path) -> sqlite3.Connection:
    """A connection to the database in a directory, with this version's tables.

    Raises:
        StoreError: the database cannot be opened.
    """
    try:
        make_private(directory)
        # Transactions are begun and ended explicitly. One thread uses it, not the one that opens.
        connection = sqlite3.connect(
            directory / FILE_NAME, isolation_level=None, timeout=10.0, check_same_thread=False
        )
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            migrate(connection)
        except BaseException:
            connection.close()
            raise
    except (sqlite3.Error, OSError, MigrationError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise StoreError(f"DATA_DIR: cannot use {str(directory)!r}: {reason}") from error
    return connection


def _perform(connection: sqlite3.Connection, job: _Job) -> None:
    connection.execute("SAVEPOINT job")
    try:
        job.result = job.work(connection)
    except Exception as error:
        # A full disk or a broken one undoes the whole transaction: its other jobs fail as well.
        if not connection.in_transaction:
            raise sqlite3.OperationalError("the transaction was undone") from error
        connection.execute("ROLLBACK TO job")
        job.error = error
        if isinstance(error, sqlite3.Error):
            logger.error("the database refused", exc_info=error)
            job.error = _storage_error(error)
    connection.execute("RELEASE job")


def _storage_error(error: sqlite3.Error) -> EventError:
    name = getattr(error, "sqlite_errorname", "SQLITE_ERROR")
    return EventError(
        Code.STORAGE_ERROR, f"the change could not be saved ({name}): nothing of it was done"
    )


def _deliver(jobs: list[_Job]) -> None:
    for job in jobs:
        if job.future.cancelled():
            continue
        if job.error is None:
            job.future.set_result(job.result)
        else:
            job.future.set_exception(job.error)


def _lock(directory: Path) -> int | None:
    """Keep other servers out of the directory; the system lets go when this process ends."""
    if sys.platform == "win32":
        return None
    import fcntl

    try:
        make_private(directory)
        descriptor = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreError(f"DATA_DIR: cannot use {str(directory)!r}: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        reason = (
            "another server is using it; stop that one, or choose another directory"
            if error.errno in (errno.EAGAIN, errno.EACCES)
            else error.strerror
        )
        raise StoreError(f"DATA_DIR: cannot use {str(directory)!r}: {reason}") from error
    return descriptor

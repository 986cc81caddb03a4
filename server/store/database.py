"""The database's thread: work goes in, commits are shared, results come back after them.

SQLite waits for the disk, and an event loop must not, so one thread owns the only connection. What
is waiting when the thread gets to it becomes one transaction with one sync to the disk ("group
commit"): a hundred clients that save at once wait for one sync, not for a hundred. Each piece of
work has its own savepoint, so one that fails undoes only itself. Nobody learns a result before the
commit that makes it durable (WAL with synchronous=FULL).

Nobody waits for long because of somebody else: users take turns, a transaction ends after
`_GROUP_SECONDS`, what goes through thousands of rows is done in steps, one in every other
transaction while other work waits, and what is deleted goes bit by bit (`leftovers`). Nobody sees
what steps have half done; of a project, and of a user, one such work is done at a time, and from
its last step on other work for the project waits until its clients have been told.

Work of one user, and the delivery of all results, has the order of the handing over and of the
commits: what the application tells its clients has the order of the commits. Reading goes the same
way; a second connection would read past writes that are on their way.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import sqlite3
import sys
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from server.api.errors import Code, EventError
from server.store import leftovers
from server.store.jobs import Job, JobQueue, perform, storage_error
from server.store.migrations import MigrationError, migrate
from server.store.trees import Steps

T = TypeVar("T")

FILE_NAME: Final = "server.db"
_MOST_AT_ONCE: Final = 256
_GROUP_SECONDS: Final = 0.02
"""After which a transaction takes no more work."""

logger = logging.getLogger("server.store")


_MOST_CHECKED: Final = 64_000_000
"""Bytes of a database that is read through at the start; a larger one is found damaged later."""
_DAMAGES: Final = ("SQLITE_CORRUPT", "SQLITE_NOTADB")


class StoreError(Exception):
    """The data directory cannot be used; the message says why, and what to do."""


class Database:
    """The database in a data directory, for one server at a time.

    `commits` counts the transactions that wrote something, `is_damaged` once SQLite has found the
    file damaged. `clock` is in seconds.
    """

    def __init__(self, directory: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self.commits = 0
        self.is_damaged = False
        self._directory = directory
        self._clock = clock
        self._jobs = JobQueue()
        # On the thread: work in steps that is not at its end, and whether there are leftovers.
        self._begun: deque[Job] = deque()
        # Whether the last transaction had a step: other work waits for one at most.
        self._stepped = False
        self._untidy = True
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

    def of(self, owner: str, project_id: str | None = None) -> Desk:
        """Return where to hand over the work of a user, for a project if it is for one."""
        return Desk(self, owner, project_id)

    def run(self, work: Callable[[sqlite3.Connection], T]) -> asyncio.Future[T]:
        """Hand over work of nobody in particular; see `Desk.run`."""
        return self.of("").run(work)

    def submit(self, job: Job) -> None:
        """Hand over a job; one that has no place fails at once."""
        if not self._jobs.put(job):
            job.future.set_exception(
                EventError(
                    Code.RATE_LIMIT_EXCEEDED,
                    "too much is waiting for the database: try again later",
                )
            )

    def release(self, job: Job) -> None:
        """Let the work go on that waits for the end of this job in steps."""
        self._jobs.release(job)

    def new_future(self) -> asyncio.Future[Any]:
        """Return a new future of the loop that the database was started in."""
        return self._loop.create_future()

    async def close(self) -> None:
        """Carry out what was handed over, then close the database."""
        if self._thread is not None:
            self._jobs.close()
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
                job = self._jobs.take(wait=not self._begun and not self._untidy)
                if (
                    job is None
                    and self._jobs.closed
                    and not self._begun
                    and not self._jobs.release_all()
                ):
                    return
                done = self._carry_out(connection, job)
                if done:
                    with contextlib.suppress(RuntimeError):  # The loop is gone, with all futures.
                        self._loop.call_soon_threadsafe(_deliver, done)

    def _carry_out(self, connection: sqlite3.Connection, job: Job | None) -> list[Job]:
        """Do a transaction's work, beginning with this job; returns the jobs that are done."""
        touched: list[Job] = []
        done: list[Job] = []
        before = connection.total_changes
        try:
            connection.execute("BEGIN IMMEDIATE")
            end = self._clock() + _GROUP_SECONDS
            # What comes while this is done is the next transaction's.
            most = min(_MOST_AT_ONCE, len(self._jobs) + 1)
            begun = None
            if self._begun and (job is None or not self._stepped):
                begun = self._begun.popleft()
            self._stepped = begun is not None
            if begun is not None:
                touched.append(begun)
                self._perform(connection, begun)
            while job is not None:
                touched.append(job)
                self._perform(connection, job)
                most -= 1
                job = self._jobs.take(wait=False) if most and self._clock() < end else None
            # With what is in steps, each transaction would have twice as much to do.
            if self._untidy and begun is None and not self._begun:
                leftovers.delete_some(connection)
            self._untidy = leftovers.are_there(connection)
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            logger.exception("a transaction failed")
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            for one in touched:
                one.fail(storage_error(error))
            # Tried again with the next change that succeeds.
            self._untidy = False
            done = touched
            self._see_damage(error)
        else:
            self.commits += connection.total_changes != before
            done = [one for one in touched if one.is_done]
            self._begun.extend(one for one in touched if not one.is_done)
        for one in done:
            self._see_damage(one.cause)
        return done

    def _perform(self, connection: sqlite3.Connection, job: Job) -> None:
        perform(connection, job)
        if job.holds and job.is_done and job.error is None:
            self._jobs.hold(job)

    def _see_damage(self, error: sqlite3.Error | None) -> None:
        if _is_damage(error) and not self.is_damaged:
            self.is_damaged = True
            logger.critical("%s", _damaged(self._directory, str(error)))


@dataclass(frozen=True, slots=True)
class Desk:
    """Where the work of one user, for one project or none, is handed over to the database."""

    database: Database
    owner: str
    project_id: str | None

    def run(self, work: Callable[[sqlite3.Connection], T]) -> asyncio.Future[T]:
        """Hand over work; it begins after all that its owner has handed over before.

        The future fails with what `work` raises, or with an `EventError`: `STORAGE_ERROR` if the
        database does, `RATE_LIMIT_EXCEEDED` if too much waits. Whether somebody waits for it makes
        no difference to the work.
        """
        future: asyncio.Future[T] = self.database.new_future()
        self.database.submit(Job(work, future, self.owner, self.project_id))
        return future

    @contextlib.asynccontextmanager
    async def in_steps(self, work: Callable[[sqlite3.Connection], Steps[T]]) -> AsyncIterator[T]:
        """Do work in steps, each in a transaction of its own; gives its result.

        From the last step on, other work for the project waits until the block is left.

        Raises:
            EventError: as for `run`.
        """
        assert self.project_id is not None, "work in steps is for a project"
        future: asyncio.Future[T] = self.database.new_future()
        job = Job(work, future, self.owner, self.project_id, in_steps=True)
        self.database.submit(job)
        try:
            # Whether somebody waits for it makes no difference to the work.
            result = await asyncio.shield(future)
        except asyncio.CancelledError:
            future.add_done_callback(lambda _: self._forget(job))
            raise
        except Exception:
            self._forget(job)
            raise
        try:
            yield result
        finally:
            self._forget(job)

    def _forget(self, job: Job) -> None:
        if job.holds:
            self.database.release(job)


def make_private(directory: Path) -> None:
    """Make the data directory, if it is not there, for this account alone: it has the hashes of
    passwords and everybody's files.

    Raises:
        OSError: it cannot be made.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)


def connect(directory: Path) -> sqlite3.Connection:
    """Open the database in a directory, with this version's tables.

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
            # A commit that moves the log into the database waits for a megabyte, not for four:
            # 20 ms instead of 45.
            connection.execute("PRAGMA wal_autocheckpoint = 256")
            # Where SQLite is built to overwrite all that is deleted, 4 MB of it took 100 ms.
            connection.execute("PRAGMA secure_delete = FAST")
            _check(connection, directory)
            migrate(connection)
            leftovers.begin(connection)
        except BaseException:
            connection.close()
            raise
    except (sqlite3.Error, OSError, MigrationError) as error:
        if isinstance(error, sqlite3.Error) and _is_damage(error):
            raise StoreError(_damaged(directory, str(error))) from error
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise StoreError(f"DATA_DIR: cannot use {str(directory)!r}: {reason}") from error
    return connection


def _check(connection: sqlite3.Connection, directory: Path) -> None:
    """Read a database that is not too large through.

    Raises:
        StoreError: it is damaged.
    """
    if (directory / FILE_NAME).stat().st_size <= _MOST_CHECKED:
        (said,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        if said != "ok":
            raise StoreError(_damaged(directory, said.replace("\n", " ")))


def _is_damage(error: sqlite3.Error | None) -> bool:
    return getattr(error, "sqlite_errorname", "").startswith(_DAMAGES)


def _damaged(directory: Path, reason: str) -> str:
    return (
        f"DATA_DIR: the database {str(directory / FILE_NAME)!r} is damaged ({reason}): "
        "put a backup in its place"
    )


def _deliver(jobs: list[Job]) -> None:
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

"""The database's thread: work goes in, commits are shared, results come back after them.

A database waits for the disk, and an event loop must not, so one thread owns the only connection.
All work that waits when the thread comes to it becomes one transaction with one sync to the disk
("group commit"): a hundred clients that save at once wait for one sync, not for a hundred. Each
piece of work has its own savepoint, so one that fails undoes only itself. Nobody learns a result
before the commit that makes it durable.

Nobody waits for long because of somebody else. Users take turns. A transaction takes more work for
`_GROUP_SECONDS`, and none for many files after its first work. Work on thousands of rows is done in
steps; while other work waits, only every other transaction has a step. Likewise every other
transaction only reads, if there is something to read: such a transaction does not wait for those of
other servers. What is deleted goes bit by bit (`leftovers`).

Nobody sees what steps have half done. One work in steps at a time is done for each project and for
each user. From its last step on, other work for the project waits until the changes are noted as
untold (`server.projects.untold`). So nobody hears of a later change first.

What one user changes is done in the order in which it was handed over. What a user reads is read
after all that the user has handed over before. All results are delivered in the order of the
commits, so the application tells its clients everything in that order. Reading uses the same
connection: a second one would not see writes that are on their way.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Generic, TypeVar

from server.api.errors import too_busy
from server.held_bytes import HeldBytes
from server.store import leftovers
from server.store.connection import Connection
from server.store.engine import CommitLost, Engine, OutcomeUnknown, Session
from server.store.giving_way import GivingWay
from server.store.jobs import Job, JobQueue, TransactionUndone, perform, storage_error
from server.store.trees import Steps

T = TypeVar("T")

_MOST_AT_ONCE: Final = 256
HELD: Final = 201_326_592
HELD_OF_ONE: Final = 67_108_864
HELD_FREE: Final = 1_048_576
"""Bytes that waiting work may hold: of all users together, of one, and of each user in any case."""
PIECE: Final = 4_096
"""Bytes that a piece of work counts at least."""
_GROUP_SECONDS: Final = 0.02
"""Seconds for which a transaction takes more work."""
_OUTAGE_SECONDS: Final = 0.05
"""Seconds between two looks at what waits, while there is no connection."""

logger = logging.getLogger("server.store")


class Database:
    """The database of an engine, for one server at a time.

    commits: how many transactions have changed something. is_damaged: the database was found
    damaged. clock: returns seconds.
    """

    def __init__(self, engine: Engine, clock: Callable[[], float] = time.monotonic) -> None:
        self.commits = 0
        self.is_damaged = False
        self.engine = engine
        self._clock = clock
        self._jobs = JobQueue()
        self._giving_way = GivingWay(self._jobs.at_rest)
        self.held = HeldBytes(most=HELD, most_of_one=HELD_OF_ONE, free=HELD_FREE)
        # What follows belongs to the thread. The jobs in steps that are not at their end.
        self._begun: deque[Job] = deque()
        # Whether the last transaction had a step. Other work waits for at most one step.
        self._stepped = False
        # Whether there may be leftovers to delete.
        self._untidy = True
        # Whether the connection is lost, which was logged.
        self._is_lost = False
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop

    async def start(self) -> None:
        """Open the database, and make or migrate its tables.

        Raises:
            StoreAway: it cannot be reached.
            StoreError: it cannot be used, or another server is using it.
        """
        self._loop = asyncio.get_running_loop()
        session = await asyncio.to_thread(self.engine.serve, self._jobs.at_rest)
        self._thread = threading.Thread(target=self._work, args=(session,), name="database")
        self._thread.start()

    def of(self, owner: str, project_id: str | None = None) -> Desk:
        """Return where to hand over the work of a user, for a project if it is for one."""
        return Desk(self, owner, project_id)

    def run(self, work: Callable[[Connection], T]) -> asyncio.Future[T]:
        """Hand over work of nobody in particular; see `Desk.run`."""
        return self.of("").run(work)

    def submit(self, job: Job) -> None:
        """Hand over a job. A job for which there is no place fails at once."""
        if self.held.add(job.owner, job.size):
            if self._jobs.put(job):
                self._giving_way.begin(self._loop)
                return
            self.held.remove(job.owner, job.size)
        job.future.set_exception(too_busy("too much is waiting for the database: try again later"))

    def let_go(self, job: Job) -> None:
        """Let other work for the project of a job in steps go on, but no other work in steps."""
        self._jobs.unblock(job)

    def release(self, job: Job) -> None:
        """End a job in steps: let all work go on that waits for it."""
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

    # -- on the thread

    def _work(self, session: Session) -> None:
        with contextlib.closing(session):
            while True:
                job = self._jobs.take(wait=not self._begun and not self._untidy)
                if (
                    job is None
                    and self._jobs.closed
                    and not self._begun
                    and not self._jobs.release_all()
                ):
                    return
                self._tell(self._carry_out(session, job))

    def _carry_out(self, session: Session, job: Job | None) -> list[Job]:
        """Do one transaction, which begins with `job`. Return the jobs that are done."""
        touched: list[Job] = []
        before = session.total_changes
        begun = None
        if self._begun and (job is None or not self._stepped):
            begun = self._begun.popleft()
        self._stepped = begun is not None
        reads = job is not None and self._jobs.is_reading and begun is None
        try:
            session.begin(reads=reads)
        except session.Error as error:
            self._log(session, error)
            touched.extend(one for one in (begun, *self._begun, job) if one is not None)
            self._begun.clear()
            return self._failed(touched, error)
        try:
            end = self._clock() + _GROUP_SECONDS
            # Work that comes while this is done is part of the next transaction.
            most = min(_MOST_AT_ONCE, len(self._jobs) + 1)
            if begun is not None:
                touched.append(begun)
                self._perform(session, begun)
            while job is not None:
                touched.append(job)
                self._perform(session, job)
                most -= 1
                goes_on = most and self._clock() < end
                job = self._jobs.take(wait=False, goes_on=True) if goes_on else None
            if any(one.cause is not None for one in touched):
                # The refused work may have waited long for a lock. Its owner hears of that before
                # anything else waits for a lock.
                self._untidy = False
            elif not reads:
                # Not beside work in steps: each transaction would have twice as much to do.
                tidies = self._untidy and begun is None and not self._begun
                is_refused = tidies and not self._tidy(session)
                self._untidy = not is_refused and leftovers.are_there(session)
            session.end(self._outage_goes_on)
        except (session.Error, TransactionUndone, CommitLost, OutcomeUnknown) as error:
            self._log(session, error)
            if session.in_transaction:
                session.rollback()
            return self._failed(touched, _cause(error))
        if self._is_lost:
            self._is_lost = False
            logger.warning("the database answers again")
        self.commits += session.total_changes != before
        done = [one for one in touched if one.is_done]
        self._let_go(session, done)
        self._begun.extend(one for one in touched if not one.is_done)
        for one in done:
            self._see_damage(one.cause)
        return done

    def _tidy(self, session: Session) -> bool:
        """Delete some leftovers. Return False if the database refuses: the rest of the transaction
        goes on, and the next change tries it again.
        """
        tidying = Job(leftovers.delete_some, self.new_future())
        perform(session, tidying)
        return tidying.cause is None

    def _let_go(self, session: Session, done: list[Job]) -> None:
        """Let other servers begin work in steps for the projects of jobs that are done."""
        for one in done:
            if one.holds_project and one.project_id is not None and not session.is_lost:
                session.let_go(one.project_id)

    def _failed(self, jobs: list[Job], error: BaseException | None) -> list[Job]:
        """Let jobs fail because the database has failed. Return them."""
        for one in jobs:
            one.fail(storage_error(error))
            self._jobs.unblock(one)
            self._see_damage(one.cause)
        # The step is tried again after the next change that succeeds.
        self._untidy = False
        self._see_damage(error)
        return jobs

    def _log(self, session: Session, error: Exception) -> None:
        """Log why a transaction failed. A lost connection is logged once."""
        # A session that has found out what became of a commit has a new connection.
        if not session.is_lost and not isinstance(error, CommitLost):
            logger.error("a transaction failed", exc_info=error)
        elif not self._is_lost:
            self._is_lost = True
            reason = str(_cause(error)).partition("\n")[0]
            logger.error("%s", self.engine.unusable(reason))

    def _outage_goes_on(self) -> bool:
        """Let all waiting jobs fail, because there is no connection. Return whether to wait for a
        connection: False if the server stops.
        """
        refused = []
        while (job := self._jobs.take(wait=False)) is not None:
            refused.append(job)
        self._tell(self._failed(refused, None))
        self._jobs.at_rest.set()
        time.sleep(_OUTAGE_SECONDS)
        self._jobs.at_rest.clear()
        return not self._jobs.closed

    def _tell(self, done: list[Job]) -> None:
        if done:
            with contextlib.suppress(RuntimeError):  # The loop is gone, with all futures.
                self._loop.call_soon_threadsafe(self._deliver, done)

    def _perform(self, session: Session, job: Job) -> None:
        perform(session, job)
        if job.steps_first is not None and not job.is_done:
            self._jobs.block_for_left_steps(job)
        elif job.blocks_project is not None:
            self._jobs.unblock(job)
        if job.has_begun and job.is_done and job.error is None:
            self._jobs.block(job)

    def _deliver(self, jobs: list[Job]) -> None:
        self._giving_way.end(len(jobs))
        for job in jobs:
            self.held.remove(job.owner, job.size)
            if job.future.cancelled():
                continue
            if job.error is None:
                job.future.set_result(job.result)
            else:
                job.future.set_exception(job.error)

    def _see_damage(self, error: BaseException | None) -> None:
        damage = None if error is None else self.engine.damage(error)
        if damage is not None and not self.is_damaged:
            self.is_damaged = True
            logger.critical("%s", damage)


@dataclass(frozen=True, slots=True)
class Done(Generic[T]):
    """The result of work in steps. `let_go()` lets other work for the project go on."""

    result: T
    let_go: Callable[[], None]


@dataclass(frozen=True, slots=True)
class Desk:
    """Hands the work of one user, for one project or none, over to the database."""

    database: Database
    owner: str
    project_id: str | None

    def read(self, work: Callable[[Connection], T], size: int = PIECE) -> asyncio.Future[T]:
        """Hand over work that changes nothing; see `run`. It waits neither for transactions of
        other servers nor for changes of other users.
        """
        return self._hand_over(work, size, reads=True)

    def run(
        self, work: Callable[[Connection], T], size: int = PIECE, *, large: bool = False
    ) -> asyncio.Future[T]:
        """Hand over work. It begins after all work that its owner has handed over before.

        size: how many bytes the work was given and may return, if these are many. large: the work
        is for many files.

        The future fails with what `work` raises, or with an `EventError`: `STORAGE_ERROR` if the
        database fails, `RATE_LIMIT_EXCEEDED` if too much waits. The work is done whether or not
        anybody waits for it.
        """
        return self._hand_over(work, size, is_large=large)

    def _hand_over(
        self,
        work: Callable[[Connection], T],
        size: int,
        *,
        reads: bool = False,
        is_large: bool = False,
    ) -> asyncio.Future[T]:
        future: asyncio.Future[T] = self.database.new_future()
        self.database.submit(
            Job(
                *(work, future, self.owner, self.project_id),
                size=size,
                reads=reads,
                is_large=is_large,
            )
        )
        return future

    @contextlib.asynccontextmanager
    async def in_steps(self, work: Callable[[Connection], Steps[T]]) -> AsyncIterator[Done[T]]:
        """Do work in steps, each in a transaction of its own. The block gets the result.

        From the last step on, other work for the project waits until `Done.let_go`, or the end of
        the block. Other work in steps for the project always waits for the end of the block.

        Raises:
            EventError: as for `run`.
        """
        assert self.project_id is not None, "work in steps is for a project"
        future: asyncio.Future[T] = self.database.new_future()
        job = Job(work, future, self.owner, self.project_id, in_steps=True, size=PIECE)
        self.database.submit(job)
        try:
            # The work is done whether or not anybody waits for it.
            result = await asyncio.shield(future)
        except asyncio.CancelledError:
            future.add_done_callback(lambda _: self._forget(job))
            raise
        except Exception:
            self._forget(job)
            raise
        try:
            yield Done(result, partial(self.database.let_go, job))
        finally:
            self._forget(job)

    def _forget(self, job: Job) -> None:
        if job.has_begun:
            self.database.release(job)


def _cause(error: BaseException) -> BaseException | None:
    """Return the database's own error."""
    return error.__cause__ if isinstance(error, (TransactionUndone, CommitLost)) else error

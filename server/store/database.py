"""The database's thread: work goes in, commits are shared, results come back after them.

A database waits for the disk, and an event loop must not, so one thread owns the only connection.
What is waiting when the thread gets to it becomes one transaction with one sync to the disk ("group
commit"): a hundred clients that save at once wait for one sync, not for a hundred. Each piece of
work has its own savepoint, so one that fails undoes only itself. Nobody learns a result before the
commit that makes it durable.

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
import logging
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from server.api.errors import Code, EventError
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
"""Bytes that waiting work may hold: of all users, of one, and of each whatever the others hold."""
PIECE: Final = 4_096
"""Bytes of work that names no more."""
_GROUP_SECONDS: Final = 0.02
"""How long a transaction takes more work."""
_OUTAGE_SECONDS: Final = 0.05
"""How long it is between two looks at what waits while there is no connection."""

logger = logging.getLogger("server.store")


class Database:
    """The database of an engine, for one server at a time.

    `commits` counts the transactions that wrote something, `is_damaged` once the database was found
    damaged. `clock` is in seconds.
    """

    def __init__(self, engine: Engine, clock: Callable[[], float] = time.monotonic) -> None:
        self.commits = 0
        self.is_damaged = False
        self.engine = engine
        self._clock = clock
        self._jobs = JobQueue()
        self._giving_way = GivingWay(self._jobs.at_rest)
        self.held = HeldBytes(most=HELD, most_of_one=HELD_OF_ONE, free=HELD_FREE)
        # On the thread: work in steps that is not at its end, and whether there are leftovers.
        self._begun: deque[Job] = deque()
        # Whether the last transaction had a step: other work waits for one at most.
        self._stepped = False
        self._untidy = True
        self._is_lost = False
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop

    async def start(self) -> None:
        """Open the database, and make or migrate its tables.

        Raises:
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
        """Hand over a job; one that has no place fails at once."""
        if self.held.add(job.owner, job.size):
            if self._jobs.put(job):
                self._giving_way.begin(self._loop)
                return
            self.held.remove(job.owner, job.size)
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
        """Do a transaction's work, beginning with this job. Return the jobs that are done."""
        touched: list[Job] = []
        before = session.total_changes
        try:
            session.begin()
        except session.Error as error:
            self._log(session, error)
            touched.extend(self._begun)
            if job is not None:
                touched.append(job)
            self._begun.clear()
            return self._failed(touched, error)
        try:
            end = self._clock() + _GROUP_SECONDS
            # Work that comes meanwhile is part of the next transaction.
            most = min(_MOST_AT_ONCE, len(self._jobs) + 1)
            begun = None
            if self._begun and (job is None or not self._stepped):
                begun = self._begun.popleft()
            self._stepped = begun is not None
            if begun is not None:
                touched.append(begun)
                self._perform(session, begun)
            while job is not None:
                touched.append(job)
                self._perform(session, job)
                most -= 1
                job = self._jobs.take(wait=False) if most and self._clock() < end else None
            # With what is in steps, each transaction would have twice as much to do.
            if self._untidy and begun is None and not self._begun:
                leftovers.delete_some(session)
            self._untidy = leftovers.are_there(session)
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

    def _let_go(self, session: Session, done: list[Job]) -> None:
        """Let other servers begin work in steps where it is done, and durable."""
        for one in done:
            if one.is_alone and one.project_id is not None and not session.is_lost:
                session.let_go(one.project_id)

    def _failed(self, jobs: list[Job], error: BaseException | None) -> list[Job]:
        """Let jobs fail because the database has; return them."""
        for one in jobs:
            one.fail(storage_error(error))
            self._jobs.follow(one)
            self._see_damage(one.cause)
        # Tried again with the next change that succeeds.
        self._untidy = False
        self._see_damage(error)
        return jobs

    def _log(self, session: Session, error: Exception) -> None:
        """Log why a transaction failed; that the connection is lost once, until there is one."""
        # Who finds out what became of a commit has a new connection.
        if not session.is_lost and not isinstance(error, CommitLost):
            logger.error("a transaction failed", exc_info=error)
        elif not self._is_lost:
            self._is_lost = True
            reason = str(_cause(error)).partition("\n")[0]
            logger.error("%s", self.engine.unusable(reason))

    def _outage_goes_on(self) -> bool:
        """Let what waits fail while there is no connection; return False if the server stops."""
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
        if job.first is not None and not job.is_done:
            self._jobs.lead(job)
        elif job.keeps is not None:
            self._jobs.follow(job)
        if job.holds and job.is_done and job.error is None:
            self._jobs.hold(job)

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
class Desk:
    """Where the work of one user, for one project or none, is handed over to the database."""

    database: Database
    owner: str
    project_id: str | None

    def run(self, work: Callable[[Connection], T], size: int = PIECE) -> asyncio.Future[T]:
        """Hand over work; it begins after all that its owner has handed over before. `size` is how
        many bytes it was given and may return, if these are many.

        The future fails with what `work` raises, or with an `EventError`: `STORAGE_ERROR` if the
        database does, `RATE_LIMIT_EXCEEDED` if too much waits. Whether somebody waits for it makes
        no difference to the work.
        """
        future: asyncio.Future[T] = self.database.new_future()
        self.database.submit(Job(work, future, self.owner, self.project_id, size=size))
        return future

    @contextlib.asynccontextmanager
    async def in_steps(self, work: Callable[[Connection], Steps[T]]) -> AsyncIterator[T]:
        """Do work in steps, each in a transaction of its own; gives its result.

        From the last step on, other work for the project waits until the block is left.

        Raises:
            EventError: as for `run`.
        """
        assert self.project_id is not None, "work in steps is for a project"
        future: asyncio.Future[T] = self.database.new_future()
        job = Job(work, future, self.owner, self.project_id, in_steps=True, size=PIECE)
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


def _cause(error: BaseException) -> BaseException | None:
    """Return the database's own error."""
    return error.__cause__ if isinstance(error, (TransactionUndone, CommitLost)) else error

"""Jobs for the database's thread, and the queue in which they wait for it."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from server.api.errors import Code, EventError, too_busy
from server.fair_queue import FairQueue
from server.store.connection import Connection
from server.store.engine import OutcomeUnknown, Session, name_of
from server.store.giving_way import AtRest

WAITING: Final = 20_000
WAITING_OF_ONE: Final = 2_000
"""Jobs of one user that may wait. Usually there is one for each of the user's connections."""

logger = logging.getLogger("server.store")


class StepsFirst(Exception):
    """Work for a project has to wait until steps are done that were left; `steps(connection)` does
    one each time it is iterated. Work in steps does not raise this.
    """

    def __init__(self, project_id: str, steps: Callable[[Connection], Iterator[None]]) -> None:
        super().__init__(f"project {project_id!r}: something is on its way")
        self.project_id = project_id
        self.steps = steps


@dataclass(slots=True)
class Job:
    """Work and its result. With `in_steps`, calling `work` gives a generator, which returns the
    result.

    size: bytes of what the work was given and may return. reads: whether it changes nothing.
    is_large: whether it is for many files, and nobody else's is to wait for the same commit.
    holds: whether no other job in steps of its owner, or for its project, may begin, and, from the
    last step on until it lets them go, no job at all for the project. is_alone: whether other
    servers begin none either.
    first: steps that come before the work, left for the project `left_for`. keeps: the project of
    which all other jobs wait for this one. cause: the database's own error.
    """

    work: Callable[[Connection], Any]
    future: asyncio.Future[Any]
    owner: str = ""
    project_id: str | None = None
    in_steps: bool = False
    size: int = 0
    reads: bool = False
    is_large: bool = False
    steps: Any = None
    holds: bool = False
    is_alone: bool = False
    first: Iterator[None] | None = None
    left_for: str = ""
    keeps: str | None = None
    is_done: bool = False
    result: Any = None
    error: Exception | None = None
    cause: BaseException | None = None

    def finish(self, result: Any) -> None:
        """End the job with a result."""
        self.result, self.is_done = result, True

    def fail(self, error: Exception) -> None:
        """End the job with an error. Steps that are left are not taken."""
        self.error, self.is_done = error, True


class JobQueue:
    """Jobs of many users, who take turns. Any thread may put and release; one thread takes. It is
    `at_rest` while there is no job, and `is_reading` if the jobs of the present transaction only
    read.
    """

    def __init__(self) -> None:
        self.closed = False
        self.is_reading = False
        self.at_rest = AtRest()
        self._changed = threading.Condition()
        self._waiting: FairQueue[Job] = FairQueue(most=WAITING, most_of_one=WAITING_OF_ONE)
        # What only reads, of owners with nothing else that waits.
        self._reading: FairQueue[Job] = FairQueue(most=WAITING, most_of_one=WAITING_OF_ONE)
        # Jobs in steps that wait for the end of one that runs, by its owner and by its project.
        self._users: dict[str, deque[Job]] = {}
        self._begun: dict[str, deque[Job]] = {}
        # All jobs that wait for jobs that keep a project, and how many keep it.
        self._held: dict[str, deque[Job]] = {}
        self._keepers: Counter[str] = Counter()
        # Jobs that need not wait any more.
        self._released: deque[Job] = deque()

    def __len__(self) -> int:
        """Return roughly how many jobs may be taken."""
        return len(self._waiting) + len(self._reading) + len(self._released)

    def put(self, job: Job) -> bool:
        """Append a job. Return False, without appending it, if too many wait."""
        with self._changed:
            is_next = job.reads and job.owner not in self._waiting
            appended = (self._reading if is_next else self._waiting).put(job.owner, job)
            if self.at_rest.answers_at is None:
                self.at_rest.clear()
            self._changed.notify()
        return appended

    def take(self, *, wait: bool, goes_on: bool = False) -> Job | None:
        """Return the next job, and wait for one with `wait`. Return None if there is none, or at
        the end.

        The job begins a transaction, unless the present one `goes_on`: then no large job is taken.
        Transactions that only read take turns with the others.

        A job in steps keeps other jobs in steps of its owner, or for its project, waiting until
        `release`: each holds what it has found until its clients have been told.
        """
        with self._changed:
            while (job := self._next(goes_on)) is None and wait and not self.closed:
                self.at_rest.set()
                self._changed.wait()
            self.at_rest.clear()
        return job

    def hold(self, job: Job) -> None:
        """Keep all jobs for the project of a job in steps waiting until `let_go` or `release`."""
        assert job.project_id is not None
        with self._changed:
            self._keep(job, job.project_id)

    def release(self, job: Job) -> None:
        """Let the jobs go on that wait for the end of a job in steps."""
        assert job.project_id is not None
        with self._changed:
            self._released.extend(self._users.pop(job.owner, ()))
            self._released.extend(self._begun.pop(job.project_id, ()))
            self._let_go(job)
            self._changed.notify()

    def lead(self, job: Job) -> None:
        """Keep all jobs for the project that a job does steps for waiting until `let_go`: so they
        keep their order.
        """
        with self._changed:
            if job.keeps is None:
                self._keep(job, job.left_for)

    def let_go(self, job: Job) -> None:
        """Let the jobs go on that one keeps waiting. Jobs in steps wait on, until `release`."""
        with self._changed:
            self._let_go(job)
            self._changed.notify()

    def _keep(self, job: Job, project_id: str) -> None:
        job.keeps = project_id
        self._keepers[project_id] += 1
        self._held.setdefault(project_id, deque())

    def _let_go(self, job: Job) -> None:
        project_id, job.keeps = job.keeps, None
        if project_id is not None:
            self._keepers[project_id] -= 1
            if not self._keepers[project_id]:
                del self._keepers[project_id]
                self._released.extend(self._held.pop(project_id, ()))

    def release_all(self) -> bool:
        """Let the jobs go on that wait for the end of any job in steps. Return whether there are
        some.
        """
        with self._changed:
            for waiting in (self._users, self._begun, self._held):
                for jobs in waiting.values():
                    self._released.extend(jobs)
                waiting.clear()
            self._keepers.clear()
            return bool(self._released)

    def close(self) -> None:
        """Make `take` wait for nothing more: it returns what is there, and then None."""
        with self._changed:
            self.closed = True
            self._changed.notify()

    def _next(self, goes_on: bool) -> Job | None:
        while (job := self._first(goes_on)) is not None:
            if goes_on and job.is_large:
                self._released.appendleft(job)
                return None
            project_id = job.project_id
            if project_id is None:
                return job
            waiting = self._held.get(project_id)
            if waiting is None and job.in_steps:
                waiting = self._begun.get(project_id)
                if waiting is None:
                    waiting = self._users.get(job.owner)
            if waiting is not None:
                waiting.append(job)
                continue
            if job.in_steps:
                self._users[job.owner] = deque()
                self._begun[project_id] = deque()
                job.holds = True
            return job
        return None

    def _first(self, goes_on: bool) -> Job | None:
        if not goes_on:
            is_their_turn = self.is_reading and (self._released or len(self._waiting))
            self.is_reading = bool(len(self._reading)) and not is_their_turn
        if not self.is_reading and self._released:
            return self._released.popleft()
        taken = (self._reading if self.is_reading else self._waiting).take()
        return None if taken is None else taken[1]


class TransactionUndone(Exception):
    """The database has undone a transaction by itself."""


def perform(session: Session, job: Job) -> None:
    """Do a job, or its next step: as a whole, or not at all.

    Raises:
        TransactionUndone: the whole transaction was undone.
    """
    session.begin_work()
    try:
        try:
            # At the end of the steps before it comes the work.
            if job.first is None or next(job.first, True):
                job.first = None
                _work(session, job)
        except StopIteration as end:
            job.finish(end.value)
        session.end_work()
    except StepsFirst as left:
        session.undo_work()
        job.first, job.left_for = left.steps(session), left.project_id
    except Exception as error:
        # A full or broken disk undoes the whole transaction: its other jobs fail as well.
        if not session.in_transaction:
            raise TransactionUndone("the transaction was undone") from error
        session.undo_work()
        job.fail(error)
        if isinstance(error, session.Error):
            logger.error("the database refused", exc_info=error)
            job.cause = error
            job.fail(storage_error(error))


def _work(session: Session, job: Job) -> None:
    if not job.in_steps:
        job.finish(job.work(session))
    else:
        if job.steps is None:
            _begin_steps(session, job)
        next(job.steps)


def _begin_steps(session: Session, job: Job) -> None:
    """Begin work in steps.

    Raises:
        EventError: another server does such work for the project (`RATE_LIMIT_EXCEEDED`).
    """
    assert job.project_id is not None
    if not session.hold(job.project_id):
        raise too_busy(
            "all files of the project, or many, are being changed or copied at this moment: "
            "try again"
        )
    job.is_alone = True
    job.steps = job.work(session)


def storage_error(error: BaseException | None) -> EventError:
    """Return what a client is told when the database fails."""
    if isinstance(error, OutcomeUnknown):
        return EventError(
            Code.STORAGE_ERROR,
            "the database went away, and whether the change was saved is not known: look again",
        )
    return EventError(
        Code.STORAGE_ERROR,
        f"the database could not do it ({name_of(error)}): nothing of it was done",
    )

"""Jobs for the database's thread, and the queue in which they wait for it.

A job in steps keeps others waiting in two ways. From its first step to `release`, no other job in
steps of its owner, or for its project, begins. From its last step to `unblock` or `release`, no job
at all for its project begins: it blocks the project.
"""

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
    """Raised by work for a project that must wait for steps that earlier work has left undone.

    `steps(connection)` returns an iterator that does one of these steps each time it is advanced.
    Work in steps does not raise this.
    """

    def __init__(self, project_id: str, steps: Callable[[Connection], Iterator[None]]) -> None:
        super().__init__(f"project {project_id!r}: something is on its way")
        self.project_id = project_id
        self.steps = steps


@dataclass(slots=True)
class Job:
    """Work and its result. With `in_steps`, calling `work` gives a generator, which returns the
    result.

    size: bytes of what the work was given and may return.
    reads: the work changes nothing.
    is_large: the work is for many files, and is not added to a transaction that has begun.
    has_begun: the job in steps was taken, and other jobs in steps wait for its `release`.
    holds_project: other servers begin no job in steps for the project; see `Session.hold`.
    steps_first: what earlier work has left undone for `left_project`, and comes before this work.
    blocks_project: the project whose other jobs all wait for this one.
    cause: the database's own error.
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
    has_begun: bool = False
    holds_project: bool = False
    steps_first: Iterator[None] | None = None
    left_project: str = ""
    blocks_project: str | None = None
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
    """Jobs of many users, who take turns. Any thread may put and release; one thread takes.

    at_rest: is set while there is no job. is_reading: the jobs of the present transaction only
    read.
    """

    def __init__(self) -> None:
        self.closed = False
        self.is_reading = False
        self.at_rest = AtRest()
        self._changed = threading.Condition()
        self._waiting: FairQueue[Job] = FairQueue(most=WAITING, most_of_one=WAITING_OF_ONE)
        # Jobs that only read, of owners who have no other job waiting.
        self._reading: FairQueue[Job] = FairQueue(most=WAITING, most_of_one=WAITING_OF_ONE)
        # Jobs in steps that wait for the release of one that has begun: by its owner, its project.
        self._waiting_of_owner: dict[str, deque[Job]] = {}
        self._waiting_of_project: dict[str, deque[Job]] = {}
        # The jobs that wait for each blocked project, and how many jobs block it.
        self._blocked: dict[str, deque[Job]] = {}
        self._blockers: Counter[str] = Counter()
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
        """Return the next job. If there is none, wait for one with `wait`, or else return None.
        Return None also at the end.

        The job is for a new transaction, or with `goes_on` for the present one: then no large job
        is taken. Transactions that only read take turns with the others.

        Jobs in steps of one owner, or for one project, do not overlap: each has what it has found
        in memory until its clients were told.
        """
        with self._changed:
            while (job := self._next(goes_on)) is None and wait and not self.closed:
                self.at_rest.set()
                self._changed.wait()
            self.at_rest.clear()
        return job

    def block(self, job: Job) -> None:
        """Let all jobs for the project of a job in steps wait until its `unblock` or `release`."""
        assert job.project_id is not None
        with self._changed:
            self._block(job, job.project_id)

    def release(self, job: Job) -> None:
        """End a job in steps: let all jobs go on that wait for it."""
        assert job.project_id is not None
        with self._changed:
            self._released.extend(self._waiting_of_owner.pop(job.owner, ()))
            self._released.extend(self._waiting_of_project.pop(job.project_id, ()))
            self._unblock(job)
            self._changed.notify()

    def block_for_left_steps(self, job: Job) -> None:
        """Let all jobs for the project wait whose left steps a job does, until its `unblock`: so
        they keep their order.
        """
        with self._changed:
            if job.blocks_project is None:
                self._block(job, job.left_project)

    def unblock(self, job: Job) -> None:
        """Let the jobs go on whose project a job blocks. Jobs in steps still wait for `release`."""
        with self._changed:
            self._unblock(job)
            self._changed.notify()

    def _block(self, job: Job, project_id: str) -> None:
        job.blocks_project = project_id
        self._blockers[project_id] += 1
        self._blocked.setdefault(project_id, deque())

    def _unblock(self, job: Job) -> None:
        project_id, job.blocks_project = job.blocks_project, None
        if project_id is not None:
            self._blockers[project_id] -= 1
            if not self._blockers[project_id]:
                del self._blockers[project_id]
                self._released.extend(self._blocked.pop(project_id, ()))

    def release_all(self) -> bool:
        """Let all jobs go on that wait for other jobs. Return whether there are some."""
        with self._changed:
            for waiting in (self._waiting_of_owner, self._waiting_of_project, self._blocked):
                for jobs in waiting.values():
                    self._released.extend(jobs)
                waiting.clear()
            self._blockers.clear()
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
            waiting = self._blocked.get(project_id)
            if waiting is None and job.in_steps:
                waiting = self._waiting_of_project.get(project_id)
                if waiting is None:
                    waiting = self._waiting_of_owner.get(job.owner)
            if waiting is not None:
                waiting.append(job)
                continue
            if job.in_steps:
                self._waiting_of_owner[job.owner] = deque()
                self._waiting_of_project[project_id] = deque()
                job.has_begun = True
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
            # The work comes when the steps before it are at their end.
            if job.steps_first is None or next(job.steps_first, True):
                job.steps_first = None
                _work(session, job)
        except StopIteration as end:
            job.finish(end.value)
        session.end_work()
    except StepsFirst as left:
        session.undo_work()
        job.steps_first, job.left_project = left.steps(session), left.project_id
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
    job.holds_project = True
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

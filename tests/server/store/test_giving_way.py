"""A loop that computes waits for the database's thread, and one that rests does not."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from server.store import database as database_module
from server.store.connection import Connection
from server.store.database import Database
from server.store.giving_way import LONGEST_LOOK, LOOK, MOST, RESTING, AtRest, GivingWay
from server.store.jobs import Job, JobQueue
from server.store.sqlite import Sqlite, SqliteSession
from tests.server.databases import started
from tests.server.store.counted import increment
from tests.waiting import PATIENCE, until

if TYPE_CHECKING:
    from server.store.postgres import Postgres


class Noting(AtRest):
    """Notes for how many seconds it would have been waited for, and waits for none."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float | None] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.waits.append(timeout)
        return super().wait(0)


class Processor:
    """The seconds of the processor that the loop has taken."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


async def test_the_loop_waits_for_as_long_as_it_has_computed() -> None:
    loop = asyncio.get_running_loop()
    at_rest, processor = Noting(), Processor()
    giving_way = GivingWay(at_rest, processor)
    processor.seconds = 5.0
    giving_way.begin(loop)
    for seconds in (0.001, RESTING * LOOK / 2, 0.0, 0.001_5, 60.0):
        processor.seconds += seconds
        giving_way.look(loop)
    assert at_rest.waits == pytest.approx([0.001, 0.001_5, MOST])
    giving_way.end(1)
    processor.seconds += 60.0
    giving_way.look(loop)
    assert len(at_rest.waits) == 3


async def test_a_loop_that_rests_looks_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    loop, processor = asyncio.get_running_loop(), Processor()
    pauses: list[float] = []

    def call_later(delay: float, *_: Any) -> asyncio.Handle:
        pauses.append(delay)
        return asyncio.Handle(print, (), loop)

    monkeypatch.setattr(loop, "call_later", call_later)
    giving_way = GivingWay(Noting(), processor)
    giving_way.begin(loop)
    for _ in range(5):
        # With each look it computes a little, which is less of a longer pause.
        processor.seconds += RESTING * LOOK
        giving_way.look(loop)
    assert pauses == [LOOK, 2 * LOOK, 4 * LOOK, LONGEST_LOOK, LONGEST_LOOK, LONGEST_LOOK]
    # Once it is busy, and when there is work again, it looks often.
    processor.seconds += RESTING * LONGEST_LOOK + LOOK
    giving_way.look(loop)
    giving_way.look(loop)
    giving_way.end(1)
    giving_way.look(loop)
    giving_way.begin(loop)
    assert pauses[6:] == [LOOK, 2 * LOOK, LOOK]


async def test_the_loop_looks_again_until_there_is_no_work() -> None:
    loop = asyncio.get_running_loop()
    looks: list[None] = []

    def computed() -> float:
        looks.append(None)
        return float(len(looks))

    at_rest = Noting()
    giving_way = GivingWay(at_rest, computed)
    giving_way.begin(loop)
    giving_way.begin(loop)
    await until(lambda: len(at_rest.waits) > 3)
    giving_way.end(1)
    waits = len(at_rest.waits)
    await until(lambda: len(at_rest.waits) > waits)
    giving_way.end(1)
    assert giving_way._timer is not None
    await until(lambda: giving_way._timer is None)
    # It begins again with the next work.
    giving_way.begin(loop)
    assert giving_way._timer is not None
    giving_way.end(1)


async def test_the_loop_goes_on_when_the_thread_is_at_rest() -> None:
    """The thread computes while the loop waits, and nothing else ends the wait in time."""
    loop = asyncio.get_running_loop()
    at_rest, processor = AtRest(), Processor()
    giving_way = GivingWay(at_rest, processor, most=PATIENCE)
    giving_way.begin(loop)
    begun, done = threading.Event(), []

    def work() -> None:
        assert begun.wait(PATIENCE)
        done.append("computed")
        at_rest.set()

    thread = threading.Thread(target=work)
    thread.start()
    processor.seconds = PATIENCE
    begun.set()
    giving_way.look(loop)
    assert done == ["computed"]
    giving_way.end(1)
    thread.join()


async def test_the_thread_is_at_rest_where_nothing_waits_for_it() -> None:
    jobs = JobQueue()
    taken: list[Job | None] = []

    def take() -> None:
        taken.append(jobs.take(wait=True))

    thread = threading.Thread(target=take)
    thread.start()
    assert jobs.at_rest.wait(PATIENCE)
    job = Job(lambda _: None, asyncio.Future())
    jobs.put(job)
    thread.join()
    assert taken == [job]
    assert not jobs.at_rest.is_set()
    jobs.close()


async def test_the_thread_is_at_rest_while_it_waits_for_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    noted: list[tuple[str, bool]] = []
    database = Database(Sqlite(tmp_path))

    def note(what: str) -> None:
        noted.append((what, database._jobs.at_rest.is_set()))

    end, execute = SqliteSession.end, SqliteSession.execute

    def noting_end(self: SqliteSession, goes_on: Callable[[], bool]) -> None:
        note("end")
        end(self, goes_on)

    def noting_execute(self: SqliteSession, statement: str, *values: Any) -> Any:
        if statement == "COMMIT":
            note("commit")
        return execute(self, statement, *values)

    monkeypatch.setattr(SqliteSession, "end", noting_end)
    monkeypatch.setattr(SqliteSession, "execute", noting_execute)

    def work(_connection: Connection) -> None:
        note("work")

    async with started(database):
        await database.run(work)
    work_at = noted.index(("work", False))
    assert noted[work_at + 1 : work_at + 3] == [("end", False), ("commit", True)]


def test_the_loop_does_not_wait_for_an_answer_but_for_who_has_it() -> None:
    at_rest = AtRest()
    ours, theirs = socket.socketpair()
    with ours, theirs:
        at_rest.answers_at = ours.fileno()
        at_rest.set()
        # Otherwise this would take that long.
        assert at_rest.wait(PATIENCE)
        theirs.send(b"answer")
        assert not at_rest.wait(0)
        # The thread goes on, and waits for its next answer.
        ours.recv(6)
        timer = threading.Timer(0, at_rest.set)
        timer.start()
        assert at_rest.wait(PATIENCE)
        timer.join()
    # Of a connection that was closed the thread is about to hear.
    assert not at_rest.wait(0)


def test_the_thread_is_at_rest_until_postgresql_answers(postgres: Postgres) -> None:
    at_rest = AtRest()
    with (
        contextlib.closing(postgres.serve(at_rest)) as session,
        contextlib.closing(postgres.connect()) as other,
        ThreadPoolExecutor(1) as threads,
    ):
        assert not at_rest.is_set()
        other.execute("SELECT pg_advisory_lock(1)")
        answer = threads.submit(session.execute, "SELECT pg_advisory_lock(1)")
        assert at_rest.wait(PATIENCE)
        other.execute("SELECT pg_advisory_unlock(1)")
        answer.result(PATIENCE)
        assert not at_rest.is_set()


def test_the_thread_is_at_rest_between_two_looks_for_a_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = Database(Sqlite(tmp_path))
    noted: list[bool] = []

    def sleep(_seconds: float) -> None:
        noted.append(database._jobs.at_rest.is_set())

    monkeypatch.setattr(database_module, "time", SimpleNamespace(sleep=sleep))
    assert database._outage_goes_on()
    assert noted == [True]
    assert not database._jobs.at_rest.is_set()


async def test_work_is_no_news_for_a_thread_that_waits_for_an_answer() -> None:
    jobs = JobQueue()
    jobs.at_rest.answers_at = 1
    jobs.at_rest.set()
    jobs.put(Job(lambda _: None, asyncio.Future()))
    assert jobs.at_rest.is_set()


async def test_the_loop_gives_way_until_the_results_are_there(database: Database) -> None:
    """Of work that succeeds, that fails, and that has no place."""

    def fails(_connection: Connection) -> None:
        raise ValueError("the work's own")

    await asyncio.gather(*(database.run(increment("a")) for _ in range(10)))
    with pytest.raises(ValueError, match="own"):
        await database.run(fails)
    assert database._giving_way._works == 0

"""Work that only reads.

Invariants:
- It waits for no other server's transaction, and sees nothing of one that is not durable.
- It changes nothing.
- It waits for what its user has handed over before, and not for all that others have.
- It keeps nobody from writing: transactions that read, and others, take turns.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator

import pytest

from server.api.errors import Code, EventError
from server.store import counters
from server.store.connection import Connection
from server.store.database import Database
from server.store.jobs import Job, JobQueue, StepsFirst
from server.store.postgres import Postgres
from server.store.postgres_session import PostgresSession
from tests.server.databases import started
from tests.server.gate import closed_gate
from tests.server.store.counted import increment, names
from tests.waiting import PATIENCE


async def test_reading_does_not_wait_for_another_server(postgres: Postgres) -> None:
    async with started(Database(Postgres(postgres.url, shares=True))) as database:
        with contextlib.closing(Postgres(postgres.url, shares=True).connect()) as other:
            other.begin()
            counters.increment(other, "theirs")
            async with asyncio.timeout(PATIENCE):
                assert await database.of("a").read(names) == []
            writing = database.run(increment("ours"))
            # It waits for the other server; what only reads goes before it was handed over.
            done, _ = await asyncio.wait([writing], timeout=0.05)
            assert not done
            other.end(bool)
        assert await writing == 1
        assert await database.of("a").read(names) == ["ours", "theirs"]


async def test_reading_and_writing_keep_the_order_of_their_user(database: Database) -> None:
    gate, passed = await closed_gate(database)
    desk = database.of("a")
    found = [desk.read(names), desk.read(names)]
    counted = desk.run(increment("one"))
    found += [desk.read(names)]
    gate.opened.set()
    await passed
    # In the order of its user: nothing before the change, and the change after it.
    assert await asyncio.gather(*found) == [[], [], ["one"]]
    assert await counted == 1


async def test_reading_waits_for_few_of_the_others(database: Database) -> None:
    gate, passed = await closed_gate(database)
    writes = [database.of(f"user-{n}").run(increment(f"{n}")) for n in range(50)]
    found = database.of("a").read(names)
    gate.opened.set()
    await passed
    assert await found == []
    assert await asyncio.gather(*writes) == [1] * 50


def test_what_reads_and_what_writes_take_turns() -> None:
    loop = asyncio.new_event_loop()
    queue = JobQueue()

    def put(name: str, *, reads: bool) -> Job:
        job = Job(names, loop.create_future(), owner=name, reads=reads)
        assert queue.put(job)
        return job

    first, second = put("a", reads=True), put("b", reads=True)
    one, two = put("c", reads=False), put("d", reads=False)
    assert queue.take(wait=False) is first
    assert queue.take(wait=False, goes_on=True) is second
    assert queue.take(wait=False, goes_on=True) is None
    third = put("e", reads=True)
    assert queue.take(wait=False) is one
    assert not queue.is_reading
    assert queue.take(wait=False, goes_on=True) is two
    assert queue.take(wait=False, goes_on=True) is None
    assert queue.take(wait=False) is third
    # Nothing else waits: reading goes on.
    fourth = put("f", reads=True)
    assert len(queue) == 1
    assert queue.take(wait=False) is fourth
    assert queue.take(wait=False) is None
    # What waits for a change of its own user is not done beside those that only read.
    change, look = put("g", reads=False), put("g", reads=True)
    assert [queue.take(wait=False), queue.take(wait=False)] == [change, look]
    assert not queue.is_reading
    loop.close()


async def test_reading_cannot_change_anything(postgres: Postgres) -> None:
    async with started(Database(postgres)) as database:
        with pytest.raises(EventError) as refused:
            await database.of("a").read(increment("one"))
        assert refused.value.code is Code.STORAGE_ERROR
        assert await database.of("a").read(names) == []


async def test_steps_that_come_before_reading_are_done(database: Database) -> None:
    """They write: the reading goes on in a transaction that may."""

    def steps(connection: Connection) -> Iterator[None]:
        counters.increment(connection, "left")
        yield
        counters.increment(connection, "left")

    def work(connection: Connection) -> list[str]:
        if "left" not in names(connection):
            raise StepsFirst("project", steps)
        return names(connection)

    assert await database.of("a", "project").read(work) == ["left"]


async def test_a_piece_of_work_more_is_one_question_more(
    postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each takes the way to another computer and back, while other servers wait."""
    asked: list[str] = []
    script = PostgresSession.script

    def noted(session: PostgresSession, statements: str) -> None:
        asked.append(statements.partition(";")[0].split()[0])
        script(session, statements)

    def fails(connection: Connection) -> None:
        counters.increment(connection, "undone")
        raise EventError(Code.NOT_FOUND, "as it should")

    async with started(Database(postgres, clock=lambda: 0.0)) as database:
        await database.run(names)
        gate, passed = await closed_gate(database)
        works = [database.run(one) for one in (increment("one"), fails, increment("two"))]
        monkeypatch.setattr(PostgresSession, "script", noted)
        gate.opened.set()
        await passed
        await asyncio.gather(*works, return_exceptions=True)
        assert await database.run(names) == ["one", "two"]
    # The gate's own transaction ends; then that of the three; then the look at what there is.
    assert asked == [
        *("COMMIT",),
        *("BEGIN", "RELEASE", "ROLLBACK", "UPDATE"),
        *("BEGIN", "COMMIT"),
    ]

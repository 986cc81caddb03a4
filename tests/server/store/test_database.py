"""The database's thread.

Invariants:
- A result is delivered after the commit that makes it durable, in the order of the commits.
- Work that fails undoes only itself; a transaction that fails undoes everything in it, and
  everybody whose work it held is told.
- Users take turns.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from server.api.errors import EventError
from server.held_bytes import HeldBytes
from server.store import counters
from server.store.connection import Connection
from server.store.database import Database
from server.store.engine import Engine
from server.store.jobs import WAITING_OF_ONE
from server.store.sqlite import FILE_NAME, Sqlite
from tests.server.databases import started
from tests.server.gate import closed_gate
from tests.server.store.counted import durable_names, in_steps, increment, names, only_sqlite
from tests.waiting import PATIENCE


async def test_what_waits_together_is_committed_together(
    database: Database, engine: Engine
) -> None:
    gate, passed = await closed_gate(database)
    before = database.commits
    finished: list[str] = []
    futures = []

    def note(name: str, _future: object) -> None:
        finished.append(name)

    for number in range(50):
        future = database.run(increment(f"counter-{number:02}"))
        future.add_done_callback(partial(note, f"counter-{number:02}"))
        futures.append(future)
    gate.opened.set()
    assert await asyncio.gather(*futures) == [1] * 50
    await passed
    assert finished == durable_names(engine) == [f"counter-{n:02}" for n in range(50)]
    assert database.commits == before + 1


async def test_a_result_is_on_disk(database: Database, engine: Engine) -> None:
    for number in range(3):
        await database.run(increment(f"{number}"))
        assert f"{number}" in durable_names(engine)


async def test_commits_wait_for_the_disk(tmp_path: Path) -> None:
    with contextlib.closing(Sqlite(tmp_path).connect()) as connection:
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


async def test_reading_is_no_commit(database: Database) -> None:
    before = database.commits
    assert await database.run(names) == []
    assert database.commits == before


async def test_work_that_fails_undoes_only_itself(database: Database, engine: Engine) -> None:
    gate, passed = await closed_gate(database)

    def fails(connection: Connection) -> None:
        counters.increment(connection, "failed")
        raise ValueError("the work's own")

    first = database.run(increment("first"))
    second = database.run(fails)
    third = database.run(lambda c: c.execute("INSERT INTO nothing VALUES (1)"))
    last = database.run(increment("last"))
    gate.opened.set()
    await passed
    assert (await first, await last) == (1, 1)
    with pytest.raises(ValueError, match="the work's own"):
        await second
    with pytest.raises(EventError) as caught:
        await third
    refusal = "SQLITE_ERROR" if isinstance(engine, Sqlite) else "42P01"
    assert caught.value.data == {
        "code": "STORAGE_ERROR",
        "message": f"the database could not do it ({refusal}): nothing of it was done",
    }
    assert durable_names(engine) == ["first", "last"]


@only_sqlite
async def test_a_full_disk_fails_everything_in_the_transaction(
    database: Database, engine: Engine
) -> None:
    (pages,) = await database.run(lambda c: c.execute("PRAGMA page_count").fetchone())
    await database.run(lambda c: c.execute(f"PRAGMA max_page_count = {pages}").fetchone())
    gate, passed = await closed_gate(database)
    futures: list[asyncio.Future[Any]] = [
        database.run(increment("small")),
        database.run(lambda c: c.execute("INSERT INTO contents VALUES ('big', zeroblob(1000000))")),
        database.run(increment("after")),
    ]
    gate.opened.set()
    await asyncio.wait([passed, *futures])
    failures = [future.exception() for future in futures]
    undone = [error for error in failures if isinstance(error, EventError)]
    assert {error.code for error in undone} == {"STORAGE_ERROR"}
    # Told to have failed is exactly what is not there.
    told = [name for name, error in zip(["small", "big", "after"], failures, strict=True) if error]
    assert "big" in told
    assert set(durable_names(engine)) == {"small", "after"} - set(told)
    await database.run(lambda c: c.execute("PRAGMA max_page_count = 1000000").fetchone())
    assert await database.run(increment("later")) == 1


async def test_a_transaction_that_was_undone_fails_the_work_it_held(
    database: Database, engine: Engine
) -> None:
    gate, passed = await closed_gate(database)
    first = database.run(increment("first"))

    def undoes(connection: Connection) -> None:
        # What SQLite itself does when the disk breaks.
        connection.execute("ROLLBACK")
        raise OSError("disk I/O error")

    second = database.run(undoes)
    third = database.run(increment("third"))
    gate.opened.set()
    await passed
    jobs: list[asyncio.Future[Any]] = [first, second]
    await asyncio.wait(jobs)
    for future in jobs:
        error = future.exception()
        assert isinstance(error, EventError)
        assert error.code == "STORAGE_ERROR"
    # What the thread had not come to is done in the next one.
    assert await third == 1
    assert durable_names(engine) == ["third"]


@only_sqlite
async def test_work_fails_if_no_transaction_can_begin(
    database: Database, engine: Engine, tmp_path: Path
) -> None:
    await database.run(lambda c: c.execute("PRAGMA busy_timeout = 0").fetchone())
    with contextlib.closing(sqlite3.connect(tmp_path / FILE_NAME)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(EventError, match=r"could not do it \(SQLITE_BUSY\)"):
            await database.run(increment("never"))
        other.execute("ROLLBACK")
    assert await database.run(increment("later")) == 1
    assert durable_names(engine) == ["later"]


async def test_work_nobody_waits_for_is_done_all_the_same(
    database: Database, engine: Engine
) -> None:
    gate, passed = await closed_gate(database)
    forgotten = database.run(increment("forgotten"))
    forgotten.cancel()
    gate.opened.set()
    await passed
    await database.close()
    assert durable_names(engine) == ["forgotten"]


async def test_more_than_fits_into_one_transaction(database: Database) -> None:
    gate, passed = await closed_gate(database)
    futures = [database.run(increment("one")) for _ in range(1_000)]
    gate.opened.set()
    await passed
    assert await asyncio.gather(*futures) == list(range(1, 1_001))


async def test_users_take_turns(database: Database, tmp_path: Path) -> None:
    gate, passed = await closed_gate(database)
    order: list[str] = []

    def note(name: str) -> Callable[[Connection], None]:
        return lambda _connection: order.append(name)

    futures = [database.of("much").run(note(f"much {number}")) for number in range(3)]
    futures += [database.of("little").run(note(f"little {number}")) for number in range(2)]
    gate.opened.set()
    await asyncio.gather(passed, *futures)
    assert order == ["much 0", "little 0", "much 1", "little 1", "much 2"]


async def test_a_transaction_takes_only_so_long(engine: Engine) -> None:
    """Or the first would wait for the commit of all that came with it."""
    seconds = iter(range(1_000))
    async with started(Database(engine, clock=lambda: next(seconds) / 100)) as database:
        gate, passed = await closed_gate(database)
        before = database.commits
        futures = [database.run(increment("one")) for _ in range(6)]
        gate.opened.set()
        await passed
        assert await asyncio.gather(*futures) == [1, 2, 3, 4, 5, 6]
        assert database.commits == before + 3


async def test_nobody_waits_for_the_commit_of_work_for_many_files(database: Database) -> None:
    gate, passed = await closed_gate(database)
    told = threading.Event()
    first = database.of("ada").run(increment("one"))
    first.add_done_callback(lambda _: told.set())
    many = database.of("program").run(lambda _: told.wait(PATIENCE), large=True)
    # What comes after it may be committed with it.
    last = database.of("bob").run(increment("one"))
    gate.opened.set()
    await passed
    assert await many
    assert (await first, await last) == (1, 2)


async def test_too_much_that_waits_is_refused(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, passed = await closed_gate(database)
    futures = [database.of("ada").run(names) for _ in range(WAITING_OF_ONE)]
    with pytest.raises(EventError, match="too much is waiting for the database") as caught:
        await database.of("ada").run(names)
    assert caught.value.code == "RATE_LIMIT_EXCEEDED"
    assert caught.value.details == {"retryAfter": 1}
    with pytest.raises(EventError, match="too much is waiting"):
        async with database.of("ada", "p").in_steps(in_steps("never", 1)):
            raise AssertionError
    other = database.of("eve").run(names)
    gate.opened.set()
    await asyncio.gather(passed, other, *futures)


async def test_bytes_that_wait_are_bounded_and_small_users_are_free(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "held", HeldBytes(most=100_000, most_of_one=60_000, free=8_192))
    gate, passed = await closed_gate(database)
    before = database.held.total
    futures = [database.of("big").run(names, 30_000) for _ in range(2)]
    assert database.held.of("big") == 60_000
    with pytest.raises(EventError, match="too much is waiting for the database") as caught:
        await database.of("big").run(names, 1)
    assert caught.value.code == "RATE_LIMIT_EXCEEDED"
    futures += [database.of("huge").run(names, 35_000)]
    with pytest.raises(EventError, match="too much is waiting"):
        await database.of("late").run(names, 30_000)
    futures += [database.of("small").run(names) for _ in range(2)]
    assert database.held.total == before + 60_000 + 35_000 + 2 * 4_096
    # Whoever stops waiting frees nothing: the work is still there.
    futures.pop(0).cancel()
    await asyncio.sleep(0)
    assert database.held.of("big") == 60_000
    gate.opened.set()
    await asyncio.gather(passed, *futures)
    assert database.held.total == 0


async def test_what_finds_no_place_in_the_queue_is_not_counted(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, passed = await closed_gate(database)
    futures = [database.of("ada").run(names) for _ in range(WAITING_OF_ONE)]
    held = database.held.of("ada")
    with pytest.raises(EventError, match="too much is waiting"):
        await database.of("ada").run(names)
    assert database.held.of("ada") == held == WAITING_OF_ONE * 4_096
    gate.opened.set()
    await asyncio.gather(passed, *futures)
    assert database.held.of("ada") == 0


async def test_what_is_sent_is_done_before_what_is_asked(database: Database) -> None:
    def work(connection: Connection) -> list[str]:
        connection.send("INSERT INTO counters VALUES (?, 1)", ("one",))
        connection.send("INSERT INTO counters VALUES (?, 1)", ("two",))
        return names(connection)

    before = database.commits
    assert await database.run(work) == ["one", "two"]
    # At the end of the piece of work, if nothing is asked.
    await database.run(lambda c: c.send("DELETE FROM counters WHERE name = ?", ("one",)))
    assert await database.run(names) == ["two"]
    assert database.commits == before + 2


@pytest.mark.parametrize("asks", [False, True])
async def test_what_is_sent_in_vain_undoes_only_its_work(database: Database, asks: bool) -> None:
    def work(connection: Connection) -> list[str]:
        connection.send("INSERT INTO counters VALUES ('undone', 1)")
        connection.send("INSERT INTO counters VALUES (?, 1)", ("there",))
        return names(connection) if asks else []

    gate, passed = await closed_gate(database)
    there = database.run(increment("there"))
    failed = database.run(work)
    after = database.run(increment("after"))
    gate.opened.set()
    await passed
    assert await there == await after == 1
    with pytest.raises(EventError, match="could not do it"):
        await failed
    assert await database.run(names) == ["after", "there"]

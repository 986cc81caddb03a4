"""The database's thread.

Invariants:
- A result is delivered after the commit that makes it durable, in the order of the commits.
- Work that fails undoes only itself; a transaction that fails undoes everything in it, and
  everybody whose work it held is told.
- Users take turns; nobody sees or changes what work in steps has half done, and if it fails or the
  server is killed, nothing of it was ever there.
- One directory belongs to one server, and one version of the tables.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from server.api.errors import EventError
from server.held_bytes import HeldBytes
from server.store import counters
from server.store.backup import back_up
from server.store.connection import Connection
from server.store.database import Database
from server.store.engine import Engine, StoreError
from server.store.jobs import WAITING_OF_ONE
from server.store.sqlite import FILE_NAME, Sqlite
from server.store.sqlite_steps import STEPS
from server.store.trees import Steps
from tests.server.gate import closed_gate
from tests.server.running import make


@pytest.fixture
async def database(engine: Engine) -> AsyncIterator[Database]:
    # Time stands still: how much fits into a transaction does not depend on this machine.
    database = Database(engine, clock=lambda: 0.0)
    await database.start()
    yield database
    await database.close()


only_sqlite = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


def increment(name: str) -> Callable[[Connection], int]:
    return lambda connection: counters.increment(connection, name)


def names(connection: Connection) -> list[str]:
    return [name for (name,) in connection.execute("SELECT name FROM counters ORDER BY name")]


def durable_names(engine: Engine) -> list[str]:
    """What another process would find."""
    with contextlib.closing(engine.connect()) as connection:
        return names(connection)


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
        "message": f"the change could not be saved ({refusal}): nothing of it was done",
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
        with pytest.raises(EventError, match=r"could not be saved \(SQLITE_BUSY\)"):
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
    database = Database(engine, clock=lambda: next(seconds) / 100)
    await database.start()
    gate, passed = await closed_gate(database)
    before = database.commits
    futures = [database.run(increment("one")) for _ in range(6)]
    gate.opened.set()
    await passed
    assert await asyncio.gather(*futures) == [1, 2, 3, 4, 5, 6]
    assert database.commits == before + 3
    await database.close()


async def test_too_much_that_waits_is_refused(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, passed = await closed_gate(database)
    futures = [database.of("ada").run(names) for _ in range(WAITING_OF_ONE)]
    with pytest.raises(EventError, match="too much is waiting for the database") as caught:
        await database.of("ada").run(names)
    assert caught.value.code == "RATE_LIMIT_EXCEEDED"
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


def in_steps(name: str, steps: int) -> Callable[[Connection], Steps[int]]:
    """Work that counts in steps."""

    def work(connection: Connection) -> Steps[int]:
        for _ in range(steps):
            counters.increment(connection, name)
            yield
        return counters.increment(connection, name)

    return work


async def test_others_have_turns_between_steps_and_none_of_the_project_after_the_last(
    database: Database,
) -> None:
    order: list[tuple[str, int]] = []

    def look(name: str) -> Callable[[Connection], None]:
        def work(connection: Connection) -> None:
            row = connection.execute("SELECT value FROM counters WHERE name = 'steps'").fetchone()
            order.append((name, row[0] if row else 0))

        return work

    gate, passed = await closed_gate(database)
    entered, left = asyncio.Event(), asyncio.Event()

    async def stepping(expected: int) -> None:
        # One after the other.
        async with database.of("ada", "p").in_steps(
            in_steps("steps", 3 if expected == 4 else 1)
        ) as result:
            assert result == expected
            entered.set()
            await left.wait()

    task = asyncio.create_task(stepping(4))
    await asyncio.sleep(0)
    between = database.of("eve", "p").run(look("between"))
    free = database.of("bob", "q").run(look("free"))
    second = asyncio.create_task(stepping(6))
    gate.opened.set()
    await asyncio.gather(passed, between, free)
    await entered.wait()
    # The block has not been left.
    late = database.of("eve", "p").run(look("late"))
    await database.of("bob", "q").run(look("free"))
    left.set()
    await asyncio.gather(task, second, late)
    assert order[:3] == [("between", 1), ("free", 1), ("free", 4)]
    # In one of the two transactions that came then.
    assert order[3:] in ([("late", 4)], [("late", 5)])


async def test_every_other_transaction_with_other_work_has_no_step(database: Database) -> None:
    """What is handed over during a step waits for its end, and seldom for another one."""
    order: list[str] = []
    desk = database.of("grace")

    def save(_connection: Connection) -> None:
        order.append("save")
        if order.count("save") < 6:
            desk.run(save)

    def work(_connection: Connection) -> Steps[None]:
        desk.run(save)
        for _ in range(4):
            order.append("step")
            yield

    async with database.of("ada", "p").in_steps(work):
        pass
    # The first save comes with the second step: it was handed over during the first one.
    assert order[:7] == ["step", "step", "save", "save", "step", "save", "save"]


async def test_a_user_has_one_work_in_steps_at_a_time(database: Database) -> None:
    """Each holds what it has found: ten thousand paths."""
    order: list[str] = []

    def work(name: str) -> Callable[[Connection], Steps[None]]:
        def step(_connection: Connection) -> Steps[None]:
            for _ in range(3):
                order.append(name)
                yield

        return step

    async def stepping(owner: str, project: str) -> None:
        async with database.of(owner, project).in_steps(work(project)):
            order.append(f"told {project}")

    gate, passed = await closed_gate(database)
    jobs = [("ada", "p"), ("ada", "q"), ("eve", "r")]
    tasks = [asyncio.create_task(stepping(*job)) for job in jobs]
    await asyncio.sleep(0)
    between = database.of("ada", "q").run(lambda _: order.append("between"))
    gate.opened.set()
    await asyncio.gather(passed, between, *tasks)
    assert [one for one in order if one in "pq"] == ["p"] * 3 + ["q"] * 3
    assert order.index("told p") < order.index("q")
    assert order.index("between") < order.index("q")
    assert order.index("r") < order.index("told p")


async def test_steps_that_fail_let_the_project_go(database: Database) -> None:
    def work(connection: Connection) -> Steps[None]:
        counters.increment(connection, "first step")
        yield
        counters.increment(connection, "second step")
        raise ValueError("the work's own")

    desk = database.of("ada", "p")
    with pytest.raises(ValueError, match="the work's own"):
        async with desk.in_steps(work):
            raise AssertionError
    assert await desk.run(names) == ["first step"]


async def test_a_transaction_that_fails_ends_the_steps_in_it(database: Database) -> None:
    def work(connection: Connection) -> Steps[None]:
        counters.increment(connection, "first step")
        yield
        connection.execute("ROLLBACK")
        raise OSError("disk I/O error")

    desk = database.of("ada", "p")
    with pytest.raises(EventError, match="could not be saved"):
        async with desk.in_steps(work):
            raise AssertionError
    assert await desk.run(names) == ["first step"]


async def test_who_does_not_wait_for_steps_lets_the_project_go_at_their_end(
    database: Database,
) -> None:
    gate, passed = await closed_gate(database)
    desk = database.of("ada", "p")

    async def stepping() -> None:
        async with desk.in_steps(in_steps("steps", 2)):
            raise AssertionError

    task = asyncio.create_task(stepping())
    await asyncio.sleep(0)
    after = desk.run(increment("steps"))
    task.cancel()
    await asyncio.wait([task])
    gate.opened.set()
    await passed
    assert await after == 2
    async with desk.in_steps(in_steps("more", 0)) as result:
        assert result == 1
    assert await desk.run(increment("steps")) == 5


async def test_what_waits_for_a_project_is_done_before_the_end(
    database: Database, engine: Engine
) -> None:
    entered, never = asyncio.Event(), asyncio.Event()

    async def stepping() -> None:
        async with database.of("ada", "p").in_steps(in_steps("steps", 2)):
            entered.set()
            await never.wait()

    task = asyncio.create_task(stepping())
    await entered.wait()
    waiting = database.of("eve", "p").run(increment("last"))
    await database.close()
    assert await waiting == 1
    assert durable_names(engine) == ["last", "steps"]
    task.cancel()
    await asyncio.wait([task])


@only_sqlite
async def test_a_directory_belongs_to_one_server(database: Database, tmp_path: Path) -> None:
    with pytest.raises(StoreError) as caught:
        await Database(Sqlite(tmp_path)).start()
    assert str(caught.value) == (
        f"DATA_DIR: cannot use {str(tmp_path)!r}: another server is using it; "
        "stop that one, or choose another directory"
    )
    await database.close()
    again = Database(Sqlite(tmp_path))
    await again.start()
    await again.close()


async def test_what_is_no_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match=r"DATA_DIR: cannot use .*file'"):
        await Database(Sqlite(tmp_path / "file")).start()
    (tmp_path / FILE_NAME).write_bytes(b"no database at all " * 100)
    refused = Database(Sqlite(tmp_path))
    with pytest.raises(StoreError) as caught:
        await refused.start()
    assert str(caught.value) == (
        f"DATA_DIR: the database {str(tmp_path / FILE_NAME)!r} is damaged (file is not a "
        "database): put a backup in its place"
    )
    await refused.close()


def test_tables_are_made_once(tmp_path: Path) -> None:
    for _ in range(2):
        with contextlib.closing(Sqlite(tmp_path).connect()) as connection:
            assert connection.execute("PRAGMA user_version").fetchone() == (len(STEPS),)
            counters.increment(connection, "opened")
    with contextlib.closing(Sqlite(tmp_path).connect()) as connection:
        assert counters.increment(connection, "opened") == 3


def test_the_tables_of_a_newer_server_are_left_alone(tmp_path: Path) -> None:
    with contextlib.closing(Sqlite(tmp_path).connect()) as connection:
        connection.execute(f"PRAGMA user_version = {len(STEPS) + 1}")
    with pytest.raises(StoreError, match="the database is of a newer server"):
        Sqlite(tmp_path).connect()


@only_sqlite
async def test_a_backup_is_one_whole_file(database: Database, tmp_path: Path) -> None:
    await database.run(increment("saved"))
    target = tmp_path / "copies" / "backup.db"
    target.parent.mkdir()
    assert back_up(tmp_path, target) == target.stat().st_size
    await database.run(increment("after the copy"))
    assert [path.name for path in target.parent.iterdir()] == ["backup.db"]
    restored = tmp_path / "restored"
    restored.mkdir()
    target.rename(restored / FILE_NAME)
    assert durable_names(Sqlite(restored)) == ["saved"]


def test_a_backup_overwrites_nothing(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="has no database to copy"):
        back_up(tmp_path, tmp_path / "copy.db")
    Sqlite(tmp_path).connect().close()
    (tmp_path / "copy.db").write_text("kept")
    with pytest.raises(StoreError, match="exists; choose another name"):
        back_up(tmp_path, tmp_path / "copy.db")
    assert (tmp_path / "copy.db").read_text() == "kept"
    with pytest.raises(StoreError, match="cannot copy the database to"):
        back_up(tmp_path, tmp_path / "nowhere" / "copy.db")


def test_data_is_for_the_servers_account_only(tmp_path: Path) -> None:
    directory = tmp_path / "new"
    Sqlite(directory).connect().close()
    assert directory.stat().st_mode & 0o777 == 0o700
    back_up(directory, tmp_path / "copy.db")
    assert (tmp_path / "copy.db").stat().st_mode & 0o777 == 0o600


async def test_a_damaged_database_stops_the_start_in_one_line(tmp_path: Path) -> None:
    with contextlib.closing(Sqlite(tmp_path).connect()) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
    path = tmp_path / FILE_NAME
    whole = path.read_bytes()
    # The page of a table that the start does not read.
    path.write_bytes(whole[:4_096] + bytes(100) + whole[4_196:])
    with pytest.raises(StoreError) as caught:
        await make(tmp_path).start()
    message = str(caught.value)
    assert message.startswith(f"DATA_DIR: the database {str(path)!r} is damaged (")
    assert message.endswith("): put a backup in its place")
    assert "\n" not in message


async def test_a_database_without_its_tables_stops_the_start_in_one_line(tmp_path: Path) -> None:
    with contextlib.closing(Sqlite(tmp_path).connect()) as connection:
        connection.execute("DROP TABLE counters")
    with pytest.raises(StoreError) as caught:
        await make(tmp_path).start()
    assert str(caught.value) == (
        f"DATA_DIR: cannot use {str(tmp_path)!r}: the change could not be saved (SQLITE_ERROR): "
        "nothing of it was done"
    )

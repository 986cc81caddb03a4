"""The directory of a database: who may use it, its backup, and what is damaged.

Invariant: one directory belongs to one server, and one version of the tables.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from server.store import counters
from server.store.backup import back_up
from server.store.database import Database
from server.store.engine import StoreError
from server.store.sqlite import FILE_NAME, Sqlite
from server.store.sqlite_steps import STEPS
from tests.server.databases import started
from tests.server.running import make
from tests.server.store.counted import durable_names, increment, only_sqlite


@only_sqlite
async def test_a_directory_belongs_to_one_server(database: Database, tmp_path: Path) -> None:
    with pytest.raises(StoreError) as caught:
        await Database(Sqlite(tmp_path)).start()
    assert str(caught.value) == (
        f"DATA_DIR: cannot use {str(tmp_path)!r}: another server is using it; "
        "stop that one, or choose another directory"
    )
    await database.close()
    async with started(Database(Sqlite(tmp_path))):
        pass


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
        f"DATA_DIR: cannot use {str(tmp_path)!r}: the database could not do it (SQLITE_ERROR): "
        "nothing of it was done"
    )

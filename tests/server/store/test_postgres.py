"""PostgreSQL as the store's database.

Invariants:
- It has SQLite's tables, with the same columns, keys and indexes; each new step comes for both.
- One server uses a database at a time, and only with its own version's tables.
- What cannot be used is one line, without the password.
"""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest

from server.store import counters, postgres_session, postgres_steps, postgres_tables
from server.store.connection import Connection
from server.store.engine import Engine, StoreAway, StoreError
from server.store.engines import engine_for
from server.store.postgres import Postgres
from server.store.sqlite import Sqlite
from server.store.sqlite_steps import STEPS
from tests.server.databases import undone
from tests.server.postgres_server import PostgresServer

# SQLite has whole numbers where PostgreSQL knows more.
TYPES = {
    "text": "TEXT",
    "bigint": "INTEGER",
    "boolean": "INTEGER",
    "double precision": "REAL",
    "bytea": "BLOB",
}
Columns = dict[str, list[tuple[str, str, bool]]]


def sqlite_tables(connection: Connection) -> tuple[Columns, dict[str, Any], set[Any]]:
    """The columns of each table in their order, its key, and the named indexes."""
    columns: Columns = {}
    keys: dict[str, Any] = {}
    indexes: set[Any] = set()
    tables = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    for (table,) in connection.execute(tables).fetchall():
        rows = connection.execute(f"PRAGMA table_info({table})").fetchall()
        # A number that SQLite gives is never null.
        columns[table] = [(row[1], row[2], bool(row[3] or row[5])) for row in rows]
        keys[table] = [row[1] for row in sorted(rows, key=lambda row: row[5]) if row[5]]
        for _, name, unique, *_ in connection.execute(f"PRAGMA index_list({table})").fetchall():
            if not name.startswith("sqlite_"):
                info = connection.execute(f"PRAGMA index_info({name})").fetchall()
                indexes.add((table, name, bool(unique), tuple(row[2] for row in info)))
    return columns, keys, indexes


def postgres_tables_of(connection: Connection) -> tuple[Columns, dict[str, Any], set[Any]]:
    columns: Columns = {}
    for table, column, kind, nullable in connection.execute(
        "SELECT table_name::text, column_name::text, data_type::text, is_nullable = 'YES' "
        "FROM information_schema.columns WHERE table_schema = 'public' ORDER BY ordinal_position"
    ):
        if table not in postgres_tables.OWN:
            columns.setdefault(table, []).append((column, TYPES[kind], not nullable))
    keys: dict[str, Any] = {}
    indexes = set()
    for table, name, unique, primary, attributes in connection.execute(
        "SELECT t.relname::text, i.relname::text, x.indisunique, x.indisprimary, "
        "array(SELECT a.attname::text FROM unnest(x.indkey) WITH ORDINALITY k (number, position) "
        "JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.number ORDER BY position) "
        "FROM pg_index x JOIN pg_class t ON t.oid = x.indrelid "
        "JOIN pg_class i ON i.oid = x.indexrelid "
        "JOIN pg_namespace n ON n.oid = t.relnamespace WHERE n.nspname = 'public'"
    ):
        if table in postgres_tables.OWN:
            continue
        if primary:
            keys[table] = list(attributes)
        elif not name.endswith("_key"):
            indexes.add((table, name, unique, tuple(attributes)))
    return columns, keys, indexes


def test_both_have_the_same_tables(postgres: Engine, tmp_path: Path) -> None:
    with (
        contextlib.closing(postgres.connect()) as ours,
        contextlib.closing(Sqlite(tmp_path).connect()) as sqlites,
    ):
        expected, found = sqlite_tables(sqlites), postgres_tables_of(ours)
        # The order of the columns is that of values without names.
        assert found[0] == expected[0]
        assert found[1] == expected[1]
        assert found[2] == expected[2]
        collations = ours.execute(
            "SELECT DISTINCT collation_name::text FROM information_schema.columns "
            "WHERE table_schema = 'public' AND data_type = 'text'"
        ).fetchall()
        # Texts have the order of their bytes, as in SQLite.
        assert collations == [("C",)]


def test_each_step_comes_for_both() -> None:
    steps = postgres_tables.WHOLE + len(postgres_steps.STEPS)
    assert steps == len(STEPS), (
        "a step of store/sqlite_steps.py has no counterpart in store/postgres_steps.py"
    )


def test_a_database_takes_the_steps_that_it_lacks(
    postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "server.store.postgres.STEPS",
        (*postgres_steps.STEPS, "CREATE TABLE later (id BIGINT)", "INSERT INTO later VALUES (1)"),
    )
    try:
        for _ in range(2):
            with contextlib.closing(postgres.connect()) as connection:
                assert connection.execute("SELECT id FROM later").fetchall() == [(1,)]
                version = connection.execute("SELECT version FROM server_state").fetchone()
                assert version == (len(STEPS) + 2,)
        monkeypatch.undo()
        with pytest.raises(StoreError) as caught:
            postgres.connect()
        assert str(caught.value).endswith(
            f"the database is of a newer server (version {len(STEPS) + 2} of its tables, this one "
            f"knows {len(STEPS)}): start that server, or choose another database"
        )
    finally:
        with psycopg.connect(postgres.url) as connection:
            connection.execute("DROP TABLE later")
            connection.execute("UPDATE server_state SET version = %s", (len(STEPS),))


def test_a_step_that_fails_leaves_nothing(
    postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = (
        *postgres_steps.STEPS,
        "CREATE TABLE later (id BIGINT)",
        "INSERT INTO nowhere SELECT 1",
    )
    monkeypatch.setattr("server.store.postgres.STEPS", steps)
    with pytest.raises(StoreError, match='relation "nowhere" does not exist'):
        postgres.connect()
    monkeypatch.undo()
    with contextlib.closing(postgres.connect()) as connection:
        found = connection.execute("SELECT to_regclass('later') IS NULL, version FROM server_state")
        assert found.fetchone() == (True, len(STEPS))


def test_a_database_belongs_to_one_server(
    postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_session, "_ALONE_SECONDS", 0.1)
    with contextlib.closing(postgres.serve()):
        with pytest.raises(StoreError) as caught:
            Postgres(postgres.url).serve()
        # There is no use in waiting.
        assert not isinstance(caught.value, StoreAway)
        assert str(caught.value).endswith(
            ": another server is using it; stop that one, or choose another database"
        )
        # A command works beside it.
        with contextlib.closing(postgres.connect()) as connection:
            assert counters.increment(connection, "beside") == 1
    postgres.serve().close()


def test_a_database_in_another_encoding_is_refused(postgres_folder: str) -> None:
    server = PostgresServer(Path(postgres_folder))
    name = f"ascii_{os.getpid()}"
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute(
            f"CREATE DATABASE {name} ENCODING 'SQL_ASCII' TEMPLATE template0".encode()
        )
    with pytest.raises(StoreError, match="its encoding is SQL_ASCII: make one with ENCODING"):
        Postgres(server.url(name)).connect()


def test_commits_wait_for_the_disk(postgres: Postgres) -> None:
    url = f"{postgres.url}&options=-csynchronous_commit%3Doff"
    with contextlib.closing(Postgres(url).connect()) as connection:
        assert connection.execute("SHOW synchronous_commit").fetchone() == ("on",)


@pytest.mark.parametrize(
    ("url", "line"),
    [
        (
            "postgresql://ada:s3cret@127.0.0.1:1/shop?application_name=s3cret",
            "DATABASE_URL: cannot use 'ada@127.0.0.1:1/shop': ",
        ),
        ("postgresql:///shop?host=/nowhere", "DATABASE_URL: cannot use '/nowhere/shop': "),
        (
            "postgresql://ada:s3cret%ZZ@127.0.0.1/shop",
            "DATABASE_URL: this is no URL of a PostgreSQL; it is not shown, since it may have a "
            "password",
        ),
    ],
)
def test_what_cannot_be_reached_is_one_line(tmp_path: Path, url: str, line: str) -> None:
    with pytest.raises(StoreError) as caught:
        engine_for(tmp_path, url).connect()
    assert str(caught.value).startswith(line)
    assert "s3cret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_driver_is_an_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("server.store.postgres")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "psycopg", None)
    assert isinstance(engine_for(tmp_path, None), Sqlite)
    with pytest.raises(StoreError) as caught:
        engine_for(tmp_path, "postgresql://localhost/shop")
    assert str(caught.value) == (
        "DATABASE_URL: the driver of PostgreSQL is not installed: "
        "pip install 'psycopg[binary]>=3.3,<4'"
    )


def test_values_are_what_they_are_in_sqlite(empty: Connection) -> None:
    with undone(empty) as connection:
        connection.execute(
            "INSERT INTO users VALUES (?, ?, ?, ?)", ("é\U0001f600", "'?'", None, "")
        )
        row = connection.execute("SELECT * FROM users WHERE id = ?1 OR name = ?1", ("é\U0001f600",))
        assert row.fetchone() == ("é\U0001f600", "'?'", None, "")
        connection.execute("INSERT INTO contents VALUES (?, ?, ?)", ("h", b"\0\xff" * 5, 2**53 - 1))
        found = connection.execute("SELECT content, parts FROM contents").fetchall()
        assert [(bytes(content), parts) for content, parts in found] == [(b"\0\xff" * 5, 2**53 - 1)]
        session = ("k", "é\U0001f600", 1_790_000_000.123456, 2.5)
        connection.execute("INSERT INTO sessions VALUES (?, ?, ?, ?)", session)
        assert connection.execute("SELECT * FROM sessions").fetchone() == session
        paths = ["a", "Z", "é", "\U0001f600", "a/b", "a.b"]
        connection.executemany("INSERT INTO touched VALUES (?, ?)", [("p", one) for one in paths])
        ordered = connection.execute("SELECT path FROM touched ORDER BY path").fetchall()
        assert [path for (path,) in ordered] == sorted(paths, key=str.encode)


def test_the_number_of_changes_is_sqlites(engine: Engine) -> None:
    with contextlib.closing(engine.connect()) as connection:
        before = connection.total_changes
        assert connection.execute("SELECT * FROM users").fetchall() == []
        assert connection.total_changes == before
        connection.execute("INSERT INTO counters VALUES (?, ?), (?, ?)", ("a", 1, "b", 2))
        connection.executemany("DELETE FROM counters WHERE name = ?", [("a",), ("b",), ("c",)])
        assert connection.total_changes == before + 4

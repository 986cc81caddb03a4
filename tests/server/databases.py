"""Empty databases of both kinds, cheaply.

The tables of SQLite are made once for each process of the tests; a copy costs a tenth of that.

PostgreSQL's driver is imported by the first test that needs it, as in the server.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from functools import cache
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from server.api.envelope import timestamp
from server.store import demonstration
from server.store.connection import Connection
from server.store.database import Database
from server.store.sqlite import FILE_NAME, Sqlite
from tests.server.postgres_server import PostgresServer

if TYPE_CHECKING:
    from server.store.postgres import Postgres

KINDS = ("sqlite", "postgres")
_NUMBERS = count(1)


@cache
def _file(demonstrated: bool) -> bytes:
    with tempfile.TemporaryDirectory() as directory:
        with contextlib.closing(Sqlite(Path(directory)).connect()) as connection:
            if demonstrated:
                connection.begin()
                demonstration.seed(connection, timestamp())
                connection.end(bool)
        return (Path(directory) / FILE_NAME).read_bytes()


def prepare(directory: Path, *, demonstrated: bool) -> None:
    """Put a database of SQLite into a directory, unless it has one: an empty one, or what a server
    makes of it at its first start.
    """
    file = directory / FILE_NAME
    if directory.is_dir() and not file.exists():
        file.write_bytes(_file(demonstrated))


@contextlib.asynccontextmanager
async def started(database: Database) -> AsyncIterator[Database]:
    """Run the thread of a database while the block lasts.

    A thread that a failed test left would keep the whole run from ending.
    """
    await database.start()
    try:
        yield database
    finally:
        await database.close()


class PostgresDatabase:
    """A database of the run's server for a folder of its tests in one of its processes, which is
    emptied and used again.
    """

    def __init__(self, folder: str, name: str) -> None:
        import psycopg

        from server.store.postgres import Postgres

        server = PostgresServer(Path(folder))
        name = f"{name}_{os.getpid()}_{next(_NUMBERS)}"
        self.url = server.add_database(name)
        Postgres(self.url).connect().close()
        self._connection = psycopg.connect(server.url(name), autocommit=True)
        # Without the checks and the cascades of references.
        self._connection.execute("SET session_replication_role = replica")
        rows = self._connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' "
            "AND tablename <> 'server_state'"
        )
        self._emptying = "; ".join(f"DELETE FROM {table}" for (table,) in rows).encode()

    def emptied(self) -> Postgres:
        """Return the database with nothing in it."""
        from server.store.postgres import Postgres

        self._connection.execute(self._emptying)
        return Postgres(self.url)

    def close(self) -> None:
        self._connection.close()


@pytest.fixture(name="database_url", params=KINDS)
def either_database(request: pytest.FixtureRequest) -> str | None:
    """Where the applications of a module have their data, of both kinds one after the other."""
    if request.param == "sqlite":
        return None
    postgres: Postgres = request.getfixturevalue("postgres")
    return postgres.url


@contextlib.contextmanager
def undone(connection: Connection) -> Iterator[Connection]:
    """Undo what the block does."""
    connection.execute("BEGIN")
    try:
        yield connection
    finally:
        connection.execute("ROLLBACK")

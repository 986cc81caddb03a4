"""A running application on a free port, and clients of it; and databases of both kinds."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from server.application import Application
from server.store.connection import Connection
from server.store.engine import Engine
from server.store.sqlite import Sqlite
from tests.engineio_min.conftest import clock
from tests.server.databases import KINDS, PostgresDatabase, prepare, undone
from tests.server.nodes import Nodes, two_nodes
from tests.server.postgres_proxy import Proxy, proxied
from tests.server.postgres_server import joined
from tests.server.running import running
from tests.server.wire import Client, connected
from tests.socketio_min.cluster.redis_server import RedisServer, running_redis

__all__ = ["clock"]

if TYPE_CHECKING:
    from server.store.postgres import Postgres

Connect = Callable[..., Awaitable[Client]]
"""A client; takes the payload of its CONNECT, if it has one."""


@pytest.fixture
def database_url() -> str | None:
    """Where the application has its data: in SQLite; a module may have it in `either_database`."""
    return None


@pytest.fixture
async def application(tmp_path: Path, database_url: str | None) -> AsyncIterator[Application]:
    # A test may well ask more than a hundred times a second.
    async with running(tmp_path, event_rate=0, database_url=database_url) as application:
        yield application


@pytest.fixture
async def connect(application: Application) -> AsyncIterator[Connect]:
    async with AsyncExitStack() as clients:

        async def connect_one(auth: Any = None) -> Client:
            return await clients.enter_async_context(connected(application.port, auth))

        yield connect_one


@pytest.fixture(scope="session")
def postgres_folder(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> str:
    """The folder of the run's PostgreSQL, which is started for the first test that asks."""
    own = tmp_path_factory.getbasetemp()
    # The processes of a run have folders beside each other.
    return joined(own if worker_id == "master" else own.parent)


@pytest.fixture(scope="session")
def postgres_database(postgres_folder: str) -> Iterator[PostgresDatabase]:
    """A database of PostgreSQL, for one test after the other."""
    with closing(PostgresDatabase(postgres_folder, "tests")) as database:
        yield database


@pytest.fixture
def postgres(postgres_database: PostgresDatabase) -> Postgres:
    """An empty database of PostgreSQL."""
    return postgres_database.emptied()


@pytest.fixture
def shared(postgres: Postgres) -> Postgres:
    """The database, for one of several servers."""
    from server.store.postgres import Postgres

    return Postgres(postgres.url, shares=True)


@pytest.fixture
def proxy(postgres_folder: str) -> Iterator[Proxy]:
    """What may lose and hold the bytes between a server and PostgreSQL."""
    with proxied(Path(postgres_folder)) as proxy:
        yield proxy


@pytest.fixture
def behind(postgres: Postgres, postgres_folder: str, proxy: Proxy) -> Postgres:
    """The database, for one of several servers, through the proxy."""
    from server.store.postgres import Postgres

    return Postgres(postgres.url.replace(postgres_folder, str(proxy.folder)), shares=True)


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    """A Redis for the tests of a module."""
    with running_redis() as server:
        yield server


@pytest.fixture
async def nodes(redis: RedisServer, postgres: Postgres, tmp_path: Path) -> AsyncIterator[Nodes]:
    """Two nodes of a cluster."""
    async with two_nodes(tmp_path, redis.url, postgres.url) as nodes:
        yield nodes


@pytest.fixture(params=KINDS)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Engine:
    """An empty database, of both kinds one after the other."""
    if request.param == "sqlite":
        prepare(tmp_path, demonstrated=False)
        return Sqlite(tmp_path)
    found: Postgres = request.getfixturevalue("postgres")
    return found


@pytest.fixture(scope="session", params=KINDS)
def empty(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Connection]:
    """A connection to an empty database, of both kinds; whatever is done is to be `undone`."""
    if request.param == "sqlite":
        engine: Engine = Sqlite(tmp_path_factory.mktemp("empty"))
    else:
        folder = request.getfixturevalue("postgres_folder")
        with closing(PostgresDatabase(folder, "empty")) as database:
            engine = database.emptied()
    with closing(engine.connect()) as connection:
        yield connection


@pytest.fixture
def connection(empty: Connection) -> Iterator[Connection]:
    """A connection to an empty database, of both kinds; what is done is undone."""
    with undone(empty) as connection:
        yield connection

"""A database whose clock stands still, and a large one."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import AsyncIterator, Iterator

import pytest

from server.store.database import Database
from server.store.engine import Engine
from tests.server.databases import started
from tests.server.store.large_database import filled


@pytest.fixture
async def database(engine: Engine) -> AsyncIterator[Database]:
    # Time stands still: how much fits into a transaction does not depend on this machine.
    async with started(Database(engine, clock=lambda: 0.0)) as database:
        yield database


@pytest.fixture(scope="session")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sqlite3.Connection]:
    with contextlib.closing(filled(tmp_path_factory.mktemp("large"))) as connection:
        yield connection

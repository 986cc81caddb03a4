"""A database whose clock stands still."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from server.store.database import Database
from server.store.engine import Engine


@pytest.fixture
async def database(engine: Engine) -> AsyncIterator[Database]:
    # Time stands still: how much fits into a transaction does not depend on this machine.
    database = Database(engine, clock=lambda: 0.0)
    await database.start()
    yield database
    await database.close()

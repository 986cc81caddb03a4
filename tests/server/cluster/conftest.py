"""Two servers on one PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from server.store.postgres import Postgres
from tests.server.cluster.servers import Cluster


@pytest.fixture
async def cluster(postgres: Postgres, tmp_path: Path) -> AsyncIterator[Cluster]:
    async with AsyncExitStack() as stack:
        cluster = Cluster(stack, postgres.url, tmp_path)
        for _ in range(2):
            await cluster.add()
        yield cluster

"""A running application on a free port, and clients of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest

from server.application import Application
from server.settings import Settings
from tests.server.wire import Client, connected

Connect = Callable[[], Awaitable[Client]]


@pytest.fixture
async def application() -> AsyncIterator[Application]:
    # No test waits this long: typing ends here for its other reasons only.
    running = Application(Settings(port=0), typing_seconds=3_600)
    await running.start()
    yield running
    await running.stop()


@pytest.fixture
async def connect(application: Application) -> AsyncIterator[Connect]:
    async with AsyncExitStack() as clients:

        async def connect_one() -> Client:
            return await clients.enter_async_context(connected(application.port))

        yield connect_one

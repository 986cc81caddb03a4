"""A running application on a free port, and clients of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from server.application import Application
from tests.engineio_min.conftest import clock
from tests.server.running import running
from tests.server.wire import Client, connected

__all__ = ["clock"]

Connect = Callable[..., Awaitable[Client]]
"""A client; takes the payload of its CONNECT, if it has one."""


@pytest.fixture
async def application(tmp_path: Path) -> AsyncIterator[Application]:
    # A test may well ask more than a hundred times a second.
    async with running(tmp_path, event_rate=0) as application:
        yield application


@pytest.fixture
async def connect(application: Application) -> AsyncIterator[Connect]:
    async with AsyncExitStack() as clients:

        async def connect_one(auth: Any = None) -> Client:
            return await clients.enter_async_context(connected(application.port, auth))

        yield connect_one

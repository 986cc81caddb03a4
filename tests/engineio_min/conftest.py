"""Fixtures of the wire tests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.engineio_min.harness import Clock, Harness, serving


@pytest_asyncio.fixture
async def harness() -> AsyncIterator[Harness]:
    """An echo server with the default options."""
    async with serving() as harness:
        yield harness


@pytest_asyncio.fixture
async def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The test's own clock: hours may pass in no time."""
    loop = asyncio.get_running_loop()
    clock = Clock(loop)
    monkeypatch.setattr(loop, "time", clock.time)
    return clock

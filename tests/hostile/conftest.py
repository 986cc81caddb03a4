"""Fixtures of the hostile cases."""

from __future__ import annotations

import asyncio

import pytest
import pytest_asyncio

from tests.engineio_min.harness import Clock


@pytest_asyncio.fixture
async def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The test's own clock: hours may pass in no time."""
    loop = asyncio.get_running_loop()
    clock = Clock(loop)
    monkeypatch.setattr(loop, "time", clock.time)
    return clock

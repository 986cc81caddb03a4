"""A user's events after the server stood still; what a rate allows is in `test_collaboration`."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from server.api.errors import EventError
from server.api.rate_limit import Rate, RateLimiter
from tests.server.running import running
from tests.server.wire import connected

RATE = Rate("some", burst=3, per_second=2)


def passing(limiter: RateLimiter, user: str = "a") -> int:
    """Take tokens until there are none; return how many there were."""
    count = 0
    while True:
        try:
            limiter.take(user, RATE)
        except EventError:
            return count
        count += 1


@pytest.mark.parametrize(("lost", "most"), [(0.0, 3), (8.0, 3 + 2 * 8), (100.0, 3 + 2 * 30)])
def test_what_piled_up_counts_by_when_it_came(lost: float, most: int) -> None:
    now, stood_still = 0.0, 0.0
    limiter = RateLimiter(lambda: now, lambda: stood_still)
    assert passing(limiter) == 3
    now, stood_still = 100.0, lost
    assert passing(limiter) == most


def test_so_many_users_are_remembered_and_the_idle_ones_are_forgotten_first() -> None:
    limiter = RateLimiter(lambda: 0.0, most=2)
    assert [passing(limiter, user) for user in "abc"] == [3, 3, 3]
    assert [passing(limiter, user) for user in "bc"] == [0, 0]
    assert passing(limiter, "a") == 3
    assert [passing(limiter, user) for user in "cb"] == [0, 3]


def test_spending_on_credit_takes_time() -> None:
    now = 0.0
    limiter = RateLimiter(lambda: now)
    assert [limiter.spend("a", RATE, 2) for _ in range(3)] == [0.0, 0.5, 1.5]
    assert limiter.spend("b", RATE, 3) == 0.0
    now = 1.5
    assert limiter.spend("a", RATE, 1) == 0.5


async def test_the_server_tells_how_long_it_stood_still(tmp_path: Path) -> None:
    now = 0.0
    async with (
        running(tmp_path / "data", tuning={"monotonic": lambda: now}) as application,
        connected(application.port) as client,
    ):
        batch = {"updates": [{"event": "test:ping"}] * 100}

        async def accepted() -> int:
            answers = [await client.ask("batch:update", batch) for _ in range(3)]
            return sum(result["ok"] for answer in answers for result in answer["results"])

        assert await accepted() < 300
        now = 100.0
        # The loop of client and server stands still.
        asyncio.get_running_loop().call_soon(time.sleep, 0.6)
        await asyncio.sleep(0)
        # A batch is an event as well: these are more than the burst of 300.
        assert await accepted() == 300

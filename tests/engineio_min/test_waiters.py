"""waiters.py: calls that wait, and one that is cancelled meanwhile."""

from __future__ import annotations

import asyncio

import pytest

from engineio_min.waiters import Waiters


async def test_all_that_wait_are_released_and_later_ones_wait_again() -> None:
    waiters = Waiters()
    first, cancelled, second = (asyncio.create_task(waiters.wait()) for _ in range(3))
    await asyncio.sleep(0)
    assert len(waiters) == 3
    cancelled.cancel()
    waiters.release()
    assert len(waiters) == 0
    await asyncio.gather(first, second)
    with pytest.raises(asyncio.CancelledError):
        await cancelled
    later = asyncio.create_task(waiters.wait())
    await asyncio.sleep(0)
    assert not later.done()
    waiters.release()
    await later

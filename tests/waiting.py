"""Waiting with a bound, for every test: it ends a broken run and never decides a sound one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

# Real seconds after which a wait has hung.
PATIENCE = 60.0
# Seconds of the loop's clock, which a test may slow down, between two looks at the real one.
LOOK = 0.5
# Turns without other work after which a loop rests between them.
IDLE_TURNS = 20
NEVER = "the condition never came true"


async def patient(awaitable: Awaitable[T]) -> T:
    """Await, but not for ever; tests may move the loop's clock, so real time is measured."""
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(awaitable)
    started = time.monotonic()
    handles: list[asyncio.TimerHandle] = []

    def check() -> None:
        if handles and time.monotonic() - started > PATIENCE:
            task.cancel(f"nothing came within {PATIENCE:g} seconds")
        else:
            handles[:] = [loop.call_later(LOOK, check)]

    check()
    try:
        return await task
    finally:
        handles[0].cancel()


async def until(condition: Callable[[], object]) -> None:
    """Let the loop turn until `condition` holds.

    Between turns in which the loop has nothing else to do, what is waited for gets the processor:
    a thread, or another process.
    """
    started = time.monotonic()
    ready = getattr(asyncio.get_running_loop(), "_ready", None)
    idle = 0
    while not condition():
        assert time.monotonic() - started < PATIENCE, NEVER
        idle = 0 if ready or ready is None else idle + 1
        if idle > IDLE_TURNS:
            # The loop's own clock may stand still.
            time.sleep(0.001)  # noqa: ASYNC251
        await asyncio.sleep(0)


def block_until(condition: Callable[[], object]) -> None:
    """Wait in a thread without an event loop for what happens in another thread or process."""
    started = time.monotonic()
    while not condition():
        assert time.monotonic() - started < PATIENCE, NEVER
        time.sleep(0.001)


async def eventually(condition: Callable[[], object]) -> None:
    """Wait until `condition` holds, for something that happens in another process or thread."""
    started = time.monotonic()
    while not condition():
        assert time.monotonic() - started < PATIENCE, NEVER
        await asyncio.sleep(0.002)

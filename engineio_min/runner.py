"""Run a server until it is told to stop, on the fastest event loop there is."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Coroutine
from typing import Any


def run(main: Coroutine[Any, Any, None]) -> None:
    """Run `main` to its end on uvloop, or on asyncio's own loop where uvloop is not installed."""
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(main)


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    """What makes the fastest event loop there is."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop
    return uvloop.new_event_loop


async def stopped() -> None:
    """Wait for SIGINT or SIGTERM. A second one interrupts whatever keeps the loop from noticing.

    Raises:
        KeyboardInterrupt: a second signal came before the first was noticed; from whatever runs.
    """
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    told = False

    def tell(_number: int, _frame: object) -> None:
        nonlocal told
        if told:
            raise KeyboardInterrupt
        told = True
        loop.call_soon_threadsafe(stop.set)

    # Not the loop's own handlers: those are called by the loop, and a handler that never returns
    # would make the program deaf.
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, tell) for number in numbers]
    try:
        await stop.wait()
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)

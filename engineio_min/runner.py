"""Run a server until it is told to stop, on the fastest event loop there is."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Coroutine
from typing import Any

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def run(main: Coroutine[Any, Any, None]) -> None:
    """Run `main` to its end on uvloop, or on asyncio's own loop where uvloop is not installed."""
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    try:
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            runner.run(main)
    finally:
        # If `stopped` ends last, it puts back asyncio's handler, which is of no use by then.
        for number, handler in before.items():
            if signal.getsignal(number) is not handler:
                signal.signal(number, handler)


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    """Return what makes the fastest event loop there is."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop
    return uvloop.new_event_loop


async def stopped(stop: asyncio.Event | None = None) -> None:
    """Wait for SIGINT or SIGTERM, or until `stop` is set. A second signal interrupts whatever
    blocks the loop.

    Signals are the main thread's: in another one only `stop` ends the wait.

    Raises:
        KeyboardInterrupt: a second signal came before the first was noticed; from whatever runs.
    """
    loop = asyncio.get_running_loop()
    stop = asyncio.Event() if stop is None else stop
    if threading.current_thread() is not threading.main_thread():
        await stop.wait()
        return
    told = False

    def tell(_number: int, _frame: object) -> None:
        nonlocal told
        if told:
            raise KeyboardInterrupt
        told = True
        loop.call_soon_threadsafe(stop.set)

    # Not the loop's own handlers: those are called by the loop, and a handler that never returns
    # would make the program deaf.
    before = [signal.signal(number, tell) for number in _SIGNALS]
    try:
        await stop.wait()
    finally:
        for number, handler in zip(_SIGNALS, before, strict=True):
            signal.signal(number, handler)

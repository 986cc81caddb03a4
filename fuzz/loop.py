"""The event loop of the targets that need one: the same for every input, to make no difference."""

from __future__ import annotations

import asyncio
import atexit
import functools
from collections.abc import Coroutine


@functools.cache
def event_loop() -> asyncio.AbstractEventLoop:
    """Return the loop, made when it is first needed."""
    loop = asyncio.new_event_loop()
    atexit.register(loop.close)
    return loop


def run(coroutine: Coroutine[object, object, None]) -> None:
    """Run one check to its end; it must leave no task behind."""
    loop = event_loop()
    loop.run_until_complete(coroutine)
    assert not asyncio.all_tasks(loop)

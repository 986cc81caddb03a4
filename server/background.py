"""Work that may take seconds: threads of its own, so that logins and files never wait for it.

There are few, because they take the event loop's time too: only one thread runs Python at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

THREADS: Final = 2

Result = TypeVar("Result")

_pool = ThreadPoolExecutor(THREADS, "background")


async def in_background(function: Callable[..., Result], *args: object) -> Result:
    """Call `function`, which only computes, when one of the threads is free."""
    return await asyncio.get_running_loop().run_in_executor(_pool, function, *args)

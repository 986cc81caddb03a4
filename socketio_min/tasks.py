"""How an asynchronous handler becomes a task, for server and client alike."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine
from typing import Any

# From Python 3.12 on a task may take its first step at once; before, at the loop's next turn.
_OPTIONS: dict[str, Any] = {"eager_start": True} if sys.version_info >= (3, 12) else {}


def handler_task(
    coroutine: Coroutine[Any, Any, None], loop: asyncio.AbstractEventLoop
) -> asyncio.Task[None]:
    """Run a handler's coroutine as a task; whoever asks for it keeps it alive."""
    return asyncio.Task(coroutine, loop=loop, **_OPTIONS)

"""The threads behind the blocking SDK."""

from __future__ import annotations

import asyncio
import threading

from ai_coding_assistant.threads import Threads
from tests.server.wire import PATIENCE


def test_what_is_left_to_do_is_cancelled() -> None:
    threads = Threads()
    begun = threading.Event()

    async def endless() -> None:
        begun.set()
        await asyncio.Event().wait()

    async def goodbye() -> None:
        await asyncio.sleep(0)

    left = asyncio.run_coroutine_threadsafe(endless(), threads.loop)
    assert begun.wait(PATIENCE)
    threads.close(goodbye)
    assert left.cancelled()
    assert threads.loop.is_closed()

"""The threads behind the blocking SDK."""

from __future__ import annotations

import asyncio
import os
import threading

import pytest

from ai_coding_assistant import Unreachable
from ai_coding_assistant.threads import Threads
from tests.waiting import PATIENCE


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


def test_a_forked_child_says_so_and_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    threads = Threads()

    async def nothing() -> None:
        await asyncio.sleep(0)

    with monkeypatch.context() as patched:
        parent = os.getpid()
        patched.setattr(os, "getpid", lambda: parent + 1)
        with pytest.raises(Unreachable, match="was made before the process forked"):
            threads.wait_for(nothing())
        threads.close(nothing)
    threads.wait_for(nothing())
    threads.close(nothing)

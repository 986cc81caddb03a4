"""blocking.py without a server: what is refused, and what is left to do at the end."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import Any

import pytest

from socketio_min import (
    BlockingClient,
    UsageError,
)
from tests.waiting import PATIENCE


def test_what_is_no_listener_is_refused() -> None:
    async def later(*_: Any) -> None: ...

    nothing: Any = 3
    with contextlib.closing(BlockingClient("http://127.0.0.1:1")) as client:
        with pytest.raises(UsageError, match="a listener of on_any must be a plain function"):
            client.on_any(later)
        with pytest.raises(UsageError, match="the handler of 'x' must be a plain function, not"):
            client.on("x", later)
        with pytest.raises(UsageError, match="got 3 as a listener of on_any, expected a function"):
            client.on_any(nothing)


def test_what_is_left_to_do_is_cancelled() -> None:
    """A closing handshake for example, with a server that does not answer it."""
    client = BlockingClient("http://127.0.0.1:1")
    loop = client._runner.loop
    begun = threading.Event()

    async def endless() -> None:
        begun.set()
        await asyncio.Event().wait()

    left = asyncio.run_coroutine_threadsafe(endless(), loop)
    assert begun.wait(PATIENCE)
    client.close()
    assert left.cancelled()
    assert loop.is_closed()


def test_a_handler_that_has_not_begun_can_be_cancelled() -> None:
    client = BlockingClient("http://127.0.0.1:1")
    runner = client._runner
    release = threading.Event()
    ran: list[int] = []

    async def cancelled() -> None:
        first = asyncio.ensure_future(runner.run_handler(release.wait, PATIENCE))
        second = asyncio.ensure_future(runner.run_handler(ran.append, 1))
        # Both wait for the thread.
        await asyncio.sleep(0)
        second.cancel()
        await asyncio.wait([second])
        release.set()
        await first
        await runner.run_handler(ran.append, 2)

    asyncio.run_coroutine_threadsafe(cancelled(), runner.loop).result(PATIENCE)
    client.close()
    assert ran == [2]

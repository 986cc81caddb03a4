"""tasks.py: what is asynchronous, and a generator's steps."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Generator
from typing import Any

import pytest

from socketio_min.tasks import is_awaitable, soon, take_all


async def later(value: Any) -> Any:
    await asyncio.sleep(0)
    return value


async def test_what_is_to_be_awaited() -> None:
    coroutine = later(1)
    assert is_awaitable(coroutine)
    assert await coroutine == 1
    assert not is_awaitable(1)
    assert not is_awaitable(later)


async def test_each_step_is_given_its_result() -> None:
    taken: list[Any] = []

    def steps() -> Generator[Awaitable[Any], Any, None]:
        taken.append((yield later(1)))
        taken.append((yield later(2)))

    generator = steps()
    await take_all(next(generator), generator)
    assert taken == [1, 2]


async def test_a_step_that_fails_ends_them_all() -> None:
    def steps() -> Generator[Awaitable[Any], Any, None]:
        yield later(1)
        raise RuntimeError("no further")

    generator = steps()
    with pytest.raises(RuntimeError, match="no further"):
        await take_all(next(generator), generator)


async def test_soon_is_after_what_was_asked_before() -> None:
    calls: list[int] = []
    asyncio.get_running_loop().call_soon(calls.append, 1)
    soon(calls.append, 2)
    assert calls == []
    await asyncio.sleep(0)
    assert calls == [1, 2]

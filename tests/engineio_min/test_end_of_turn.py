"""`end_of_turn.py`: one call at the end of a turn, from whatever thread it is asked for."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar, copy_context

import pytest

from engineio_min.end_of_turn import EndOfTurn
from tests.waiting import until

name = ContextVar("name", default="none")


async def test_it_is_called_once_a_turn() -> None:
    calls: list[int] = []
    end = EndOfTurn(asyncio.get_running_loop(), lambda: calls.append(1), "")
    end.ask()
    end.ask()
    assert calls == []
    await asyncio.sleep(0)
    assert calls == [1]
    end.ask()
    await asyncio.sleep(0)
    assert calls == [1, 1]


async def test_it_is_called_in_its_context() -> None:
    seen: list[str] = []
    loop = asyncio.get_running_loop()
    end = EndOfTurn(loop, lambda: seen.append(name.get()), "", copy_context())
    name.set("of a handler")
    end.ask()
    await asyncio.sleep(0)
    assert seen == ["none"]


async def test_another_thread_wakes_the_loop_and_is_told_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    calls: list[int] = []
    end = EndOfTurn(asyncio.get_running_loop(), lambda: calls.append(1), "do it otherwise")
    await asyncio.to_thread(end.ask)
    await until(lambda: calls)
    await asyncio.to_thread(end.ask)
    await until(lambda: len(calls) == 2)
    assert caplog.messages == [
        "a message was sent in another thread than the event loop's, which is not safe: "
        "do it otherwise"
    ]

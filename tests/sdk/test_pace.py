"""The Python SDK and the server's limits on the events of a connection.

Invariants:
- With the server's defaults, no loop is fast enough to lose an event.
- With a stricter server, each call is either handled or refused, and none of both is guessed.
"""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any

import pytest

from ai_coding_assistant import AsyncAICodingAssistantSocket, Refused, Unreachable
from ai_coding_assistant.due import Due
from ai_coding_assistant.pace import Pace
from tests.server.running import running
from tests.waiting import PATIENCE


async def test_a_loop_loses_nothing(tmp_path: Path) -> None:
    """300 events in a loop that is faster than the 200 at once and 100 a second of a server."""
    async with (
        running(tmp_path) as application,
        AsyncAICodingAssistantSocket(application.url) as socket,
    ):
        limited: list[object] = []
        echoed: list[object] = []
        socket.on("rate_limited", limited.append)
        socket.on("test:response", echoed.append)
        async with asyncio.timeout(PATIENCE):
            for number in range(150):
                socket.emit("test:event", {"number": number})
                assert await socket.call("test:ping") == {}
        assert echoed == [{"number": number} for number in range(150)]
        assert limited == []


async def test_what_a_stricter_server_drops_is_refused(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with (
        running(tmp_path, event_rate=10, event_burst=10) as application,
        AsyncAICodingAssistantSocket(application.url) as socket,
    ):
        echoed: list[Any] = []
        socket.on("test:response", echoed.append)

        async def call(number: int) -> int | Refused:
            try:
                await socket.call("test:event", {"number": number})
            except Refused as error:
                return error
            return number

        with caplog.at_level(logging.WARNING, "ai_coding_assistant"):
            async with asyncio.timeout(PATIENCE):
                answers = await asyncio.gather(*map(call, range(80)))
        handled = [answer for answer in answers if isinstance(answer, int)]
        assert echoed == [{"number": number} for number in handled]
        # One place of the ten is the CONNECT's.
        assert handled[:9] == list(range(9))
        refusals = [answer for answer in answers if isinstance(answer, Refused)]
        assert refusals
        for refusal in refusals:
            assert refusal.code == "RATE_LIMIT_EXCEEDED"
            assert refusal.details is not None
            assert 0 < refusal.details["retryAfter"] <= 0.1
        assert "going on more slowly" in caplog.text
        # It goes on more slowly after each refusal, until it keeps to what the server takes.
        in_a_row = 0
        async with asyncio.timeout(PATIENCE):
            while in_a_row < 5:
                in_a_row = in_a_row + 1 if await call(in_a_row) == in_a_row else 0


async def test_leaving_ends_what_waits_for_its_turn(tmp_path: Path) -> None:
    async with running(tmp_path) as application:
        socket = AsyncAICodingAssistantSocket(application.url)
        # On a clock that stands still nobody's turn comes.
        socket._sending._pace = Pace(lambda: 0.0)
        await socket.connect()
        pongs: list[object] = []
        socket.on("test:pong", pongs.append)
        calls = [asyncio.create_task(socket.call("test:ping")) for _ in range(160)]
        async with asyncio.timeout(PATIENCE):
            assert await asyncio.gather(*calls[:150]) == [{}] * 150
        socket.emit("test:ping")
        calls[-1].cancel()
        await socket.disconnect()
        async with asyncio.timeout(PATIENCE):
            ends = await asyncio.gather(*calls[150:], return_exceptions=True)
        assert isinstance(ends.pop(), asyncio.CancelledError)
        assert all(isinstance(end, Unreachable) for end in ends)
        assert len(pongs) == 150


async def test_an_acknowledgement_is_asked_for_once_there_is_a_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A ping without one would wait with the others, and one more every quarter of a second."""
    timers: list[tuple[float, Any]] = []

    def call_later(delay: float, job: Any) -> object:
        timers.append((delay, job))
        return object()

    monkeypatch.setattr(asyncio.get_running_loop(), "call_later", call_later)
    connected, pings = [False], []

    def ping() -> bool:
        if connected[0]:
            pings.append(len(timers))
        return connected[0]

    due = Due(ping, lambda _retry_after: None)
    async with due.acknowledgement():
        assert timers == []
        due.limited(0.4)
        for _ in range(3):
            [(delay, job)] = timers
            assert delay == 0.4
            timers.clear()
            job()
        connected[0] = True
        timers.pop()[1]()
    assert pings == [0]
    # The ping's own acknowledgement is due then, and looked after.
    assert timers == []


async def test_the_pace_on_a_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    timers: list[tuple[float, Any]] = []

    def call_later(delay: float, job: Any) -> object:
        timers.append((delay, job))
        return object()

    monkeypatch.setattr(asyncio.get_running_loop(), "call_later", call_later)
    pace = Pace(lambda: clock[0])

    def pass_(seconds: float) -> None:
        clock[0] += seconds
        _, job = timers.pop()
        job()

    assert [pace.take() for _ in range(151)] == [True] * 150 + [False]
    first, second = pace.turn(), pace.turn()
    assert [delay for delay, _ in timers] == [pytest.approx(1 / 90)]
    pass_(1 / 90 + 1e-9)
    assert (first.done(), second.done()) == (True, False)
    # Whoever comes later waits behind those who wait.
    clock[0] += 10
    assert not pace.take()
    pass_(0)
    assert second.done()
    assert pace.take()

    clock[0] += 10
    pace.slow_down(0.1)
    assert not pace.take()
    clock[0] += 0.101
    assert [pace.take(), pace.take()] == [True, False]
    for _ in range(20):
        pace.slow_down(0.1)
    clock[0] += 60
    assert [pace.take(), pace.take()] == [True, False]
    clock[0] += 1.001
    assert pace.take()

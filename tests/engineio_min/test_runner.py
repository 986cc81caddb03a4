"""`runner.py`: which event loop, and what ends a program."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

import pytest
import uvloop

from engineio_min.runner import loop_factory, run, stopped


def test_uvloop_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert loop_factory() is uvloop.new_event_loop
    # None in sys.modules is how Python marks a module that cannot be imported.
    monkeypatch.setitem(sys.modules, "uvloop", None)
    assert loop_factory() is asyncio.new_event_loop


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_wait(number: signal.Signals) -> None:
    seen = []

    async def main() -> None:
        waiting = asyncio.create_task(stopped())
        await asyncio.sleep(0)
        os.kill(os.getpid(), number)
        await waiting
        seen.append(type(asyncio.get_running_loop()))

    run(main())
    assert seen == [uvloop.Loop]


def test_an_event_ends_the_wait() -> None:
    async def main() -> None:
        stop = asyncio.Event()
        waiting = asyncio.create_task(stopped(stop))
        await asyncio.sleep(0)
        stop.set()
        await waiting

    run(main())
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("fast", [True, False])
def test_a_second_signal_ends_what_keeps_the_loop_from_noticing(
    number: signal.Signals, fast: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not fast:
        monkeypatch.setitem(sys.modules, "uvloop", None)
    signals = 0
    # SIGINT is ignored where a shell has started the tests in the background.
    before = [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)]

    async def main() -> None:
        nonlocal signals
        waiting = asyncio.create_task(stopped())
        await asyncio.sleep(0)
        while signals < 10:
            signals += 1
            os.kill(os.getpid(), number)
            # The interpreter calls its signal handlers between instructions.
            sum(range(1000))
        await waiting

    with pytest.raises(KeyboardInterrupt):
        run(main())
    assert signals == 2
    # The next program in this process hears of its signals.
    assert [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)] == before

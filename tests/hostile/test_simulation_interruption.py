"""The server's tasks are cancelled, and the server closed, at every await there is.

Invariant: wherever a task of the server stops, everybody else is served on, and when all have gone
nothing is left; and at whatever moment the server closes, nothing is left at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from tests.effort import EFFORT
from tests.hostile.simulation.interruption import (
    Interruption,
    Suspended,
    cancel_at_once,
    cancel_on_waking,
)
from tests.hostile.simulation.running import simulate
from tests.hostile.simulation.steps import walk
from tests.hostile.simulation.world import World
from tests.hostile.stage import Records
from tests.hostile.virtual_time import VirtualLoop

# It covers nothing that others do not, and counting would make it twice as slow.
pytestmark = [pytest.mark.no_cover, pytest.mark.search]

# There are more awaits the longer it goes on, and each costs a whole walk.
STEPS = 25 if EFFORT == 1 else 30
SEEDS = range(EFFORT)


class Over(Exception):
    """The server has been closed: nobody walks on."""


def run(seed: int, target: int | None, action: Suspended, patch: pytest.MonkeyPatch) -> int:
    """One walk with an interruption; returns how many awaits there were."""
    interruption = Interruption(target, action)
    interruption.watch_handlers(patch)

    async def main(loop: VirtualLoop, records: Records) -> None:
        world = World(loop, seed=seed)
        world.lossy = target is not None
        await walk(world, seed, STEPS)
        await world.finish(records)

    simulate(f"of seed {seed}, await {target}", main, interruption.install)
    return interruption.count


def nothing(_task: asyncio.Task[Any], _awaited: Any) -> None:
    """No interruption."""


@pytest.mark.parametrize("action", [cancel_at_once, cancel_on_waking])
@pytest.mark.parametrize("seed", SEEDS)
def test_a_task_is_cancelled_at_each_await(
    seed: int, action: Suspended, monkeypatch: pytest.MonkeyPatch
) -> None:
    awaits = run(seed, None, nothing, monkeypatch)
    assert awaits > 20
    for target in range(awaits):
        run(seed, target, action, monkeypatch)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_server_closes_at_each_await(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    for target in range(run(seed, None, nothing, monkeypatch)):
        close_at(seed, target, monkeypatch)


def close_at(seed: int, target: int, patch: pytest.MonkeyPatch) -> None:
    closing: list[asyncio.Task[None]] = []

    def close(_task: asyncio.Task[Any], _awaited: Any) -> None:
        for client in world.clients:
            client.faulty = True
        closing.append(world.loop.create_task(world.io.close()))

    interruption = Interruption(target, close)
    interruption.watch_handlers(patch)
    world: World

    async def main(loop: VirtualLoop, records: Records) -> None:
        nonlocal world
        world = World(loop, seed=seed)
        world.watch = over(closing)
        with suppress(Over):
            await walk(world, seed, STEPS)
            await world.finish(records)
        await closing[0]
        await world.settle()
        assert not any(world.left().values()), world.left()
        await world.close(records)

    simulate(f"of seed {seed}, await {target}", main, interruption.install)


def over(closing: list[asyncio.Task[None]]) -> Callable[[], None]:
    """Ends a walk as soon as the server closes."""

    def check() -> None:
        if closing:
            raise Over

    return check

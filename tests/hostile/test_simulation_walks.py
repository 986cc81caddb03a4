"""A whole server in virtual time, walked through at random by seeds; the machine's invariants hold.

One adapter call and one step of a handler in a hundred fails. A seed that fails once fails always,
and every fault that is planted is found by one of the first seeds.
"""

from __future__ import annotations

import pytest

from tests.effort import examples
from tests.hostile.simulation.mutants import MUTANTS, Mutant
from tests.hostile.simulation.running import simulate
from tests.hostile.simulation.shares import counting
from tests.hostile.simulation.steps import walk
from tests.hostile.simulation.world import World
from tests.hostile.stage import Records
from tests.hostile.virtual_time import VirtualLoop

# It covers nothing that others do not, and counting would make it twice as slow.
pytestmark = [pytest.mark.no_cover, pytest.mark.search]

STEPS = 100
# Walks to find a planted fault in.
ENOUGH = 30


def run(seed: int) -> float:
    """One walk; returns the simulated seconds."""

    async def main(loop: VirtualLoop, records: Records) -> None:
        world = World(
            loop,
            seed=seed,
            fault_probability=0.01 * (seed % 2),
            max_handlers=(1, 4, 128)[seed % 3],
            asynchronous=seed % 4 < 2,
        )
        with counting(world.shares):
            await walk(world, seed, STEPS)
            await world.finish(records)

    return simulate(f"of seed {seed}", main)


@pytest.mark.parametrize("part", range(4))
def test_walks(part: int) -> None:
    seeds = range(part, examples(20), 4)
    assert sum(map(run, seeds)) > 500 * len(seeds)


def test_a_seed_gives_the_same_walk_again() -> None:
    assert run(5) == run(5)


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_planted_fault_is_found(mutant: Mutant, monkeypatch: pytest.MonkeyPatch) -> None:
    mutant(monkeypatch)
    for seed in (MUTANTS[mutant], *range(ENOUGH)):
        try:
            run(seed)
        except (AssertionError, KeyError):
            return
    raise AssertionError("nobody saw it")

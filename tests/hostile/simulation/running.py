"""How a simulation is run: on a loop of its own, with all that is logged."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from tests.hostile.stage import Records, recording
from tests.hostile.virtual_time import VirtualLoop


def simulate(
    name: str,
    main: Callable[[VirtualLoop, Records], Awaitable[None]],
    install: Callable[[VirtualLoop], object] | None = None,
) -> float:
    """Run a simulation to its end; returns how many seconds it simulated.

    What it finds is told with its name, so that it can be run again.
    """
    loop = VirtualLoop()
    if install is not None:
        install(loop)

    async def run() -> None:
        with recording() as records:
            await main(loop, records)

    try:
        loop.run_until_complete(run())
        assert asyncio.all_tasks(loop) == set()
    except Exception as error:
        error.add_note(f"in the simulation {name}")
        raise
    finally:
        loop.close()
    return loop.time()

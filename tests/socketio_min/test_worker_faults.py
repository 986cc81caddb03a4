"""What the death of a worker and the replacement of all do to clients: the short ones.

Invariants: everybody is back in its room, what was acknowledged is not lost, nothing is delivered
twice. `make cluster-faults` runs the long ones.
"""

from __future__ import annotations

import pytest

from tests.socketio_min.worker_faults import (
    a_worker_dies,
    all_workers_are_replaced,
    staged,
    under_fault,
)
from tests.waiting import eventually

# What this covers is up to the moments of the faults.
pytestmark = pytest.mark.no_cover


async def test_invariants_hold() -> None:
    """One test for both: the start of the workers is most of its time."""
    async with staged(clients=8) as stage:
        await under_fault(stage, a_worker_dies, numbers=20)
        descriptors = stage.descriptors()
        await under_fault(stage, all_workers_are_replaced, numbers=20)
        # The supervisor has let go of all that it had of the old ones.
        await eventually(lambda: stage.descriptors() <= descriptors)

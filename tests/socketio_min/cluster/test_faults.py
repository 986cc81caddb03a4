"""What members, Redis and the network between them do to a cluster: the short ones.

Invariants: what was acknowledged is not lost, nothing is delivered twice, nobody waits for ever.
`make cluster-faults` runs the long ones.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.socketio_min.cluster.faults import (
    FAULTS,
    Fault,
    a_member_dies,
    the_network_swallows,
    under_fault,
)
from tests.socketio_min.cluster.survival import survive

# What these cover is up to the moments of the faults.
pytestmark = pytest.mark.no_cover


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
async def test_invariants_hold(fault: Fault) -> None:
    await under_fault("classic", fault, events=100, seconds=0.3)


async def test_clients_behind_nginx_outlive_any_member_and_redis(tmp_path: Path) -> None:
    await survive(tmp_path, 0.2)


@pytest.mark.parametrize("fault", [a_member_dies, the_network_swallows])
async def test_a_stream_loses_nothing(fault: Fault) -> None:
    await under_fault("streams", fault, events=100, seconds=0.3)

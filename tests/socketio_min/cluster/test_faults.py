"""What members, Redis and the network between them do to a cluster: the short ones.

Invariants: what was acknowledged is not lost, nothing is delivered twice, nobody waits for ever.
`make cluster-faults` runs the long ones.
"""

from __future__ import annotations

import pytest

from tests.socketio_min.cluster.faults import (
    FAULTS,
    Fault,
    a_member_dies,
    the_network_swallows,
    under_fault,
)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
async def test_invariants_hold(fault: Fault) -> None:
    await under_fault("classic", fault, events=100, seconds=0.3)


@pytest.mark.parametrize("fault", [a_member_dies, the_network_swallows])
async def test_a_stream_loses_nothing(fault: Fault) -> None:
    await under_fault("streams", fault, events=100, seconds=0.3)

"""What is killed with signal 9 while events flow: a member, everything at once, a master of Redis.

Each client comes back as what it was, with every number once and in order. `make cluster-faults`
runs the long ones.
"""

from __future__ import annotations

import pytest

from tests.socketio_min.cluster.deaths import (
    a_master_of_the_stream_dies,
    a_member_is_killed,
    everything_is_restarted,
)
from tests.socketio_min.cluster.redis_server import RedisServer

# What these cover is up to the moments of the deaths.
pytestmark = pytest.mark.no_cover


async def test_clients_of_a_killed_member_lose_nothing(redis: RedisServer) -> None:
    await a_member_is_killed(redis, 60, 0.002)


async def test_members_and_redis_are_restarted_together() -> None:
    await everything_is_restarted(60, 0.002)


async def test_a_stream_outlives_its_master() -> None:
    await a_master_of_the_stream_dies(30, 0.002)

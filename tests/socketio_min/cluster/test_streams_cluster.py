"""streams.py in clusters of one Node.js member and two of ours."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from conformance.targets.cluster_member import AdapterFactory
from socketio_min.cluster.redis import RedisStreamsAdapter
from tests.socketio_min.cluster.behaviours import BEHAVIOURS, Behaviour
from tests.socketio_min.cluster.clusters import cluster, node_member
from tests.socketio_min.cluster.redis_server import running_redis


@pytest.fixture(scope="module")
def redis() -> Iterator[str]:
    with running_redis() as server:
        yield server.url


@pytest.fixture(scope="module")
def node(redis: str) -> Iterator[str]:
    with node_member("--adapter", "streams", "--redis", redis) as url:
        yield url


def adapters(redis: str) -> list[AdapterFactory]:
    return [RedisStreamsAdapter.from_url(redis), RedisStreamsAdapter.from_url(redis)]


@pytest.mark.parametrize("behaviour", BEHAVIOURS, ids=lambda one: one.__name__)
async def test_every_pair(behaviour: Behaviour, node: str, redis: str) -> None:
    async with cluster(node, adapters(redis)) as members:
        await behaviour(members)

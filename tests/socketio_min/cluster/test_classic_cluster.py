"""classic.py in clusters of one Node.js member and two of ours."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from socketio_min.cluster.redis import RedisAdapter
from tests.socketio_min.cluster.behaviours import BEHAVIOURS, Behaviour
from tests.socketio_min.cluster.clusters import cluster, node_member
from tests.socketio_min.cluster.redis_server import RedisServer


@pytest.fixture(scope="module")
def node(redis: RedisServer) -> Iterator[str]:
    with node_member("--adapter", "classic", "--redis", redis.url) as url:
        yield url


@pytest.mark.parametrize("behaviour", BEHAVIOURS, ids=lambda one: one.__name__)
async def test_every_pair(behaviour: Behaviour, node: str, redis: RedisServer) -> None:
    adapters = [RedisAdapter.from_url(redis.url), RedisAdapter.from_url(redis.url)]
    async with cluster(node, adapters) as members:
        await behaviour(members)


async def test_other_namespaces_hear_nothing(node: str, redis: RedisServer) -> None:
    adapters = [RedisAdapter.from_url(redis.url), RedisAdapter.from_url(redis.url)]
    async with cluster(node, adapters) as main, cluster(node, adapters, "/side") as side:
        for a in side.peers:
            a.emit("fan", [], [], 1)
            assert await side.told(a, ("fan", 1)) == "node one two"
        for a in main.peers:
            assert set(map(tuple, (await main.heard(a)).values())) == {()}

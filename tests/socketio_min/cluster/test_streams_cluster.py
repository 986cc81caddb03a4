"""streams.py in clusters of one Node.js member and two of ours."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from conformance.targets.cluster_member import AdapterFactory
from socketio_min.cluster.redis import RedisStreamsAdapter
from tests.socketio_min.cluster.behaviours import (
    BEHAVIOURS,
    Behaviour,
    events_reach_all,
    servers_tell_each_other,
    sockets_are_asked,
    sockets_are_fetched,
)
from tests.socketio_min.cluster.clusters import cluster, node_member
from tests.socketio_min.cluster.redis_server import RedisServer

# One by the stream, the others by its channels.
SHARING = (events_reach_all, servers_tell_each_other, sockets_are_asked, sockets_are_fetched)


@pytest.fixture(scope="module")
def node(redis: RedisServer) -> Iterator[str]:
    with node_member("--adapter", "streams", "--redis", redis.url) as url:
        yield url


def adapters(redis: RedisServer) -> list[AdapterFactory]:
    return [RedisStreamsAdapter.from_url(redis.url), RedisStreamsAdapter.from_url(redis.url)]


@pytest.fixture(scope="module")
def sharing(redis: RedisServer) -> Iterator[str]:
    """A member on Node.js with three streams, and sharded channels for what is not kept."""
    options = ("--streams", "3", "--sharded-pubsub")
    with node_member("--adapter", "streams", "--redis", redis.url, *options) as url:
        yield url


@pytest.mark.parametrize("behaviour", SHARING, ids=lambda one: one.__name__)
@pytest.mark.parametrize("namespace", ["/", "/side"])
async def test_several_streams(
    behaviour: Behaviour, namespace: str, sharing: str, redis: RedisServer
) -> None:
    made = [
        RedisStreamsAdapter.from_url(redis.url, stream_count=3, sharded=True, only_plaintext=plain)
        for plain in (False, True)
    ]
    async with cluster(sharing, made, namespace) as members:
        await behaviour(members)


@pytest.mark.parametrize("behaviour", BEHAVIOURS, ids=lambda one: one.__name__)
async def test_every_pair(behaviour: Behaviour, node: str, redis: RedisServer) -> None:
    async with cluster(node, adapters(redis)) as members:
        await behaviour(members)

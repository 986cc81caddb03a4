"""sharded.py in clusters of one Node.js member and two of ours, in each mode."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from conformance.targets.cluster_member import AdapterFactory
from socketio_min import Server, UsageError
from socketio_min.cluster.redis import ShardedRedisAdapter
from socketio_min.cluster.redis.sharded import MODES, Mode
from tests.socketio_min.cluster.behaviours import BEHAVIOURS, Behaviour
from tests.socketio_min.cluster.clusters import cluster, node_member
from tests.socketio_min.cluster.redis_server import RedisServer
from tests.socketio_min.cluster.test_cluster_adapter import GARBAGE
from tests.socketio_min.serving import serving

Place = tuple[str, RedisServer, Mode]


@pytest.fixture(scope="module", params=MODES)
def place(request: pytest.FixtureRequest, redis: RedisServer) -> Iterator[Place]:
    """Run a member on Node.js; yield its URL, its Redis, and the mode."""
    mode: Mode = request.param
    arguments = ("--adapter", "sharded", "--redis", redis.url, "--mode", mode)
    with node_member(*arguments) as url:
        yield url, redis, mode


def adapters(place: Place) -> list[AdapterFactory]:
    _, server, mode = place
    return [ShardedRedisAdapter.from_url(server.url, mode=mode) for _ in range(2)]


@pytest.mark.parametrize("behaviour", BEHAVIOURS, ids=lambda one: one.__name__)
async def test_every_pair(behaviour: Behaviour, place: Place) -> None:
    async with cluster(place[0], adapters(place)) as members:
        await behaviour(members)


async def test_channels_of_rooms_come_and_go(place: Place) -> None:
    node, server, mode = place

    def channels() -> set[str]:
        found = server.command("PUBSUB", "SHARDCHANNELS")
        assert isinstance(found, list)
        return {channel.decode() for channel in found}

    async with cluster(node, adapters(place)) as members:
        _, one, _ = members.peers
        await one.call("join", ["red", "blue"])
        members.servers[0].to("red").emit("x")
        await one.until_event("x")
        rooms = {f"socket.io#/#{room}#" for room in ("red", "blue")}
        assert rooms <= channels() if mode != "static" else not rooms & channels()
        assert (f"socket.io#/#{one.id}#" in channels()) == (mode == "dynamic-private")
        await one.call("leave", "red")
        await members.heard(one)
        assert "socket.io#/#red#" not in channels()
        assert ("socket.io#/#blue#" in channels()) == (mode != "static")
        await one.client.close()
        await members.servers[0].adapter.server_count()
        del members.peers[1]
        await members.heard(members.peers[0])
        assert "socket.io#/#blue#" not in channels()


def test_an_unknown_mode_is_refused() -> None:
    with pytest.raises(UsageError, match="mode: got 'all', expected one of dynamic, static"):
        ShardedRedisAdapter.from_url("redis://a", mode="all")  # type: ignore[arg-type]


async def test_garbage_ends_nothing(redis: RedisServer) -> None:
    io = Server(adapter=ShardedRedisAdapter.from_url(redis.url))
    async with serving(io) as net:
        client, _ = await net.join()
        for message in GARBAGE:
            redis.command("SPUBLISH", "socket.io#/#", message)
        other = b'{"type":3,"uid":"u","nsp":"/other","data":{"packet":%s,"opts":{}}}'
        redis.command("SPUBLISH", "socket.io#/#", other % b'{"type":2,"data":["no"]}')
        io.emit("fence")
        await client.expect('42["fence"]')
        await io.adapter.server_count()
        assert io.cluster.rejected == len(GARBAGE)

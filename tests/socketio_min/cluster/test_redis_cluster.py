"""cluster_link.py: a real Redis Cluster, Node.js members on it, and what happens to its nodes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, NamedTuple

import pytest

from conformance.targets.cluster_member import AdapterFactory
from socketio_min import Server
from socketio_min.cluster.redis import (
    BlockingEmitter,
    Emitter,
    RedisAdapter,
    RedisStreamsAdapter,
    ShardedRedisAdapter,
)
from socketio_min.cluster.redis.address import parse_url
from socketio_min.cluster.redis.cluster_link import ClusterLink
from socketio_min.cluster.redis.resp import encode_command
from socketio_min.cluster.redis.slots import slot_of
from tests.socketio_min.cluster.behaviours import BEHAVIOURS, Behaviour
from tests.socketio_min.cluster.clusters import cluster, node_member
from tests.socketio_min.cluster.redis_cluster import RedisCluster, running_cluster, take_over
from tests.socketio_min.cluster.redis_server import RedisServer, running_redis
from tests.socketio_min.serving import serving
from tests.waiting import eventually as until

ADAPTERS: dict[str, Callable[[str], AdapterFactory]] = {
    "classic": RedisAdapter.from_url,
    # All channels on one node, so that a fence in one of them is for all.
    "sharded": partial(ShardedRedisAdapter.from_url, prefix="{all}"),
    "streams": RedisStreamsAdapter.from_url,
}


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisCluster]:
    with running_cluster() as nodes:
        yield nodes


# --- with members on Node.js


class Place(NamedTuple):
    """A member on Node.js, and what makes adapters beside it."""

    node: str
    make: Callable[[], AdapterFactory]


@pytest.fixture(scope="module", params=ADAPTERS)
def place(request: pytest.FixtureRequest, redis: RedisCluster) -> Iterator[Place]:
    name: str = request.param
    client = {"classic": "ioredis", "sharded": "redis", "streams": "redis"}[name]
    arguments = (
        "--adapter",
        name,
        "--redis",
        redis.first,
        "--cluster",
        client,
        "--prefix",
        "{all}",
    )
    with node_member(*arguments) as url:
        yield Place(url, lambda: ADAPTERS[name](redis.url))


@pytest.mark.parametrize("behaviour", BEHAVIOURS, ids=lambda one: one.__name__)
async def test_every_pair(behaviour: Behaviour, place: Place) -> None:
    async with cluster(place.node, [place.make(), place.make()]) as members:
        await behaviour(members)


async def test_events_of_a_room_keep_their_order_on_any_node(redis: RedisCluster) -> None:
    """Each room has a channel, on one node or another, with an order of its own."""
    made = [Server(adapter=ShardedRedisAdapter.from_url(redis.url)) for _ in range(2)]
    rooms = [f"room {number}" for number in range(6)]
    async with serving(made[0]), serving(made[1]) as net:
        client, socket = await net.join()
        socket.join(rooms)
        bus = made[1].adapter
        assert isinstance(bus, ShardedRedisAdapter)
        await bus._link.settle()
        for number in range(120):
            made[0].to(rooms[number % 6]).emit("n", number)
        numbers = [int((await client.receive_text())[7:-1]) for _ in range(120)]
        for place in range(6):
            assert [one for one in numbers if one % 6 == place] == [*range(place, 120, 6)]


async def test_a_prefix_in_braces_keeps_the_order_of_all_channels(redis: RedisCluster) -> None:
    servers = [
        Server(adapter=ShardedRedisAdapter.from_url(redis.url, prefix="{all}")) for _ in range(2)
    ]
    async with serving(servers[0]), serving(servers[1]) as net:
        client, socket = await net.join()
        socket.join("room")
        await until(lambda: socket.rooms == {socket.id, "room"})
        await servers[1].adapter.server_count()
        for number in range(30):
            (servers[0].to("room") if number % 2 else servers[0]).emit("n", number)
        await client.expect(*(f'42["n",{number}]' for number in range(30)))


# --- the link: slots that move, nodes that die


class Inbox:
    """Takes the messages of a channel."""

    def __init__(self) -> None:
        self.texts: list[bytes] = []

    def __call__(self, _channel: bytes, message: bytes) -> None:
        self.texts.append(message)


@asynccontextmanager
async def linked(redis: RedisCluster, **options: Any) -> AsyncIterator[ClusterLink]:
    link = ClusterLink(parse_url(redis.url), **options)
    link.open()
    await link.settle()
    try:
        yield link
    finally:
        await link.close()


def channels(count: int) -> list[bytes]:
    """Return names of channels, which are on all nodes."""
    return [b"channel %d" % number for number in range(count)]


async def test_every_channel_is_where_its_slot_is(redis: RedisCluster) -> None:
    async with linked(redis) as a, linked(redis) as b:
        inboxes = {channel: Inbox() for channel in channels(12)}
        for channel, inbox in inboxes.items():
            b.subscribe_shard(channel, inbox)
        await b.settle()
        for channel in inboxes:
            for number in range(3):
                a.publish_shard(channel, b"%d" % number)
        await until(lambda: all(len(one.texts) == 3 for one in inboxes.values()))
        assert all(one.texts == [b"0", b"1", b"2"] for one in inboxes.values())
        assert {slot_of(channel) // 5461 for channel in inboxes} == {0, 1, 2}
        assert await a.shard_subscribers(b"channel 3") == 1
        assert set(await a.shard_channels(b"channel ")) == set(inboxes)
        assert await a.shard_channels(b"channel*") == []
        for channel, inbox in inboxes.items():
            b.unsubscribe_shard(channel, inbox)
        await b.settle()
        assert await a.shard_channels(b"channel ") == []
        assert a.status.connected
        assert a.status.dropped == 0


async def test_channels_of_all_nodes_are_counted_together(redis: RedisCluster) -> None:
    async with linked(redis) as a, linked(redis) as b, linked(redis) as c:
        inboxes = [Inbox(), Inbox(), Inbox()]
        for link, inbox in zip((a, b, c), inboxes, strict=True):
            link.subscribe(b"counted", inbox)
            link.subscribe_prefix(b"p*", inbox)
            await link.settle()
        assert await a.subscribers(b"counted") == 3
        assert await b.channels(b"count") == [b"counted"]
        for number in range(100):
            a.publish((b"counted", b"p*x")[number % 2], b"%d" % number)
        await until(lambda: all(len(inbox.texts) == 100 for inbox in inboxes))
        assert all(inbox.texts == [b"%d" % one for one in range(100)] for inbox in inboxes)
        a.unsubscribe(b"counted", inboxes[0])
        a.unsubscribe_prefix(b"p*", inboxes[0])
        await a.settle()
        assert await a.subscribers(b"counted") == 2


async def test_a_slot_that_moves_loses_no_command_and_keeps_their_order(
    redis: RedisCluster,
) -> None:
    key = "a list"
    slot = slot_of(key)
    async with linked(redis) as link:
        await link.call("DEL", key, key=key)
        old = redis.owner(slot)
        to = next(node for node in redis.nodes if node is not old)
        moving = asyncio.ensure_future(asyncio.to_thread(redis.move, slot, to))
        sent = 0
        while not moving.done() or sent < 1_000:
            link.send(encode_command("RPUSH", key, sent), key)
            sent += 1
            if sent % 20 == 0:
                await asyncio.sleep(0.001)
        await moving
        await until(lambda: not link._moving._moves)
        assert await link.call("LRANGE", key, 0, -1, key=key) == [
            b"%d" % number for number in range(sent)
        ]
        assert link.status.dropped == 0
        assert redis.owner(slot) is to


async def test_a_channel_moves_with_its_slot(redis: RedisCluster) -> None:
    channel = b"moving"
    slot = slot_of(channel)
    async with linked(redis) as a, linked(redis) as b:
        inbox = Inbox()
        b.subscribe_shard(channel, inbox)
        await b.settle()
        for turn in range(2):
            old = redis.owner(slot)
            to = next(node for node in redis.nodes if node is not old)
            await asyncio.to_thread(redis.move, slot, to)
            await placed(b, channel, to)
            a.publish_shard(channel, b"%d" % turn)
            await received(inbox, turn + 1)
        assert inbox.texts == [b"0", b"1"]


async def placed(link: ClusterLink, channel: bytes, node: RedisServer) -> None:
    """Wait until a channel is subscribed to at a node."""

    def there() -> bool:
        place = link._channels._places.get(channel)
        return place is not None and place.address.hosts[0][1] == node.port

    await until(there)
    await link.settle()


async def received(inbox: Inbox, count: int) -> None:
    await until(lambda: len(inbox.texts) >= count)


async def test_a_master_that_dies_is_replaced() -> None:
    """Channels of the others go on meanwhile; its own come back, and what waited is sent."""
    with running_cluster(replicas=1) as redis:
        dying, replica = redis.nodes[0], redis.nodes[3]
        mine = next(one for one in channels(20) if redis.owner(slot_of(one)) is dying)
        other = next(one for one in channels(20) if redis.owner(slot_of(one)) is redis.nodes[1])
        async with linked(redis) as a, linked(redis) as b:
            inbox, rest, everywhere = Inbox(), Inbox(), Inbox()
            b.subscribe_shard(mine, inbox)
            b.subscribe_shard(other, rest)
            b.subscribe(b"everywhere", everywhere)
            await b.settle()
            a.publish_shard(mine, b"before")
            await received(inbox, 1)
            changes: list[bool] = []
            a.status.on_change(changes.append)
            dying.kill()
            await until(lambda: not a.status.connected)
            a.publish_shard(mine, b"waits")
            a.publish_shard(other, b"goes on")
            await received(rest, 1)
            assert inbox.texts == [b"before"]
            take_over(replica)
            await placed(b, mine, replica)
            await until(lambda: a.status.connected)
            await until(lambda: b.status.connected)
            a.publish_shard(mine, b"after")
            a.publish(b"everywhere", b"too")
            await until(lambda: b"after" in inbox.texts and everywhere.texts)
            # What waited may have come before anybody subscribed again, but not in disorder.
            assert inbox.texts in ([b"before", b"waits", b"after"], [b"before", b"after"])
            assert changes == [False, True]
            assert await a.subscribers(b"everywhere") == 1
            assert await a.shard_subscribers(mine) == 1
            assert await a.call("ECHO", "x", key=mine) == b"x"


async def test_slots_are_those_of_redis(redis: RedisCluster) -> None:
    for key in ("", "a", "socket.io#/#", "{a}b", "{}a", "a{b", "a{{b}}", "ä😀"):
        assert redis.nodes[0].command("CLUSTER", "KEYSLOT", key) == slot_of(key)


async def test_emitters_may_use_any_node(redis: RedisCluster) -> None:
    url = redis.url.replace("://", "://127.0.0.1:1,")
    io = Server(adapter=RedisAdapter.from_url(redis.url))
    async with serving(io) as net:
        client, _ = await net.join()
        async with Emitter(url) as emitter:
            emitter.emit("n", 1)
        await client.expect('42["n",1]')

        def block() -> None:
            with BlockingEmitter(url) as emitter:
                emitter.emit("n", 2)

        await asyncio.to_thread(block)
        await client.expect('42["n",2]')


async def test_what_is_no_cluster_is_told(caplog: pytest.LogCaptureFixture) -> None:
    with running_redis() as server:
        link = ClusterLink(parse_url(server.url.replace("redis:", "redis+cluster:")))
        link.open()
        await until(lambda: "is no cluster: ERR This instance has cluster support" in caplog.text)
        assert not link.status.connected
        await link.close()
    assert caplog.text.count("is no cluster") == 1

"""A cluster under a fault: two members of ours, one of them behind a proxy, and one on Node.js.

Clients of ours send numbers to all, and now and then ask all. Meanwhile the fault happens and
heals. Then:

- nobody has got a number twice, and those of one sender are in order;
- every question has ended, with an answer of everybody or an error in time;
- who answered a question has got it, and at last everybody who is left answers again;
- with a stream, whoever was not killed has got every number that was sent while Redis was there.

Usage of the long ones: python -m tests.socketio_min.cluster.faults
"""

from __future__ import annotations

import asyncio
import itertools
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from conformance.targets.cluster_member import AdapterFactory, make_member
from socketio_min import Client, Server
from socketio_min.cluster.redis import RedisAdapter, RedisStreamsAdapter, ShardedRedisAdapter
from tests.socketio_min.cluster.clusters import MEMBER, Peer
from tests.socketio_min.cluster.deaths import (
    a_master_of_the_stream_dies,
    a_member_is_killed,
    everything_is_restarted,
)
from tests.socketio_min.cluster.proxy import Proxy, proxied
from tests.socketio_min.cluster.redis_server import RedisServer, running_redis
from tests.socketio_min.cluster.survival import survive
from tests.waiting import PATIENCE

MAKERS: dict[str, Callable[[str], AdapterFactory]] = {
    "classic": RedisAdapter.from_url,
    "sharded": ShardedRedisAdapter.from_url,
    "streams": RedisStreamsAdapter.from_url,
}
ADAPTERS = tuple(MAKERS)
ASK_MILLISECONDS = 400


class Stage:
    """What a fault may do something to."""

    def __init__(self, redis: RedisServer, proxy: Proxy, node: subprocess.Popen[str]) -> None:
        self.redis = redis
        self.proxy = proxy
        self.node = node
        self.servers: list[Server] = []
        self.peers: list[Peer] = []

    @property
    def alive(self) -> list[Peer]:
        return [peer for peer in self.peers if peer.client.connected]


Fault = Callable[[Stage, float], Awaitable[None]]


async def a_member_dies(stage: Stage, seconds: float) -> None:
    stage.node.kill()
    await asyncio.sleep(seconds)


async def redis_dies_and_comes_back(stage: Stage, seconds: float) -> None:
    stage.redis.kill()
    await asyncio.sleep(seconds)
    await asyncio.to_thread(stage.redis.start)


async def the_network_swallows(stage: Stage, seconds: float) -> None:
    stage.proxy.swallowing = True
    await asyncio.sleep(seconds)
    stage.proxy.swallowing = False


async def the_network_is_cut(stage: Stage, seconds: float) -> None:
    for _ in range(3):
        stage.proxy.cut()
        await asyncio.sleep(seconds / 3)


async def redis_is_slow(stage: Stage, seconds: float) -> None:
    stage.proxy.delay = 0.05
    await asyncio.sleep(seconds)
    stage.proxy.delay = 0.0


FAULTS: tuple[Fault, ...] = (
    a_member_dies,
    redis_dies_and_comes_back,
    the_network_swallows,
    the_network_is_cut,
    redis_is_slow,
)


@asynccontextmanager
async def staged(adapter: str) -> AsyncIterator[Stage]:
    with running_redis() as redis:
        command = ["node", str(MEMBER), "--port", "0", "--adapter", adapter, "--redis", redis.url]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as node:
            try:
                assert node.stdout is not None
                url = (await asyncio.to_thread(node.stdout.readline)).split()[1]
                async with proxied(redis.port) as proxy:
                    stage = Stage(redis, proxy, node)
                    try:
                        await fill(stage, adapter, url)
                        yield stage
                    finally:
                        for peer in stage.peers:
                            await peer.client.close()
                        for server in stage.servers:
                            await server.close()
            finally:
                node.kill()


async def fill(stage: Stage, adapter: str, node: str) -> None:
    """Start our members, and a client of each member."""
    urls = {"node": node}
    for name, redis in (("one", stage.redis.url), ("two", stage.proxy.url)):
        server = make_member(MAKERS[adapter](redis))
        stage.servers.append(server)
        await server.listen(port=0)
        urls[name] = f"http://127.0.0.1:{server.port}"
    for name, url in urls.items():
        client = Client(url, transports=["websocket"], reconnection=False)
        stage.peers.append(Peer(name, client))
        await client.connect()


async def under_fault(adapter: str, fault: Fault, *, events: int, seconds: float) -> None:
    """Send so many numbers while a fault lasts so many seconds, and check the invariants."""
    async with staged(adapter) as stage:
        _, one, two = stage.peers
        await whole(stage, one)
        happening = asyncio.ensure_future(fault(stage, seconds))
        sent = 0
        answered: list[tuple[int, list[str]]] = []
        for number in itertools.count():
            sender = (one, two)[number % 2]
            sender.emit("fan", [], [], [sender.name, number])
            sent = number
            if number % 25 == 0:
                answer = await asyncio.wait_for(ask(sender, number), PATIENCE)
                answered.append((number, answer))
            if number >= events and happening.done():
                break
            await asyncio.sleep(seconds / events)
        await happening
        await whole(stage, one)
        await whole(stage, two)
        one.emit("fan", [], [], "last of one")
        two.emit("fan", [], [], "last of two")
        for peer in stage.alive:
            await until_heard(peer, "last of one", "last of two")
        for peer in stage.alive:
            check(peer, answered)
            if adapter == "streams" and fault is not redis_dies_and_comes_back:
                assert numbers(peer, "one") == [*range(0, sent + 1, 2)], peer.name


async def ask(peer: Peer, number: int) -> list[str]:
    """Ask all; return the names of those who answered."""
    answer = await peer.call("ask", "", number, ASK_MILLISECONDS)
    responses = answer["ok"] if "ok" in answer else answer["responses"]
    return [name for name, _ in responses]


async def whole(stage: Stage, sender: Peer) -> None:
    """Wait until everybody who is left answers."""
    async with asyncio.timeout(PATIENCE):
        while sorted(await ask(sender, -1)) != sorted(peer.name for peer in stage.alive):
            # The next question takes its time.
            continue


async def until_heard(peer: Peer, *texts: str) -> None:
    async with asyncio.timeout(PATIENCE):
        while not {("fan", text) for text in texts} <= {  # noqa: ASYNC110 - nothing tells
            event for event in peer.events if isinstance(event[1], str)
        }:
            await asyncio.sleep(0.01)


def numbers(peer: Peer, sender: str) -> list[int]:
    """Return the numbers of a sender that a client has got, in order."""
    lists = [event[1] for event in peer.events if event[0] == "fan" and type(event[1]) is list]
    return [number for name, number in lists if name == sender]


def check(peer: Peer, answered: list[tuple[int, list[str]]]) -> None:
    for sender in ("one", "two"):
        got = numbers(peer, sender)
        assert got == sorted(set(got)), f"{peer.name} got some of {sender}'s twice or in disorder"
    asked = [event[1] for event in peer.events if event[0] == "ask" and event[1] != -1]
    assert len(asked) == len(set(asked)), f"{peer.name} was asked twice"
    for number, names in answered:
        assert names.count(peer.name) <= 1
        assert (peer.name in names) <= (number in asked)


async def main() -> None:
    """Run every fault for 20 seconds and 10,000 numbers."""
    for adapter in ADAPTERS:
        for fault in FAULTS:
            print(f"{adapter}: {fault.__name__}", flush=True)
            await under_fault(adapter, fault, events=10_000, seconds=20.0)
    print("members, Redis and a master of a stream are killed", flush=True)
    with running_redis() as redis:
        await a_member_is_killed(redis, 2_000, 0.002)
    for _ in range(3):
        await everything_is_restarted(1_000, 0.002)
        await a_master_of_the_stream_dies(1_000, 0.002)
    print("nginx in front of three members", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        await survive(Path(folder), 20.0)
    print("the invariants held", flush=True)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))

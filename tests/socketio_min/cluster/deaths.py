"""Members and Redis that are killed while numbered events flow, and clients that come back.

The clients are raw and do what an official one does: they present their private id and the offset
of the last event. With a stream and recovery each must get every number once and in order, on
whichever member it is. Members on Node.js send only: what comes back to one may lose events there.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress

from conformance.targets.cluster_member import make_member
from socketio_min import Recovery, Server
from socketio_min.cluster.redis import RedisStreamsAdapter
from socketio_min.cluster.redis.slots import slot_of
from tests.forked_servers import Program, beside
from tests.listening import free_port
from tests.socketio_min.cluster.clusters import MEMBER
from tests.socketio_min.cluster.redis_cluster import RedisCluster, running_cluster, take_over
from tests.socketio_min.cluster.redis_server import RedisServer, running_redis
from tests.socketio_min.cluster.returning import Away, arrive
from tests.socketio_min.wire import Ended
from tests.waiting import PATIENCE, eventually

OURS = (sys.executable, "-m", "conformance", "cluster-member")
NODE = ("node", str(MEMBER))
RECOVERY = 60.0


class Member:
    """A member in a process of its own, which may be killed and started again on its port."""

    def __init__(self, stack: AsyncExitStack, command: Sequence[str], redis: RedisServer) -> None:
        self.port = free_port()
        options = ("--adapter", "streams", "--redis", redis.url, "--recovery", f"{RECOVERY:g}")
        self._command = (*command, "--port", str(self.port), *options)
        self._stack = stack
        self._process: Program | None = None

    async def run(self) -> None:
        """Start it, and wait until it serves."""
        process = await self._stack.enter_async_context(beside(*self._command))
        assert process.stdout is not None
        async with asyncio.timeout(PATIENCE):
            assert (await asyncio.to_thread(process.stdout.readline)).startswith("ready ")
        self._process = process

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()


class Follower:
    """A client in the room "red" that writes down the numbers of each sender."""

    def __init__(self) -> None:
        self.numbers: dict[str, list[int]] = {}
        self.recoveries = 0
        self._away: Away | None = None
        self._task: asyncio.Task[None] | None = None

    async def begin(self, port: int) -> None:
        """Connect for the first time, and join the room."""
        _, self._away = await arrive(port)
        await self._away.client.send('420["join","red"]')
        await self._away.client.expect("430[]")
        self._task = asyncio.create_task(self._follow(self._away))

    async def come_back(self, port: int) -> None:
        """Wait for the loss, and connect again; the socket must be the one that it was."""
        assert self._task is not None
        assert self._away is not None
        await self._task
        self.lose()
        missed, back = await arrive(port, self._away.auth)
        assert back.id == self._away.id, "the client did not come back as what it was"
        self.recoveries += 1
        for _, (sender, number) in missed:
            self._note(sender, number)
        if back.offset is None:
            back.offset = self._away.offset
        self._away = back
        self._task = asyncio.create_task(self._follow(back))

    async def _follow(self, away: Away) -> None:
        with suppress(Ended):
            while True:
                packet = await away.client.receive_text()
                if packet == "2":
                    await away.client.send("3")
                    continue
                _, (sender, number), *offset = json.loads(packet.removeprefix("42"))
                self._note(sender, number)
                if offset:
                    # There is none while Redis is away.
                    [away.offset] = offset

    def _note(self, sender: str, number: int) -> None:
        self.numbers.setdefault(sender, []).append(number)

    def has(self, sender: str, number: int) -> bool:
        return number in self.numbers.get(sender, ())

    async def send(self, number: int) -> None:
        """Send a number to the room, as "client", if the connection is there."""
        assert self._task is not None
        assert self._away is not None
        if not self._task.done():
            await self._away.client.send(f'42["fan",["red"],[],["client",{number}]]')

    def lose(self) -> None:
        """Lose the connection."""
        assert self._away is not None
        self._away.client.abort()

    async def end(self) -> None:
        """Leave, and let nothing be under way."""
        if self._task is not None:
            self.lose()
            await asyncio.gather(self._task)


@asynccontextmanager
async def following(count: int) -> AsyncIterator[list[Follower]]:
    followers = [Follower() for _ in range(count)]
    try:
        yield followers
    finally:
        await asyncio.gather(*(follower.end() for follower in followers))


@asynccontextmanager
async def serving_here(io: Server) -> AsyncIterator[Server]:
    await io.listen(port=0)
    try:
        yield io
    finally:
        await io.close()


Emit = Callable[[int], Awaitable[None]]


async def flow(emit: Emit, first: int, count: int, pause: float) -> None:
    """Emit so many numbers."""
    for number in range(first, first + count):
        await emit(number)
        await asyncio.sleep(pause)


async def a_member_is_killed(redis: RedisServer, count: int, pause: float) -> None:
    """Its clients are on another one then, and have all that was sent by the others, once."""
    async with AsyncExitStack() as stack:
        victim, node = Member(stack, OURS, redis), Member(stack, NODE, redis)
        await asyncio.gather(victim.run(), node.run())
        io = make_member(RedisStreamsAdapter.from_url(redis.url), RECOVERY)
        await stack.enter_async_context(serving_here(io))
        *followers, settled, sender = await stack.enter_async_context(following(6))
        await asyncio.gather(*(one.begin(victim.port) for one in followers))
        await settled.begin(io.port)
        await sender.begin(node.port)

        async def emit(number: int) -> None:
            io.to("red").emit("fan", ["server", number])
            await sender.send(number)

        await flow(emit, 0, count, pause)
        flowing = asyncio.create_task(flow(emit, count, 2 * count, pause))
        victim.kill()
        await asyncio.gather(*(one.come_back(io.port) for one in followers))
        await flowing
        last = 3 * count - 1
        everybody = [*followers, settled, sender]
        await eventually(lambda: all(one.has("server", last) for one in everybody))
        await eventually(lambda: all(one.has("client", last) for one in everybody))
        expected = {name: [*range(3 * count)] for name in ("server", "client")}
        assert all(one.numbers == expected for one in everybody)
        assert [one.recoveries for one in followers] == [1] * len(followers)


async def everything_is_restarted(count: int, pause: float) -> None:
    """Members and a Redis that keeps what it has: nobody notices more than a lost connection."""
    with running_redis("--appendonly", "yes", "--appendfsync", "always") as redis:
        async with AsyncExitStack() as stack:
            members = [Member(stack, OURS, redis) for _ in range(2)]
            await asyncio.gather(*(member.run() for member in members))
            followers = await stack.enter_async_context(following(4))
            for number, follower in enumerate(followers):
                await follower.begin(members[number % 2].port)
            sender, *_ = followers
            await flow(sender.send, 0, count, pause)
            flowing = asyncio.create_task(flow(sender.send, count, count, pause))
            await eventually(lambda: all(one.has("client", count + 1) for one in followers))
            for member in members:
                member.kill()
            await asyncio.to_thread(redis.kill)
            await flowing
            await asyncio.to_thread(redis.start)
            await asyncio.gather(*(member.run() for member in members))
            for number, follower in enumerate(followers):
                # Each to the other one.
                await follower.come_back(members[(number + 1) % 2].port)
            await flow(sender.send, 2 * count, count, pause)
            last = 3 * count - 1
            await eventually(lambda: all(one.has("client", last) for one in followers))
            lists = [follower.numbers["client"] for follower in followers]
            # What one had, all have: what had not left the member that was killed is nobody's.
            assert all(numbers == lists[0] for numbers in lists)
            assert lists[0] == sorted(set(lists[0]))
            assert lists[0][: count + 2] == [*range(count + 2)]
            assert lists[0][-count:] == [*range(2 * count, 3 * count)]


async def a_master_of_the_stream_dies(count: int, pause: float) -> None:
    """A replica takes over: who stayed and who was away have the same, and nothing twice."""
    with running_cluster(replicas=1) as redis:
        dying, replica = redis.nodes[0], redis.nodes[3]
        tag = next(
            tag for tag in ("{a}", "{b}", "{c}", "{d}", "{e}", "{f}") if owns(redis, dying, tag)
        )
        ios = [
            Server(
                adapter=RedisStreamsAdapter.from_url(
                    redis.url, stream=f"stream{tag}", session_prefix=f"session:{tag}"
                ),
                connection_state_recovery=Recovery(max_disconnection=RECOVERY),
            )
            for _ in range(2)
        ]
        for io in ios:
            io.on("join", lambda socket, room: socket.join(room))
        async with AsyncExitStack() as stack:
            a, b = [await stack.enter_async_context(serving_here(io)) for io in ios]
            settled, leaving = await stack.enter_async_context(following(2))
            await settled.begin(b.port)
            await leaving.begin(a.port)

            async def emit(number: int) -> None:
                b.to("red").emit("fan", ["server", number])

            await flow(emit, 0, count, pause)
            await eventually(lambda: leaving.has("server", count - 1))
            leaving.lose()
            await flow(emit, count, count, pause)
            await eventually(lambda: settled.has("server", 2 * count - 1))
            # Redis does not wait for its replicas; what they have not is lost with the master.
            await eventually(lambda: replicated(dying) == replicated(replica))
            dying.kill()
            await eventually(lambda: not b.cluster.connected)
            await flow(emit, 2 * count, count, pause)
            take_over(replica)
            await eventually(lambda: b.cluster.connected and a.cluster.connected)
            await flow(emit, 3 * count, count, pause)
            await leaving.come_back(b.port)
            await flow(emit, 4 * count, count, pause)
            last = 5 * count - 1
            await eventually(lambda: settled.has("server", last) and leaving.has("server", last))
            lists = [one.numbers["server"] for one in (settled, leaving)]
            assert lists[0] == [*range(5 * count)]
            assert lists[1] == sorted(set(lists[1]))
            # While the master was dead nothing had an offset: local clients had it at once.
            assert {*lists[0]} - {*lists[1]} <= {*range(2 * count, 3 * count)}


def owns(redis: RedisCluster, node: RedisServer, key: str) -> bool:
    """Return whether a node has the slot of a key."""
    return redis.owner(slot_of(key)) is node


def replicated(node: RedisServer) -> str:
    """Return up to which place a node has what its master has written, or it has written itself."""
    info = node.command("INFO", "replication")
    assert isinstance(info, bytes)
    return info.decode().partition("master_repl_offset:")[2].split()[0]

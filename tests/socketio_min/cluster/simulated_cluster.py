"""Three members and a Redis in virtual time: real adapters and links, sockets that note.

What must hold, whatever happens to the members' ways to Redis:

- A socket gets an event at most once, and those of one sender in order.
- A socket gets nothing for a room that it is not in at that moment.
- Every question ends in its time; who answered a question has got it, once.
- An event that is sent while everybody is connected reaches all who stay in its room.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from random import Random
from typing import Any, Literal, NamedTuple

from socketio_min import AcknowledgementTimeout, Handshake, Server
from socketio_min.cluster.adapter import AckCallback
from socketio_min.cluster.redis import RedisAdapter
from socketio_min.cluster.redis.address import Address
from socketio_min.cluster.redis.link import Link
from tests.hostile.virtual_time import VirtualLoop
from tests.socketio_min.cluster.simulated_redis import SimulatedRedis

NAMES = ("one", "two", "three")
ROOMS = ("red", "blue")
# Seconds after which everything that was under way has come, or has been given up.
LONG = 60.0
# Seconds that no run takes: links ping for ever, so that a question without an end gives none.
END = 3_600.0
# A question's timeout, and what its end may take beyond: nothing in virtual time.
ASK_TIMEOUT = 3.0

Action = Literal["emit", "join", "leave", "ask", "fetch", "gather", "swallow", "heal", "cut", "die"]


class Step(NamedTuple):
    """What a member does or suffers, in which room, and the milliseconds until the next step."""

    action: Action
    member: int
    room: int
    wait: int


class ClusterLoop(VirtualLoop):
    """A loop whose connections go to the simulated Redis; a host is the name of who connects."""

    redis: SimulatedRedis

    async def create_connection(  # type: ignore[override]
        self, make: Any, host: Any = None, *_: Any, **__: Any
    ) -> Any:
        return await self.redis.connect(make, host)


class NotingSocket:
    """A socket that notes what it is sent, and answers what it is asked after a moment."""

    writable = True
    handshake = Handshake({}, "", "", False, False, 0, "", {}, {})

    def __init__(self, member: Member, name: str) -> None:
        self.id = name
        self.out = self
        self.data: dict[str, Any] = {}
        self.got: dict[str, list[int]] = defaultdict(list)
        self.asked: list[int] = []
        self._member = member
        self._answers: dict[int, AckCallback] = {}

    @property
    def rooms(self) -> frozenset[str]:
        return frozenset(self._member.adapter.socket_rooms(self.id))

    def send(self, packet: Any) -> None:
        ack_id, event, room, sender, number = read(packet)
        assert not room or room in self.rooms, f"{self.id} is not in {room}"
        if event == "n":
            self.got[sender].append(number)
            return
        self.asked.append(number)
        delay = self._member.chance.uniform(0.0, 0.2)
        self._member.loop.call_later(delay, self._answer, ack_id, number)

    def _answer(self, ack_id: int, number: int) -> None:
        answer = self._answers.pop(ack_id, None)
        if answer is not None:
            answer([[self.id, number]])

    def expect(self, ack_id: int, answer: AckCallback) -> None:
        self._answers[ack_id] = answer

    def expect_no_more(self, ack_id: int) -> None:
        self._answers.pop(ack_id, None)

    def join(self, rooms: Sequence[str]) -> None:
        self._member.adapter.add_all(self.id, rooms)

    def leave(self, rooms: Sequence[str]) -> None:
        for room in rooms:
            self._member.adapter.delete(self.id, room)

    def disconnect(self, *, close: bool = False) -> None:
        raise AssertionError("nobody is disconnected")


def read(packet: str) -> tuple[int, str, str, str, int]:
    """Return the acknowledgement id, -1 for none, and the values of an event."""
    digits = packet[2 : packet.index("[")]
    event, room, sender, number = json.loads(packet[2 + len(digits) :])
    return int(digits or -1), event, room, sender, number


class Member:
    """A server without clients of its own kind: an adapter, its link, and two sockets."""

    def __init__(self, loop: ClusterLoop, name: str, chance: Random) -> None:
        self.loop = loop
        self.name = name
        self.chance = chance
        self.link = Link(Address(hosts=((name, 6379),)))
        self.io = Server(adapter=lambda namespace: RedisAdapter(namespace, self.link))
        found = self.io.adapter
        assert isinstance(found, RedisAdapter)
        self.adapter = found
        self.sockets = [NotingSocket(self, f"{name} {number}") for number in range(2)]
        for socket in self.sockets:
            self.io.sockets[socket.id] = socket  # type: ignore[assignment]
            self.adapter.add_all(socket.id, (socket.id, ROOMS[0]))


class Simulation:
    """A run: the steps one after the other, then everything heals and is looked at."""

    def __init__(self, loop: ClusterLoop, seed: int) -> None:
        self.loop = loop
        chance = Random(seed)
        self.redis = loop.redis = SimulatedRedis(loop, chance)
        self.members = [Member(loop, name, chance) for name in NAMES]
        self.calm = True
        self._numbers = itertools.count()
        self._questions: list[asyncio.Task[None]] = []
        # What was emitted to whom before any fault: sender, room, number.
        self._certain: list[tuple[str, str, int]] = []
        self._moved: set[str] = set()

    @property
    def sockets(self) -> list[NotingSocket]:
        return [socket for member in self.members for socket in member.sockets]

    async def run(self, steps: Sequence[Step]) -> None:
        await asyncio.gather(*(member.adapter.start() for member in self.members))
        for step in steps:
            self._do(step)
            await asyncio.sleep(step.wait / 1000)
        for name in NAMES:
            self.redis.heal(name)
        self.redis.up = True
        await asyncio.sleep(LONG)
        assert all(member.link.status.connected for member in self.members)
        await self._last()
        self._check()
        await asyncio.gather(*(member.adapter.close() for member in self.members))

    async def _last(self) -> None:
        """Everybody sends to all, and asks all: now nothing is missing."""
        for socket in self.sockets:
            socket.asked.clear()
        for member in self.members:
            self._emit(member, "", certain=True)
            self._ask(member, "", whole=True)
        await asyncio.gather(*self._questions)
        await asyncio.sleep(LONG)

    def _do(self, step: Step) -> None:
        member = self.members[step.member]
        room = ("", *ROOMS)[step.room]
        socket = member.sockets[step.wait % 2]
        if step.action == "emit":
            self._emit(member, room, certain=self.calm)
        elif step.action == "ask":
            self._ask(member, room, whole=False)
        elif step.action == "join":
            self._move(socket.join, socket.id, room)
        elif step.action == "leave":
            self._move(socket.leave, socket.id, room)
        elif step.action == "gather":
            self._moved |= {f"{one.id} {room}" for one in self.sockets}
            if room:
                member.io.sockets_join(room)
        elif step.action == "fetch":
            self._questions.append(self.loop.create_task(self._fetch(member)))
        else:
            self.calm = False
            self._fault(step.action, member.name)

    def _fault(self, action: Action, name: str) -> None:
        if action == "swallow":
            self.redis.partitioned.add(name)
        elif action == "heal":
            self.redis.heal(name)
            self.redis.up = True
        elif action == "cut":
            self.redis.cut(name)
        else:
            self.redis.die()

    def _move(self, act: Callable[[Sequence[str]], None], socket: str, room: str) -> None:
        if room:
            self._moved.add(f"{socket} {room}")
            act((room,))

    def _emit(self, member: Member, room: str, *, certain: bool) -> None:
        number = next(self._numbers)
        if certain:
            self._certain.append((member.name, room, number))
        everybody = member.io.to(room) if room else member.io.except_([])
        everybody.emit("n", room, member.name, number)

    def _ask(self, member: Member, room: str, *, whole: bool) -> None:
        self._questions.append(self.loop.create_task(self._question(member, room, whole=whole)))

    async def _question(self, member: Member, room: str, *, whole: bool) -> None:
        number = next(self._numbers)
        operator = member.io.to(room) if room else member.io.except_([])
        started = self.loop.time()
        try:
            answers = await operator.timeout(ASK_TIMEOUT).call("ask", room, member.name, number)
        except AcknowledgementTimeout as error:
            answers = error.responses
            assert not whole, "not all answered though everybody is connected"
        assert self.loop.time() <= started + ASK_TIMEOUT + 1e-6, "a question took too long"
        names = [name for name, asked in answers if asked == number]
        assert len(names) == len(answers) == len(set(names)), "an answer came twice, or a wrong one"
        for socket in self.sockets:
            assert (socket.id in names) <= (socket.asked.count(number) == 1)
        if whole:
            assert sorted(names) == sorted(socket.id for socket in self.sockets)

    async def _fetch(self, member: Member) -> None:
        started = self.loop.time()
        try:
            found = await member.io.timeout(ASK_TIMEOUT).fetch_sockets()
        except AcknowledgementTimeout as error:
            found = error.responses
        assert self.loop.time() <= started + ASK_TIMEOUT + 1e-6, "fetching took too long"
        ids = [socket.id for socket in found]
        assert len(ids) == len(set(ids)), "a socket was fetched twice"
        assert {socket.id for socket in member.sockets} <= set(ids)

    def _check(self) -> None:
        for socket in self.sockets:
            for sender, numbers in socket.got.items():
                assert numbers == sorted(set(numbers)), f"{socket.id} got {numbers} of {sender}"
            assert len(socket.asked) == len(set(socket.asked)), f"{socket.id} was asked twice"
            for sender, room, number in self._certain:
                stayed = f"{socket.id} {room}" not in self._moved
                if stayed and (room in socket.rooms or not room) and self.calm_for(number):
                    assert number in socket.got[sender], f"{socket.id} has not got {number}"
        for member in self.members:
            assert member.adapter._pending == {}, "a question is still waited for"
            assert not member.link._waiting

    def calm_for(self, number: int) -> bool:
        """Return whether no fault can have met an event: all was calm, or is calm again."""
        return self.calm or number >= self._certain[-len(NAMES)][2]


def simulate(steps: Sequence[Step], seed: int) -> None:
    """Run a simulation to its end.

    Raises:
        AssertionError: something did not hold.
        TimeoutError: something is waited for that does not come.
    """
    loop = ClusterLoop()
    failures: list[str] = []
    loop.set_exception_handler(
        lambda _, context: failures.append(f"{context['message']} {context.get('exception')!r}")
    )
    try:
        loop.run_until_complete(asyncio.wait_for(Simulation(loop, seed).run(steps), END))
        assert not failures, failures
        assert asyncio.all_tasks(loop) == set()
    finally:
        loop.run_until_complete(_end_tasks(loop))
        loop.close()


async def _end_tasks(loop: ClusterLoop) -> None:
    """End what a run that has failed has left."""
    tasks = asyncio.all_tasks(loop) - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)

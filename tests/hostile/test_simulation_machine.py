"""A whole server in virtual time, driven by hypothesis: anything, in any order, and faults.

Invariants, after each step: both sides of the rooms tell the same and agree with a model; what is
counted is what is there; whatever can expire is watched, and nothing else; no request is forgotten;
each client has got what its sockets were sent, in order, and the handlers what it sent; the honest
client has all its answers. At the end nothing is left, neither in the server nor in a log.
"""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from tests.effort import EFFORT, examples
from tests.hostile.simulation import steps
from tests.hostile.simulation.application import METHODS, NAMESPACES, ROOMS
from tests.hostile.simulation.client import Client
from tests.hostile.simulation.world import World
from tests.hostile.stage import recording
from tests.hostile.virtual_time import VirtualLoop

# It covers nothing that others do not, and counting would make it twice as slow.
pytestmark = pytest.mark.no_cover

transports = st.sampled_from(["websocket", "polling"])
namespaces = st.sampled_from(NAMESPACES)
numbers = st.integers(0, steps.MOST_CLIENTS - 1)
details = st.integers(0, 299)


class SimulatedServer(RuleBasedStateMachine):
    """The honest client is the first one: nothing is done to it."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = VirtualLoop()
        self.recording = recording()
        self.records = self.recording.__enter__()
        self.world: World
        self.honest: Client

    @initialize(
        transport=transports, max_handlers=st.sampled_from([1, 4, 128]), asynchronous=st.booleans()
    )
    def begin(self, transport: str, max_handlers: int, asynchronous: bool) -> None:
        async def make() -> World:
            return World(self.loop, max_handlers=max_handlers, asynchronous=asynchronous)

        self.world = self.loop.run_until_complete(make())
        self.honest = steps.arrive(self.world, transport, "/")
        self.pass_time(6)

    def client(self, number: int) -> Client:
        others = self.world.clients[1:][-steps.MOST_CLIENTS :]
        return others[number % len(others)]

    def namespace(self, client: Client, number: int) -> str:
        joined = [*client.joined] or ["/"]
        return joined[number % len(joined)]

    @rule(transport=transports, namespace=namespaces)
    def arrive(self, transport: str, namespace: str) -> None:
        if namespace == "/broken":
            namespace = "/chat"
        steps.arrive(self.world, transport, namespace)

    @precondition(lambda self: len(self.world.clients) > 1)
    @rule(number=numbers, namespace=namespaces)
    def join_namespace(self, number: int, namespace: str) -> None:
        steps.join_namespace(self.client(number), namespace)

    @precondition(lambda self: len(self.world.clients) > 1)
    @rule(
        number=numbers,
        event=st.sampled_from(steps.EVENTS),
        detail=details,
        ack=st.booleans(),
        times=st.sampled_from([1, 1, 2, 9]),
    )
    def emit(self, number: int, event: str, detail: int, ack: bool, times: int) -> None:
        client = self.client(number)
        for _ in range(times):
            steps.emit(self.world, client, self.namespace(client, detail), event, detail, ack)

    @rule(namespace=namespaces, kind=st.sampled_from(steps.SPEECHES), first=details, second=details)
    def speak(self, namespace: str, kind: str, first: int, second: int) -> None:
        steps.speak(self.world, namespace, kind, first, second)

    @precondition(lambda self: len(self.world.clients) > 1)
    @rule(number=numbers, turns=st.lists(st.integers(0, 9), max_size=3))
    def upgrade(self, number: int, turns: list[int]) -> None:
        """With messages in both directions at any moment of it."""
        client = self.client(number)
        if client.can_upgrade and not client.over:
            client.upgrade()
            for detail in turns:
                self.loop.run_until_complete(self.world.turns(detail))
                namespace = self.namespace(client, detail)
                steps.emit(self.world, client, namespace, "put", detail, ack=True)
                steps.speak(self.world, namespace, "all", detail, detail)

    @precondition(lambda self: len(self.world.clients) > 1)
    @rule(number=numbers, detail=details, how=st.sampled_from(steps.WAYS))
    def leave(self, number: int, detail: int, how: str) -> None:
        client = self.client(number)
        steps.leave(client, self.namespace(client, detail), how)

    @precondition(lambda self: len(self.world.clients) > 1)
    @rule(number=numbers, how=st.sampled_from(steps.DISTURBANCES))
    def disturb(self, number: int, how: str) -> None:
        steps.disturb(self.client(number), how)

    @precondition(lambda self: len(self.world.clients) > 1)
    @rule(number=numbers, detail=details)
    def misbehave(self, number: int, detail: int) -> None:
        steps.misbehave(self.client(number), detail % 30)

    @precondition(lambda self: len(self.world.clients) > 1)
    @rule(number=numbers, detail=details, close=st.booleans(), asked=st.booleans())
    def dismiss(self, number: int, detail: int, close: bool, asked: bool) -> None:
        client = self.client(number)
        if asked:
            steps.say_goodbye(self.world, client, self.namespace(client, detail), close)
        else:
            steps.dismiss(self.world, client, close)

    @precondition(lambda self: len(self.world.clients) > 1)
    @rule(number=numbers)
    def flood(self, number: int) -> None:
        steps.flood(self.world, self.client(number))

    @rule(method=st.sampled_from([*METHODS, "connect", "disconnecting", "disconnect", "filter"]))
    def break_something(self, method: str) -> None:
        self.world.faults.planned.add(method)

    @rule(seconds=st.sampled_from(steps.PAUSES))
    def pass_time(self, seconds: float) -> None:
        self.loop.run_until_complete(self.world.advance(seconds))

    @rule(seconds=st.sampled_from(steps.PAUSES), turns=st.integers(0, 4))
    def stand_still(self, seconds: float, turns: int) -> None:
        self.loop.run_until_complete(self.world.stand_still(seconds, turns))

    @invariant()
    def everything_is_as_it_should_be(self) -> None:
        self.loop.run_until_complete(self.world.settle())
        if self.honest.joined:
            self.honest.emit("/", "blob", *self.blob(), ack=True)
            self.loop.run_until_complete(self.world.settle())
        self.world.check()
        assert len(self.honest.answers) == sum(map(len, self.honest.sent.values()))

    def blob(self) -> tuple[int, bytes]:
        number = next(self.world.numbers)
        self.honest.sent[self.honest.joined["/"]].append(number)
        return number, ROOMS[number % len(ROOMS)].encode()

    def teardown(self) -> None:
        try:
            if hasattr(self, "world"):
                self.loop.run_until_complete(self.world.finish(self.records))
        finally:
            self.recording.__exit__(None, None, None)
            self.loop.close()


TestSimulatedServer = SimulatedServer.TestCase
TestSimulatedServer.settings = settings(
    max_examples=examples(15), stateful_step_count=40, derandomize=EFFORT == 1
)

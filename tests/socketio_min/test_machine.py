"""A whole server and several clients, driven at random, against a naive model of rooms.

Invariants: after every step both sides of the room registry tell the same and agree with the
model; every client receives exactly the broadcasts that the model predicts, in order; and when
all have gone there are no sockets, rooms, clients, sessions, deadlines and tasks left.
"""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from socketio_min import MemoryAdapter, Server, Socket
from tests.effort import examples
from tests.socketio_min.serving import Transport, serving
from tests.socketio_min.wire import Client
from tests.waiting import until

ROOMS = ("red", "green", "blue")
MOST_CLIENTS = 5
rooms = st.sampled_from(ROOMS)
some_rooms = st.lists(rooms, max_size=2)
selections = st.none() | some_rooms
numbers = st.integers(0, MOST_CLIENTS - 1)


class Member:
    """A client, its socket, and what the model says of them."""

    def __init__(self, client: Client, socket: Socket) -> None:
        self.client = client
        self.socket = socket
        self.rooms: set[str] = set()
        self.expected: list[str] = []


class ServerAgainstModel(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.io = Server()
        self.context = serving(self.io)
        self.net = self.runner.run(self.context.__aenter__())
        self.members: list[Member] = []
        self.sent = 0

    def member(self, number: int) -> Member:
        return self.members[number % len(self.members)]

    @precondition(lambda self: len(self.members) < MOST_CLIENTS)
    @rule(transport=st.sampled_from(["websocket", "polling"]))
    def connect(self, transport: Transport) -> None:
        self.members.append(Member(*self.runner.run(self.net.join(transport=transport))))

    @precondition(lambda self: self.members)
    @rule(number=numbers, names=some_rooms)
    def join(self, number: int, names: list[str]) -> None:
        member = self.member(number)
        member.socket.join(names)
        member.rooms |= set(names)

    @precondition(lambda self: self.members)
    @rule(number=numbers, name=rooms)
    def leave_room(self, number: int, name: str) -> None:
        member = self.member(number)
        member.socket.leave(name)
        member.rooms.discard(name)

    @rule(selected=selections, left_out=some_rooms, names=some_rooms, leaving=st.booleans())
    def move_many(
        self, selected: list[str] | None, left_out: list[str], names: list[str], leaving: bool
    ) -> None:
        operator = self.io.except_(left_out)
        if selected is not None:
            operator = operator.to(selected)
        if leaving:
            operator.sockets_leave(names)
        else:
            operator.sockets_join(names)
        for member in self.receivers(selected, left_out):
            member.rooms = member.rooms - set(names) if leaving else member.rooms | set(names)

    @rule(selected=selections, left_out=some_rooms, sender=st.none() | numbers)
    def emit(self, selected: list[str] | None, left_out: list[str], sender: int | None) -> None:
        self.sent += 1
        receivers = self.receivers(selected, left_out)
        if sender is None or not self.members:
            operator = self.io.except_(left_out)
        else:
            member = self.member(sender)
            operator = member.socket.except_(left_out)
            receivers = [receiver for receiver in receivers if receiver is not member]
        if selected is not None:
            operator = operator.to(selected)
        self.on_loop(operator.emit, "x", self.sent)
        for receiver in receivers:
            receiver.expected.append(f'42["x",{self.sent}]')

    @precondition(lambda self: self.members)
    @rule(number=numbers)
    def emit_to_one(self, number: int) -> None:
        self.sent += 1
        member = self.member(number)
        self.on_loop(self.io.to(member.socket.id).emit, "x", self.sent)
        member.expected.append(f'42["x",{self.sent}]')

    @precondition(lambda self: self.members)
    @rule(number=numbers)
    def receive(self, number: int) -> None:
        self.runner.run(self.check_received(self.member(number)))

    @precondition(lambda self: self.members)
    @rule(number=numbers, how=st.sampled_from(["41", "leave", "server", "close"]))
    def disconnect(self, number: int, how: str) -> None:
        member = self.member(number)
        self.members.remove(member)
        self.runner.run(self.end(member, how))

    async def end(self, member: Member, how: str) -> None:
        if how in ("41", "leave"):
            await self.check_received(member)
            if how == "41":
                # The answer to a second CONNECT tells that the first socket is gone.
                await member.client.send("41")
                sid = await member.client.join()
                self.members.append(Member(member.client, self.io.sockets[sid]))
            else:
                await member.client.leave()
        else:
            member.socket.disconnect(close=how == "close")
            await member.client.expect(*member.expected, "41")
            if how == "close":
                assert await member.client.rest() == []
        assert member.socket.id not in self.io.sockets or how == "leave"
        await until(lambda: not member.socket.connected)

    def on_loop(self, function: Any, *args: Any) -> None:
        async def call() -> None:
            function(*args)

        self.runner.run(call())

    def receivers(self, selected: list[str] | None, left_out: list[str]) -> list[Member]:
        """Return who is meant: without a selection everybody, with an empty one nobody."""
        return [
            member
            for member in self.members
            if (selected is None or member.rooms & set(selected))
            and not member.rooms & set(left_out)
        ]

    async def check_received(self, member: Member) -> None:
        await member.client.expect(*member.expected)
        await member.client.nothing_more()
        member.expected.clear()

    @invariant()
    def rooms_are_symmetric_and_as_in_the_model(self) -> None:
        adapter = self.io.adapter
        assert isinstance(adapter, MemoryAdapter)
        registry = adapter.rooms
        for name in ROOMS:
            members = {member.socket.id for member in self.members if name in member.rooms}
            assert set(registry.members(name)) == members
        for member in self.members:
            assert set(registry.rooms(member.socket.id)) == {member.socket.id, *member.rooms}
            assert set(registry.members(member.socket.id)) == {member.socket.id}
        assert set(registry.select()) == set(self.io.sockets)
        assert len(self.io.sockets) == len(self.members)

    def teardown(self) -> None:
        async def finish() -> None:
            for member in self.members:
                await self.check_received(member)
            await self.context.__aexit__(None, None, None)

        with self.runner:
            self.runner.run(finish())


TestServerAgainstModel = ServerAgainstModel.TestCase
TestServerAgainstModel.settings = settings(
    max_examples=examples(15), stateful_step_count=25, derandomize=True
)

"""The simulated world: a server, its network, its clients, and what must hold between steps.

Everything runs on a loop in virtual time, and all chance comes from one seed, so a run that failed
fails again.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import random
import traceback
from bisect import bisect
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from engineio_min.http.connection import HttpConnection
from engineio_min.timer import Timer
from engineio_min.transports.departure import Departure
from engineio_min.transports.polling import Polling
from socketio_min import Limits, MemoryAdapter, Namespace, Server, Socket
from socketio_min.server.dynamic import DynamicNamespace
from tests.hostile.simulation.application import (
    Failure,
    Faults,
    FaultyAdapter,
    Ledger,
    allow,
    attach,
)
from tests.hostile.simulation.client import Client
from tests.hostile.simulation.network import READ_SIZE, Link
from tests.hostile.simulation.shares import Shares
from tests.hostile.stage import Records
from tests.hostile.virtual_time import VirtualLoop

# A server that is busy for more turns than this, with nobody sending, spins.
MOST_TURNS = 200_000
# Longer than every deadline of the server and every wait of its application together.
LONG = 400.0


class World:
    """A server and who is connected to it; made and used while its loop runs."""

    def __init__(
        self,
        loop: VirtualLoop,
        *,
        seed: int = 0,
        fault_probability: float = 0.0,
        max_handlers: int = 128,
        max_message: int = 100_000,
        asynchronous: bool = True,
    ) -> None:
        self.loop = loop
        self.ledger = Ledger()
        chance = random.Random(seed)
        self.faults = Faults(chance, fault_probability)
        self.io = Server(
            adapter=lambda namespace: FaultyAdapter(namespace, self.faults),
            limits=Limits(max_handlers=max_handlers),
            max_connections_per_address=100_000,
            max_http_buffer_size=max_message,
            allow_request=allow if asynchronous else None,
        )
        attach(self.io, self.ledger, chance, self.faults)
        http = self.http = self.io.engine.http
        http.loop = loop
        http.timer = Timer(loop)
        http.mount(self.io.engine)
        self.io.engine.start()
        self.clients: list[Client] = []
        self.numbers = itertools.count()
        self._connections = itertools.count()
        self.failures: list[str] = []
        self.shares = Shares(loop, self.failures.append)
        # Tasks are cancelled, so events may be lost on their way to their handlers.
        self.lossy = False
        # Called first at each check.
        self.watch: Callable[[], None] = lambda: None
        # How much of the ledger was found right so far, by socket.
        self._checked: Counter[str] = Counter()
        self._arrived: Counter[str] = Counter()
        self._position: Counter[str] = Counter()
        loop.set_exception_handler(self._failed)

    def _failed(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        where = "".join(traceback.format_exception(error)) if error is not None else ""
        self.failures.append(f"{context.get('message')}\n{where}")

    def connect(self, arrived: Callable[[Link], object]) -> Link:
        """A new connection."""
        # Some come over TLS, where no direction can be closed alone.
        half_closes = next(self._connections) % 4 != 3
        return Link(self.loop, HttpConnection(self.http), arrived, half_closes=half_closes)

    def client(self, transport: str) -> Client:
        """A new client."""
        client = Client(self, transport)
        self.clients.append(client)
        return client

    # -- time

    async def settle(self) -> None:
        """Until nothing is left to do at this moment."""
        for _ in range(MOST_TURNS):
            await asyncio.sleep(0)
            if self.loop.idle:
                return
        raise AssertionError("the server does not come to rest")

    async def advance(self, seconds: float) -> None:
        """Time passes."""
        await asyncio.sleep(seconds)
        await self.settle()

    async def turns(self, number: int) -> None:
        """Only a little of what is to be done now."""
        for _ in range(number):
            await asyncio.sleep(0)

    async def stand_still(self, seconds: float, turns: int) -> None:
        """The loop stops as the next deadline comes, some turns later, for a while.

        What was sent before is in the kernel, whole, when it goes on.
        """
        due = self.io.engine.timer._queue.next_deadline() - self.loop.time()
        if 0 < due < LONG:
            await asyncio.sleep(due)
        await self.turns(turns)
        for client in self.clients:
            for link in client.links:
                link.slice = READ_SIZE
        self.loop.jump(seconds)
        await self.settle()

    # -- what must hold

    @property
    def namespaces(self) -> Iterator[Namespace]:
        yield from self.io.namespaces.values()
        for dynamic in self.io._dynamic:
            assert isinstance(dynamic, DynamicNamespace)
            yield from dynamic.children.values()

    def namespace(self, name: str) -> Namespace | None:
        """The namespace of that name, if it exists: `Server.of` would make it."""
        return next((space for space in self.namespaces if space.name == name), None)

    def socket(self, namespace: str, identity: str) -> Socket | None:
        """A socket, if the server still has it."""
        space = self.namespace(namespace)
        return None if space is None else space.sockets.get(identity)

    def check(self) -> None:
        """The invariants, at a moment when nothing is left to do."""
        self.watch()
        assert not self.failures, "\n".join(self.failures)
        self._check_rooms()
        self._check_clients()
        self._check_deadlines()
        self._check_requests()
        for client in self.clients:
            self._check_ledger(client)

    def _check_rooms(self) -> None:
        """Who is in a room is in the room's list, and the other way round, and both are right."""
        for namespace in self.namespaces:
            adapter = namespace.adapter
            assert isinstance(adapter, MemoryAdapter)
            registry = adapter.rooms
            rooms, members = registry.names(), list(registry._rooms)
            pairs = {(room, one) for room in rooms for one in registry.members(room)}
            assert pairs == {(room, one) for one in members for room in registry.rooms(one)}
            assert all(map(registry.members, rooms))
            assert set(members) == set(namespace.sockets)
            for identity in members:
                expected = {identity, *self.ledger.rooms.get(identity, ())}
                assert set(registry.rooms(identity)) == expected

    def _check_clients(self) -> None:
        """What is counted for a client is what is there."""
        io = self.io
        open_sockets = {socket.id for space in self.namespaces for socket in space.sockets.values()}
        known = set()
        for client in io.connections:
            sockets: list[Socket] = [*client.peer.joined.values(), *(client.deciding or ())]
            known |= {socket.id for socket in sockets}
            assert client.connection.sid in io.engine.sessions
            turns = client._turns
            acks_due = sum(socket.pending_acks for socket in sockets)
            if turns is None:
                assert not acks_due
                assert not client.connection.paused
                continue
            waiting = len(turns._queue or ())
            assert turns.acks_due == acks_due
            assert turns.full or not waiting
            assert turns.paused == (turns.in_flight - acks_due + waiting >= io.limits.max_handlers)
            assert turns.paused == client.connection.paused
            assert turns.behind == waiting + turns.paused
        assert open_sockets <= known
        assert len(io.connections) == len(io.engine.sessions)
        assert not len(io.engine.flushes)

    def _check_deadlines(self) -> None:
        """Everything that can expire is watched, and not too late; nothing else is."""
        now = self.loop.time()
        engine = self.io.engine
        entries = engine.timer._queue._entries
        for connection in engine.sessions.values():
            assert entries[connection.session][0] <= connection.session.deadline
        for timer in (engine.timer, self.http.timer):
            for owner, entry in timer._queue._entries.items():
                assert entry[0] <= owner.deadline
            assert timer._queue.next_deadline() > now - 1
        assert len(engine.timer) <= 4 * len(engine.sessions) + len(engine.departing) + len(
            self.http.connections
        )

    def _check_requests(self) -> None:
        """Every request that is not answered is somebody's."""
        engine = self.io.engine
        pollings = {
            connection.carrier
            for connection in engine.sessions.values()
            if isinstance(connection.carrier, Polling)
        }
        waiting: set[object] = {
            one._exchange for one in engine.departing.values() if isinstance(one, Departure)
        }
        for polling in pollings:
            waiting |= {polling._parked, polling._posting, polling._deferred}
        lonely = 0
        for transport in self.http.connections:
            protocol = transport.get_protocol()
            if isinstance(protocol, HttpConnection) and protocol.current is not None:
                lonely += protocol.current not in waiting
        assert lonely <= engine.deciding + len(self.http._tasks)

    def _check_ledger(self, client: Client) -> None:
        """Nothing is lost, doubled or out of order."""
        ledger = self.ledger
        at_rest = client.healthy and client.transport_at_rest
        for identity, events in client.received.items():
            sent = ledger.sent[identity]
            checked = self._checked[identity]
            # What was right once stays so.
            assert events[checked:] == sent[checked : len(events)]
            self._checked[identity] = len(events)
            if at_rest and identity in client.joined.values():
                assert len(events) == len(sent)
            # Coroutine handlers start in the order of their events as well.
            arrived = self._arrived[identity]
            for number in () if self.lossy else ledger.received[identity][arrived:]:
                assert number == next(self._due(client, identity), None)
                self._position[identity] = bisect(client.sent[identity], number)
                self._arrived[identity] += 1
        for answer in client.answers.values():
            assert not answer or isinstance(answer[0], int)

    def _due(self, client: Client, identity: str) -> Iterator[int]:
        """The events of a client that are still to reach their handlers, in order."""
        due = client.sent[identity][self._position[identity] :]
        return (number for number in due if number not in self.ledger.dropped)

    # -- the end

    async def finish(self, records: Records) -> None:
        """All clients go, their time passes, the server closes: nothing may be left."""
        self.faults.planned.clear()
        for client in self.clients:
            for link in client.links:
                if link.stalled:
                    link.reset()
        await self.advance(LONG)
        self.check()
        # The waits of all handlers are over.
        assert not self.io.handler_tasks
        assert not any(socket.pending_acks for socket in self.ledger.met)
        for client in self.clients:
            if client.healthy and not self.lossy:
                for identity in client.joined.values():
                    assert list(self._due(client, identity)) == []
            client.faulty = True
        self._check_answers()
        for number, client in enumerate(self.clients):
            if number % 3 == 0:
                client.close()
            elif number % 3 == 1:
                client.end()
            else:
                for link in client.links:
                    link.reset()
        await self.advance(LONG)
        self.check()
        assert not any(self.left().values()), self.left()
        self._check_ends()
        await self.close(records)

    async def close(self, records: Records) -> None:
        """The server closes; nothing was lost on the way that only a log would tell."""
        await self.io.close()
        await self.settle()
        gc.collect()
        await self.settle()
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert not self.failures, "\n".join(self.failures)
        unexpected = [
            f"{record.getMessage()}: {record.exc_info[1]!r}"
            for record in records.records
            if record.exc_info and not isinstance(record.exc_info[1], Failure)
        ]
        assert not unexpected, unexpected

    def left(self) -> dict[str, int]:
        """What the server still keeps."""
        io = self.io
        return {
            "sessions": len(io.engine.sessions),
            "departing": len(io.engine.departing),
            "connections": len(self.http.connections),
            "clients": len(io.connections),
            "sockets": sum(len(namespace.sockets) for namespace in self.namespaces),
            "rooms": sum(map(_members, self.namespaces)),
            "children": sum(len(dynamic.children) for dynamic in io._dynamic),
            "deciding": sum(namespace.deciding for namespace in self.namespaces),
            "handlers": len(io.handler_tasks),
            "requests": io.engine.deciding + len(self.http._tasks),
            "held": io.engine.account.held,
            "quotas": len(io.engine.quotas),
            "deadlines": len(io.engine.timer) + len(self.http.timer),
            "pending acknowledgements": sum(socket.pending_acks for socket in self.ledger.met),
        }

    def _check_answers(self) -> None:
        """What the server took for answered was asked and answered; what a client took for done was
        done.
        """
        asked = set().union(*[client.questions for client in self.clients])
        assert {number for _, number in self.ledger.answered} <= asked

    def _check_ends(self) -> None:
        """Each socket that was welcomed was told of its end, once."""
        for client in self.clients:
            for identity in client.received:
                assert self.ledger.ends[identity] == ["disconnecting", "disconnect"]
        for events in self.ledger.ends.values():
            assert events == ["disconnecting", "disconnect"]


def _members(namespace: Namespace) -> int:
    assert isinstance(namespace.adapter, MemoryAdapter)
    return len(namespace.adapter.rooms._rooms)

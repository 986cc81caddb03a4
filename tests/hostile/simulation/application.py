"""The application of the simulated server: handlers of every kind, and a ledger of what they did.

Some of them fail, some take minutes, some wait for the client. The ledger is what the invariants
compare: what each socket was sent and has sent, its rooms, and how often it was told of its end.
"""

from __future__ import annotations

import asyncio
import random
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

from engineio_min import Request, Response
from socketio_min import (
    AcknowledgementTimeout,
    ConnectionRefused,
    Disconnected,
    DynamicNamespace,
    MemoryAdapter,
    Namespace,
    Server,
    Socket,
)
from socketio_min.cluster.adapter import AckCallback, BroadcastOptions, FetchedSocket

ROOMS = ("red", "green", "blue")
NAMESPACES = ("/", "/chat", "/room-1", "/room-2", "/refused", "/broken", "/unknown")
# What fails on purpose.
Failure = RuntimeError


class Ledger:
    """What happened on the server's side, by socket id."""

    def __init__(self) -> None:
        self.sent: dict[str, list[list[Any]]] = defaultdict(list)
        self.received: dict[str, list[int]] = defaultdict(list)
        # Events that were told not to reach their handler.
        self.dropped: set[int] = set()
        self.rooms: dict[str, set[str]] = defaultdict(set)
        self.ends: dict[str, list[str]] = defaultdict(list)
        # Sockets whose `connect` handler was called.
        self.met: list[Socket] = []
        # Questions that a client's acknowledgement has answered.
        self.answered: list[tuple[str, int]] = []
        self.calls: Counter[str] = Counter()


class FaultyAdapter(MemoryAdapter):
    """An adapter whose cluster is not always there.

    It fails before it does anything, but for the end of a socket: that fails after it was done here
    and could not be told to the others.
    """

    __slots__ = ("_faults",)

    def __init__(self, namespace: Namespace, faults: Faults) -> None:
        super().__init__(namespace)
        self._faults = faults

    def add_all(self, socket_id: str, rooms: Iterable[str]) -> None:
        self._faults.maybe("add_all")
        super().add_all(socket_id, rooms)

    def delete(self, socket_id: str, room: str) -> None:
        self._faults.maybe("delete")
        super().delete(socket_id, room)

    def delete_all(self, socket_id: str) -> None:
        super().delete_all(socket_id)
        self._faults.maybe("delete_all")

    def broadcast(self, args: Sequence[Any], options: BroadcastOptions) -> None:
        self._faults.maybe("broadcast")
        super().broadcast(args, options)

    def broadcast_with_ack(
        self,
        args: Sequence[Any],
        options: BroadcastOptions,
        client_count: Callable[[int, str], None],
        acknowledged: AckCallback,
    ) -> Callable[[], None]:
        self._faults.maybe("broadcast_with_ack")
        return super().broadcast_with_ack(args, options, client_count, acknowledged)

    async def fetch_sockets(self, options: BroadcastOptions) -> Sequence[FetchedSocket]:
        await asyncio.sleep(0.001)
        self._faults.maybe("fetch_sockets")
        return await super().fetch_sockets(options)

    def socket_rooms(self, socket_id: str) -> Collection[str]:
        self._faults.maybe("socket_rooms")
        return super().socket_rooms(socket_id)


METHODS = (
    "add_all",
    "delete",
    "delete_all",
    "broadcast",
    "broadcast_with_ack",
    "fetch_sockets",
    "socket_rooms",
)


class Faults:
    """When what the server leans on fails: once on demand, and by chance."""

    def __init__(self, chance: random.Random, probability: float) -> None:
        self.planned: set[str] = set()
        self._chance = chance
        self._probability = probability

    def maybe(self, name: str) -> None:
        if name in self.planned:
            self.planned.remove(name)
            raise Failure(name)
        if self._probability and self._chance.random() < self._probability:
            raise Failure(name)


def attach(io: Server, ledger: Ledger, chance: random.Random, faults: Faults) -> None:
    """Give the server all its namespaces."""
    chat = io.of("/chat")
    namespaces: list[Namespace | DynamicNamespace] = [io, chat, io.of(re.compile(r"^/room-\d$"))]
    for namespace in namespaces:
        _handle(namespace, ledger, faults)

    @io.use
    async def admit(_socket: Socket) -> None:
        await asyncio.sleep(chance.choice([0, 0, 0.01, 5]))

    # The namespace where nothing is on its shortest way.
    @chat.on_any
    def count(_socket: Socket, event: str, *_args: Any) -> None:
        ledger.calls[event] += 1

    @chat.use_event
    async def filter_event(_socket: Socket, _event: str, args: list[Any]) -> None:
        try:
            await asyncio.sleep(0)
            faults.maybe("filter")
        except (Failure, asyncio.CancelledError):
            ledger.dropped.add(args[0])
            raise

    @io.of("/refused").use
    async def refuse(_socket: Socket) -> None:
        await asyncio.sleep(0.01)
        raise ConnectionRefused

    @io.of
    def broken(name: str, _auth: Any) -> bool:
        if name == "/broken":
            raise Failure("the predicate")
        return False

    async def route(_request: Request) -> Response:
        await asyncio.sleep(chance.choice([0, 1]))
        return Response(200, b"slow")

    io.engine.http.route("/slow", route)


async def allow(_request: Request) -> None:
    """Each handshake waits for a turn of the loop."""
    await asyncio.sleep(0)


def _handle(namespace: Namespace | DynamicNamespace, ledger: Ledger, faults: Faults) -> None:
    @namespace.on("connect")
    async def connect(socket: Socket) -> None:
        ledger.met.append(socket)
        await asyncio.sleep(0)
        faults.maybe("connect")

    @namespace.on("disconnecting")
    def disconnecting(socket: Socket, _reason: str) -> None:
        ledger.ends[socket.id].append("disconnecting")
        # Its rooms go in a moment.
        ledger.rooms.pop(socket.id, None)
        faults.maybe("disconnecting")

    @namespace.on("disconnect")
    async def disconnect(socket: Socket, _reason: str) -> None:
        ledger.ends[socket.id].append("disconnect")
        await asyncio.sleep(0.01)
        faults.maybe("disconnect")

    @namespace.on_any_outgoing
    def outgoing(socket: Socket, *event: Any) -> None:
        if socket.state != "disconnected":
            ledger.sent[socket.id].append(list(event))

    @namespace.on("put")
    def put(socket: Socket, number: int, *_args: Any) -> int:
        ledger.received[socket.id].append(number)
        faults.maybe("put")
        return number

    @namespace.on("work")
    async def work(socket: Socket, number: int, seconds: float) -> int:
        ledger.received[socket.id].append(number)
        await asyncio.sleep(seconds)
        faults.maybe("work")
        return number

    @namespace.on("blob")
    def blob(socket: Socket, number: int, data: bytes) -> tuple[int, bytes]:
        ledger.received[socket.id].append(number)
        return number, data

    @namespace.on("join")
    def join(socket: Socket, number: int, room: str) -> None:
        ledger.received[socket.id].append(number)
        socket.join(room)
        if socket.state != "disconnected":
            ledger.rooms[socket.id].add(room)

    @namespace.on("leave")
    def leave(socket: Socket, number: int, room: str) -> None:
        ledger.received[socket.id].append(number)
        socket.leave(room)
        ledger.rooms[socket.id].discard(room)

    @namespace.on("shout")
    def shout(socket: Socket, number: int, room: str) -> None:
        ledger.received[socket.id].append(number)
        socket.to(room).emit("news", number, "x" * (number % 1_000))

    @namespace.on("ask")
    async def ask(socket: Socket, number: int) -> None:
        ledger.received[socket.id].append(number)
        try:
            answer = await socket.call("question", number, timeout=5)
        except (AcknowledgementTimeout, Disconnected):
            return
        assert answer == number
        ledger.answered.append((socket.id, number))

    @namespace.on("ask all")
    async def ask_all(socket: Socket, number: int, room: str) -> int:
        ledger.received[socket.id].append(number)
        try:
            answers = await socket.namespace.to(room).timeout(3).call("question", number)
        except AcknowledgementTimeout as error:
            answers = error.responses
        assert set(answers) <= {number}
        return len(answers)

    @namespace.on("drain")
    async def drain(socket: Socket, number: int) -> int:
        ledger.received[socket.id].append(number)
        socket.emit("news", number, b"a" * 2_000)
        await socket.drained()
        return len(await socket.namespace.fetch_sockets())

    @namespace.on("fail")
    async def fail(socket: Socket, number: int) -> None:
        ledger.received[socket.id].append(number)
        await asyncio.sleep(0)
        raise Failure("as it was asked to")

    @namespace.on("bye")
    def bye(socket: Socket, number: int, close: bool) -> None:
        ledger.received[socket.id].append(number)
        socket.disconnect(close=close)

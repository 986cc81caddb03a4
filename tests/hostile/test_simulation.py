"""A whole server in virtual time, with clients in memory and faults at every turn.

Invariant: whatever order handshakes, packets, nonsense, broadcasts, stalls, resets and time come
in, a client that behaves keeps its session and gets its answers in order; and when all have gone
and their time has passed, nothing is left: sessions, clients, sockets, rooms on either side,
deadlines, handlers, half-received bytes. A seed that fails once fails always.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import re
from typing import Any

import pytest

from engineio_min.http import HttpConnection
from engineio_min.timer import Timer
from socketio_min import Limits, MemoryAdapter, Server, Socket
from tests.engineio_min.wire import HANDSHAKE, encode_frame, encode_request
from tests.hostile.memory import MemoryTransport
from tests.hostile.stage import POLLING, WEBSOCKET, recording
from tests.hostile.virtual_time import VirtualLoop

STEPS = 400
NONSENSE = [b"", b"\0", b"\xff" * 20, b"GET / HTTP/1.1\r\n\r\n", b"\x81\x80\0\0\0\0", b"\x81"]
PACKETS = [b"2", b"6", b"40", b"41", b"42", b'42["echo",1]', b"451-[]", b"9", b"43[]", b"\xff"]


def application(io: Server, chance: random.Random) -> None:
    """Handlers of every kind, some of which fail or take their time."""

    @io.on("echo")
    def echo(_socket: Socket, *args: Any) -> tuple[Any, ...]:
        return args

    @io.on("slow")
    async def slow(socket: Socket, room: str) -> str:
        await asyncio.sleep(chance.uniform(0, 60))
        if socket.connected:
            socket.join(room)
        return room

    @io.on("shout")
    def shout(socket: Socket, room: str) -> None:
        socket.to(room).emit("news", "x" * chance.randrange(2_000))

    @io.on("ask")
    async def ask(socket: Socket) -> None:
        await socket.call("question", timeout=5)

    @io.on("fail")
    async def fail(_socket: Socket) -> None:
        await asyncio.sleep(0)
        raise ValueError("as it was asked to")

    @io.use
    async def admit(_socket: Socket) -> None:
        await asyncio.sleep(chance.choice([0, 0, 1, 30]))


class Honest:
    """A client on a WebSocket that answers its pings and checks the order of its answers."""

    def __init__(self, io: Server) -> None:
        self.transport = MemoryTransport(HttpConnection(io.engine.http))
        self.transport.receive(encode_request("GET", WEBSOCKET, HANDSHAKE))
        self.transport.receive(encode_frame(1, b"40"))
        self.sent = 0
        self.answered: list[int] = []
        self.joined = False

    def step(self) -> None:
        """Read what came, answer it, and send one event more."""
        data = bytes(self.transport.sent)
        self.transport.sent.clear()
        for found in re.finditer(rb'43(\d+)\[|\x81\x012|40\{"sid"', data):
            if found[0] == b"\x81\x012":
                self.transport.receive(encode_frame(1, b"3"))
            elif found[1] is None:
                self.joined = True
            else:
                self.answered.append(int(found[1]))
        assert not self.transport.ended, "an honest client lost its session"
        if self.joined:
            self.transport.receive(encode_frame(1, b'42%d["echo"]' % self.sent))
            self.sent += 1


class Hostile:
    """A connection that does anything."""

    def __init__(self, io: Server, chance: random.Random) -> None:
        self.transport = MemoryTransport(HttpConnection(io.engine.http))
        self.chance = chance
        target = chance.choice([POLLING, WEBSOCKET, WEBSOCKET, WEBSOCKET, "/"])
        headers = HANDSHAKE if target == WEBSOCKET else {}
        self.send(encode_request("GET", target, headers))
        if target == WEBSOCKET:
            self.send(encode_frame(1, b"40"))

    def send(self, data: bytes) -> None:
        """All of it, or a part, in pieces of any size."""
        if self.chance.random() < 0.1:
            data = data[: self.chance.randrange(len(data) + 1)]
        while data and not self.transport.ended:
            size = self.chance.choice([1, 7, len(data)])
            self.transport.receive(data[:size])
            data = data[size:]

    def step(self, sid: str) -> None:
        chance = self.chance
        kind = chance.randrange(9)
        if kind < 3:
            name = chance.choice(["slow", "shout", "ask", "fail", "echo"])
            room = chance.choice(["a", "b"])
            self.send(encode_frame(1, f'42{chance.randrange(9)}["{name}","{room}"]'.encode()))
        elif kind == 3:
            self.send(encode_frame(chance.choice([0, 1, 2, 8, 9]), chance.choice(PACKETS)))
        elif kind == 4:
            self.send(chance.choice(NONSENSE))
        elif kind == 5:
            header = b'451-["echo",{"_placeholder":true,"num":0}]'
            self.send(encode_frame(1, header) + encode_frame(2, b"abc"))
        elif kind == 6:
            method, body = chance.choice([("GET", None), ("POST", b"40"), ("POST", b"1")])
            self.send(encode_request(method, f"{POLLING}&sid={sid}", {}, body))
        elif kind == 7:
            # A reset, or silence from now on.
            self.lose(chance.choice([None, ConnectionResetError("reset")]))
        else:
            self.send(encode_frame(1, b"3"))

    def lose(self, error: Exception | None) -> None:
        if not self.transport.lost:
            self.transport.lose(error)


async def simulate(seed: int) -> float:
    """One run; returns how many seconds it simulated."""
    chance = random.Random(seed)
    loop = asyncio.get_running_loop()
    io = Server(
        limits=Limits(max_handlers=chance.choice([1, 4, 128])),
        max_buffered=chance.choice([1_000, 1_048_576]),
    )
    application(io, chance)
    http = io.engine.http
    http.loop = loop
    http.timer = Timer(loop)
    http.mount(io.engine)
    io.engine.start()

    honest = Honest(io)
    crowd: list[Hostile] = []
    for _ in range(STEPS):
        if not crowd or chance.random() < 0.2:
            crowd.append(Hostile(io, chance))
        sids = list(io.engine.sessions) or ["none"]
        attacker = chance.choice(crowd)
        if not attacker.transport.lost:
            attacker.step(chance.choice(sids[1:] or ["none"]))
        if chance.random() < 0.05:
            io.emit("news", "y" * chance.randrange(5_000))
        await asyncio.sleep(chance.choice([0, 0, 0.01, 1, 10]))
        honest.step()
        check_rooms(io)
    for _ in range(5):
        await asyncio.sleep(0.1)
        honest.step()
    assert honest.answered == sorted(honest.answered)
    assert len(honest.answered) > STEPS // 2

    for attacker in crowd:
        attacker.lose(None)
    honest.transport.lose()
    await asyncio.sleep(200)
    adapter = io.adapter
    assert isinstance(adapter, MemoryAdapter)
    left = {
        "sessions": len(io.engine.sessions),
        "departing": len(io.engine.departing),
        "connections": len(http.connections),
        "clients": len(io.clients),
        "sockets": len(io.sockets),
        "members": len(adapter.rooms.select()),
        "handlers": len(io._tasks),
        "half received": io.engine.budget.held,
        "deadlines": len(io.engine.timer) + len(http.timer),
    }
    assert left == dict.fromkeys(left, 0)
    await io.close()
    return loop.time()


def check_rooms(io: Server) -> None:
    """Who is in a room is in the room's list, and the other way round."""
    adapter = io.adapter
    assert isinstance(adapter, MemoryAdapter)
    registry = adapter.rooms
    members, rooms = registry._members, registry._rooms
    assert {(room, one) for room in members for one in registry.members(room)} == {
        (room, one) for one in rooms for room in registry.rooms(one)
    }
    assert set(io.sockets) <= set(itertools.chain(rooms))


@pytest.mark.parametrize("seed", range(20))
def test_a_server_in_virtual_time(seed: int) -> None:
    loop = VirtualLoop()
    try:
        with recording() as records:
            seconds = loop.run_until_complete(simulate(seed))
        assert seconds > 500
        unexpected = [
            record.getMessage()
            for record in records.records
            if record.exc_info and "the handler of" not in record.getMessage()
        ]
        assert unexpected == []
        assert asyncio.all_tasks(loop) == set()
    finally:
        loop.close()


def test_a_seed_gives_the_same_run_again() -> None:
    times = []
    for _ in range(2):
        loop = VirtualLoop()
        try:
            times.append(loop.run_until_complete(simulate(3)))
        finally:
            loop.close()
    assert times[0] == times[1]

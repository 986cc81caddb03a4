"""A Redis in memory and the network to it, in virtual time: what a link sends and gets are bytes.

Each connection has a latency, drawn for each piece of bytes, that never lets one piece overtake
another. A partition swallows both directions: what was on its way is gone with the connection, as
when a machine dies, or comes late, as when TCP sends it again.
"""

from __future__ import annotations

import asyncio
import fnmatch
from collections import deque
from collections.abc import Callable
from random import Random
from typing import Any

import hiredis

from tests.hostile.virtual_time import VirtualLoop

OK = b"+OK\r\n"


def bulk(value: bytes) -> bytes:
    return b"$%d\r\n%s\r\n" % (len(value), value)


def push(*parts: bytes) -> bytes:
    return b">%d\r\n" % len(parts) + b"".join(map(bulk, parts))


class Wire(asyncio.Transport):
    """One connection to Redis: the transport of the client's end, and what Redis does for it."""

    def __init__(self, redis: SimulatedRedis, protocol: asyncio.Protocol, name: str) -> None:
        super().__init__()
        self.name = name
        self.channels: set[bytes] = set()
        self.patterns: set[bytes] = set()
        self._redis = redis
        self._protocol = protocol
        self._parser = hiredis.Reader(notEnoughData=Ellipsis)
        self._closed = False
        # When the last piece in each direction arrives, and what is on its way, in order: timers of
        # the same time may come in any.
        self._last = {"to Redis": 0.0, "back": 0.0}
        self._way: dict[str, deque[Callable[[], None]]] = {"to Redis": deque(), "back": deque()}
        self._held: deque[Callable[[], None]] = deque()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """There is no buffer to limit."""

    def write(self, data: Any) -> None:
        if not self._closed:
            self._later("to Redis", self._arrive, bytes(data))

    def _later(self, way: str, function: Callable[..., None], *args: Any) -> None:
        loop = self._redis.loop
        due = max(self._last[way], loop.time() + self._redis.latency())
        self._last[way] = due
        self._way[way].append(lambda: function(*args))
        loop.call_at(due, self._pass, way)

    def _pass(self, way: str) -> None:
        arrive = self._way[way].popleft()
        if self.name in self._redis.partitioned or self._held:
            self._held.append(arrive)
        else:
            arrive()

    def heal(self) -> None:
        """Bring what was swallowed."""
        while self._held:
            self._held.popleft()()

    def _arrive(self, data: bytes) -> None:
        if self not in self._redis.wires:
            return
        self._parser.feed(data)
        while (command := self._parser.gets()) is not Ellipsis:
            self._redis.execute(self, command)

    def reply(self, data: bytes) -> None:
        """Send bytes to the client."""
        self._later("back", self._deliver, data)

    def _deliver(self, data: bytes) -> None:
        if not self._closed:
            self._protocol.data_received(data)

    def close(self) -> None:
        self.abort()

    def abort(self) -> None:
        if not self._closed:
            self._closed = True
            self._redis.wires.discard(self)
            self._redis.loop.call_soon(self._protocol.connection_lost, None)

    def is_closing(self) -> bool:
        return self._closed


class SimulatedRedis:
    """Redis' publish and subscribe. `partitioned` are the names of who cannot reach it."""

    def __init__(self, loop: VirtualLoop, chance: Random, most_latency: float = 0.2) -> None:
        self.loop = loop
        self.wires: set[Wire] = set()
        self.partitioned: set[str] = set()
        self.up = True
        self._chance = chance
        self._most_latency = most_latency
        # The order in which wires are served must not hang on their addresses.
        self._order: list[Wire] = []

    def latency(self) -> float:
        return self._chance.uniform(0.0, self._most_latency)

    async def connect(self, make: Callable[[], asyncio.Protocol], name: str) -> tuple[Any, Any]:
        """Connect as the event loop does for a link; the host of the address is its name."""
        await asyncio.sleep(self.latency())
        if name in self.partitioned:
            # Swallowed: whoever connects has a timeout.
            await asyncio.Event().wait()
        if not self.up:
            raise ConnectionRefusedError("Redis is down")
        protocol = make()
        wire = Wire(self, protocol, name)
        self.wires.add(wire)
        self._order.append(wire)
        protocol.connection_made(wire)
        return wire, protocol

    def die(self) -> None:
        """Stop, and forget everything."""
        self.up = False
        for wire in self._order:
            wire.abort()
        self._order.clear()

    def cut(self, name: str) -> None:
        """Reset the connections of one."""
        for wire in self._order:
            if wire.name == name:
                wire.abort()

    def heal(self, name: str) -> None:
        """End a partition."""
        self.partitioned.discard(name)
        for wire in self._order:
            if wire.name == name:
                wire.heal()

    # -- commands

    def execute(self, wire: Wire, command: list[bytes]) -> None:
        """Do what a command says, and answer it."""
        name, *args = command
        getattr(self, f"_{name.decode().lower()}")(wire, *args)

    def _hello(self, wire: Wire, _version: bytes) -> None:
        wire.reply(b"%0\r\n")

    def _ping(self, wire: Wire) -> None:
        wire.reply(b"+PONG\r\n")

    def _subscribe(self, wire: Wire, channel: bytes) -> None:
        wire.channels.add(channel)
        wire.reply(push(b"subscribe", channel, b"1"))

    def _unsubscribe(self, wire: Wire, channel: bytes) -> None:
        wire.channels.discard(channel)
        wire.reply(push(b"unsubscribe", channel, b"1"))

    def _psubscribe(self, wire: Wire, pattern: bytes) -> None:
        wire.patterns.add(pattern)
        wire.reply(push(b"psubscribe", pattern, b"1"))

    def _punsubscribe(self, wire: Wire, pattern: bytes) -> None:
        wire.patterns.discard(pattern)
        wire.reply(push(b"punsubscribe", pattern, b"1"))

    def _publish(self, wire: Wire, channel: bytes, message: bytes) -> None:
        receivers = 0
        for one in [one for one in self._order if one in self.wires]:
            if channel in one.channels:
                receivers += 1
                one.reply(push(b"message", channel, message))
            for pattern in sorted(one.patterns):
                if fnmatch.fnmatchcase(channel.decode(), pattern.decode()):
                    receivers += 1
                    one.reply(push(b"pmessage", pattern, channel, message))
        wire.reply(b":%d\r\n" % receivers)

    def _pubsub(self, wire: Wire, what: bytes, name: bytes) -> None:
        present = [channel for one in self.wires for channel in one.channels]
        if what == b"NUMSUB":
            wire.reply(b"*2\r\n" + bulk(name) + b":%d\r\n" % present.count(name))
        else:
            found = {one for one in present if fnmatch.fnmatchcase(one.decode(), name.decode())}
            wire.reply(b"*%d\r\n" % len(found) + b"".join(map(bulk, sorted(found))))

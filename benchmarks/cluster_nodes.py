"""What a broadcast costs a node of a cluster: on the node that publishes, and on one that receives.

Two nodes of one kind share a Redis. The one publishes, 100 events of 100 bytes in a turn of its
loop; as many clients as are asked for are in the room, on one of the two. Each node tells the CPU
that it has used, so what the clients and Redis take is not in its figure.
"""

from __future__ import annotations

import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol, TypeVar

from benchmarks.frames import frame
from benchmarks.generator import ROOT
from benchmarks.resilience_crowd import HANDSHAKE, Crowd, Peer

PATIENCE = 60.0
ROUNDS = 3
KINDS = {
    "this": (sys.executable, "-m", "benchmarks.servers.cluster"),
    "Node.js": ("node", "benchmarks/js/cluster.mjs"),
}


class Closable(Protocol):
    """What is to be closed in the end."""

    def close(self) -> None:
        """Close it."""


Resource = TypeVar("Resource", bound=Closable)


class Redis:
    """A Redis of the system's packages."""

    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self._port = int(probe.getsockname()[1])
        self._folder = tempfile.mkdtemp()
        command = ["redis-server", "--save", "", "--port", str(self._port), "--bind", "127.0.0.1"]
        self._process = subprocess.Popen(
            [*command, "--dir", self._folder], stdout=subprocess.DEVNULL
        )
        self.url = f"redis://127.0.0.1:{self._port}"
        ends = time.monotonic() + PATIENCE
        while time.monotonic() < ends:
            try:
                socket.create_connection(("127.0.0.1", self._port)).close()
            except ConnectionRefusedError:
                time.sleep(0.01)
            else:
                return
        raise RuntimeError("Redis does not start")

    @property
    def seconds(self) -> float:
        """Return the CPU that it has used."""
        return seconds_of(self._process.pid)

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        shutil.rmtree(self._folder)


def seconds_of(pid: int) -> float:
    """Return the CPU that the main thread of a process has used."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


class Node:
    """A process that serves, publishes and tells its CPU."""

    def __init__(self, kind: str, adapter: str, redis: str, *options: str) -> None:
        self._process = subprocess.Popen(
            [*KINDS[kind], adapter, redis, *options],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.port = int(self._line().split()[1])

    def tell(self, command: str) -> None:
        """Send a command."""
        assert self._process.stdin is not None
        self._process.stdin.write(command + "\n")
        self._process.stdin.flush()

    def told(self) -> float:
        """Wait until a command is done; return the seconds of CPU so far."""
        return float(self._line())

    def seconds(self) -> float:
        """Return the seconds of CPU so far."""
        self.tell("cpu")
        return self.told()

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("a node has ended; what it wrote says why")
        return line

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


class Members:
    """Clients in a room of a node, which count bytes."""

    def __init__(self, port: int, count: int, room: str) -> None:
        self.received = 0
        self._joined = 0
        self._crowd = Crowd(port)
        for _ in range(count):
            self._crowd.connect(HANDSHAKE, lambda peer: self._join(peer, room))
        self.work(lambda: self._joined == count)

    def _join(self, peer: Peer, room: str) -> None:
        for packet in peer.packets():
            if packet.startswith("0"):
                peer.send(frame("40"))
            elif packet.startswith("40"):
                peer.send(frame(f'420["join","{room}"]'))
            elif packet.startswith("430"):
                self._joined += 1
                peer.arrived = self._count

    def _count(self, peer: Peer) -> None:
        self.received += len(peer.data)
        peer.data = b""

    def turn(self) -> None:
        """Read what is there."""
        self._crowd.turn(0.005)

    def work(self, condition: Callable[[], bool]) -> None:
        """Read until a condition holds."""
        ends = time.monotonic() + PATIENCE
        while not condition():
            if time.monotonic() > ends:
                raise RuntimeError("what was to come did not come in time")
            self.turn()

    def close(self) -> None:
        self._crowd.close()


class Pair:
    """Two nodes of one kind in a cluster, and a client of the second that hears of the end.

    With the adapter `memory` the second node is the first.
    """

    def __init__(self, kind: str, adapter: str, redis: Redis, *options: str) -> None:
        self._stack = ExitStack()
        self._redis = redis
        self.one = self._keep(Node(kind, adapter, redis.url, *options))
        alone = adapter == "memory"
        self.two = self.one if alone else self._keep(Node(kind, adapter, redis.url, *options))
        self._end = self._keep(Members(self.two.port, 1, "end"))

    def _keep(self, resource: Resource) -> Resource:
        self._stack.callback(resource.close)
        return resource

    def cost(self, here: int, there: int, events: int) -> tuple[float, float, float]:
        """Return the microseconds of CPU an event on the publisher, the receiver and in Redis.

        here, there: how many clients of the publisher and of the receiver are in the room.
        """
        members = [
            Members(node.port, count, "room")
            for node, count in ((self.one, here), (self.two, there))
            if count
        ]
        try:
            # Redis has heard of the room, and what compiles has compiled.
            self._publish(events // 2, members)
            rounds = [self._round(events, members) for _ in range(ROUNDS)]
        finally:
            for one in members:
                one.close()
        publisher, receiver, redis = map(statistics.median, zip(*rounds, strict=True))
        return publisher, receiver, redis

    def _round(self, events: int, members: list[Members]) -> tuple[float, float, float]:
        before = self.one.seconds(), self.two.seconds(), self._redis.seconds
        self._publish(events, members)
        after = self.one.seconds(), self.two.seconds(), self._redis.seconds
        one, two, redis = ((b - a) / events * 1e6 for a, b in zip(before, after, strict=True))
        return one, two, redis

    def _publish(self, events: int, members: list[Members]) -> None:
        heard = self._end.received
        self.one.tell(f"publish {events}")
        ends = time.monotonic() + PATIENCE
        while self._end.received == heard:
            if time.monotonic() > ends:
                raise RuntimeError("the last event did not come in time")
            for one in (self._end, *members):
                one.turn()
        self.one.told()

    def close(self) -> None:
        self._stack.close()

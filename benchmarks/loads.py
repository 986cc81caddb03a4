"""The loads, and the targets that are set for some of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from benchmarks.peers import BUN, NEWEST, NODE, PEERS, THIS, Peer

# Those of the generator, in `load/settings.c`.
DEFAULT_CLIENTS = 100


@dataclass(frozen=True, slots=True)
class Load:
    """One load: what the generator is told, and what a unit is."""

    name: str
    title: str
    unit: str
    arguments: tuple[str, ...]
    # Minor servers take part: other hosts of python-socketio, and this on asyncio's own loop.
    minor: bool = False
    # A server that only mirrors can take part.
    bare: bool = False
    only: tuple[str, ...] = ()
    # Fewer rounds, where connecting takes longer than measuring.
    rounds: int | None = None

    @property
    def clients(self) -> int:
        """Return how many clients there are."""
        arguments = self.arguments
        if "--clients" not in arguments:
            return DEFAULT_CLIENTS
        return int(arguments[arguments.index("--clients") + 1])

    def peers(self) -> list[Peer]:
        """Return the servers that take part."""
        if self.only:
            return [peer for peer in PEERS if peer.name in self.only]
        return [
            peer
            for peer in PEERS
            if (not peer.bare or self.bare) and (not peer.minor or self.minor)
        ]

    def rounds_of(self, peer: Peer, rounds: int) -> int:
        """Return how many of `rounds` a server has under this load."""
        return min(rounds, self.rounds or rounds, peer.rounds or rounds)


# Those with handlers of both kinds.
WITHOUT_PYTHON_SOCKETIO = (NODE, BUN, THIS, NEWEST)
GROWTH = ("echo", "echo-1000", "echo-10000")

LOADS = (
    Load(
        "echo",
        "Echo, 100 clients with 1 message in flight each",
        "round trip",
        ("echo",),
        minor=True,
        bare=True,
    ),
    Load(
        "echo-8",
        "Echo, 100 clients with 8 messages in flight each",
        "round trip",
        ("echo", "--in-flight", "8"),
    ),
    Load(
        "echo-latency",
        "Echo, one client: latency",
        "round trip",
        ("echo", "--clients", "1"),
    ),
    Load(
        "echo-async",
        "Echo, 100 clients, `async` handlers",
        "round trip",
        ("echo", "--event", "amessage"),
        only=WITHOUT_PYTHON_SOCKETIO,
    ),
    Load(
        "echo-8-async",
        "Echo, 100 clients with 8 messages in flight each, `async` handlers",
        "round trip",
        ("echo", "--in-flight", "8", "--event", "amessage"),
        only=WITHOUT_PYTHON_SOCKETIO,
    ),
    Load(
        "ack",
        "Event and acknowledgement, 100 clients",
        "round trip",
        ("ack",),
    ),
    Load(
        "fan-1000",
        "Fan-out to 1,000 members, single broadcasts",
        "delivery",
        ("fan", "--clients", "1000"),
        minor=True,
    ),
    Load(
        "fan-5000",
        "Fan-out to 5,000 members, single broadcasts",
        "delivery",
        ("fan", "--clients", "5000"),
        rounds=1,
    ),
    Load(
        "fan-1000-burst",
        "Fan-out to 1,000 members, bursts of 8 broadcasts",
        "delivery",
        ("fan", "--clients", "1000", "--burst", "8"),
    ),
    Load(
        "chat",
        "Chat: 200 clients in a room, 50 of them send to it",
        "delivery",
        ("chat", "--clients", "200", "--senders", "50"),
    ),
    Load(
        "rooms",
        "Many small rooms: 1,000 clients in rooms of 5, one of each sends",
        "delivery",
        ("chat", "--clients", "1000", "--room-size", "5"),
    ),
    Load(
        "binary-1k",
        "Binary echo of 1 KB, 100 clients",
        "round trip",
        ("binary", "--bytes", "1024"),
    ),
    Load(
        "binary-100k",
        "Binary echo of 100 KB, 10 clients",
        "round trip",
        ("binary", "--bytes", "102400", "--clients", "10"),
    ),
    Load(
        "polling",
        "Long-polling: a POST and the GET that brings its answer, 100 clients",
        "round trip",
        ("polling",),
        minor=True,
    ),
    Load(
        "upgrade",
        "Upgrade: polling handshake to first echo over the WebSocket, 100 at once",
        "upgrade",
        ("upgrade",),
    ),
    Load(
        "connections",
        "Connections: connect, CONNECT reply, close, 50 at once",
        "connection",
        ("connect", "--clients", "50"),
        minor=True,
    ),
    Load(
        "echo-1000",
        "Echo, 1,000 clients with 1 message in flight each",
        "round trip",
        ("echo", "--clients", "1000"),
        rounds=2,
    ),
    Load(
        "echo-10000",
        "Echo, 10,000 clients with 1 message in flight each",
        "round trip",
        ("echo", "--clients", "10000"),
        rounds=1,
    ),
)

# Measured once, on servers started for it. All idle through the same time, because a server's CPU
# clock counts nobody else.
IDLE_WEBSOCKET = Load(
    "idle-websocket",
    "5,000 idle WebSocket connections",
    "connection",
    ("idle", "--clients", "5000"),
    minor=True,
)
IDLE_POLLING = Load(
    "idle-polling",
    "5,000 idle long-polling clients, each with a GET that waits",
    "connection",
    ("idle", "--clients", "5000", "--polling"),
)
IDLE = (IDLE_WEBSOCKET, IDLE_POLLING)


@dataclass(frozen=True, slots=True)
class Target:
    """What is asked of a load: server CPU a unit as a ratio to Node's, or memory."""

    load: str
    title: str
    least: float
    aim: float
    # The same as a ratio to Bun's.
    bun: float | None = None
    # The load whose figure for Node is compared with, where it is another.
    node_load: str = ""
    # What is weighed instead: a connection in KB, or the process before any client came in MB.
    weighed: Literal["", "connection", "process"] = ""


TARGETS = (
    Target("echo", "echo, 1 in flight", 1.7, 2.5, bun=1.15),
    Target("echo-8", "echo, 8 in flight", 3.5, 6, bun=1.3),
    Target("ack", "acknowledgement", 1.6, 2.5, bun=1.1),
    Target("fan-1000", "fan-out to 1,000, single", 1.7, 1.9, bun=1.05),
    Target("fan-1000-burst", "fan-out to 1,000, bursts of 8", 6, 8.5, bun=6),
    Target("chat", "chat", 15, 40, bun=12),
    Target("polling", "polling", 2.5, 3.7, bun=1.7),
    Target("connections", "connections", 3, 8, bun=1.0),
    Target("echo-async", "echo, `async def` handlers", 1.5, 2.3, node_load="echo"),
    Target("idle-websocket", "an idle WebSocket, KB", 3.5, 3, weighed="connection"),
    Target("idle-websocket", "an idle process, MB", 28, 24, weighed="process"),
)

"""Honest clients beside crowds of slow and silent ones."""

from __future__ import annotations

import os
import time

from benchmarks.frames import frame
from benchmarks.resilience_crowd import HANDSHAKE, HEAD, JOIN, PATH, Crowd, Peer
from benchmarks.resilience_run import milliseconds, quantile, serving, wait

HONEST = 100
CROWD = 1_000
# Seconds between an honest client's answer and its next event.
REST = 0.02
# Seconds in which a crowd comes.
ARRIVING = 3.0


class Honest:
    """Clients that send an event, wait for its acknowledgement, rest, and so on."""

    def __init__(self, crowd: Crowd, size: int) -> None:
        self.crowd = crowd
        self.latencies: list[float] = []
        self.lost = 0
        self._sent: dict[Peer, float] = {}
        self._resting: list[tuple[float, Peer]] = []
        self.joined = 0
        for _ in range(size):
            crowd.connect(JOIN, self.arrived)
        wait(crowd, lambda: self.joined == size)

    def arrived(self, peer: Peer) -> None:
        if peer.closed:
            self.lost += 1
            return
        now = time.perf_counter()
        for packet in peer.packets():
            if packet == "2":
                peer.send(frame("3"))
            elif packet.startswith("430"):
                self.latencies.append(now - self._sent.pop(peer))
                self._resting.append((now + REST, peer))
            elif packet.startswith("40"):
                self.joined += 1
                self._resting.append((now + REST * self.joined / HONEST, peer))

    def work(self, seconds: float) -> list[float]:
        """Go on for some time. Return the latencies in it."""
        self.latencies = []
        ends = time.perf_counter() + seconds
        while (now := time.perf_counter()) < ends:
            due = [peer for when, peer in self._resting if when <= now]
            self._resting = [item for item in self._resting if item[0] > now]
            for peer in due:
                self._sent[peer] = time.perf_counter()
                peer.send(frame('420["echo",1]'))
            self.crowd.turn(0.001)
        return self.latencies


def take(_peer: Peer) -> None:
    """Do nothing with what comes."""


class Attack:
    """A crowd of one kind: what it sends first, and what it does once in a while."""

    def __init__(self, port: int, size: int) -> None:
        self.crowd = Crowd(port)
        self.peers = [self.begin() for _ in range(size)]

    def begin(self) -> Peer:
        """Begin one of the clients."""
        return self.crowd.connect(b"", take)

    def go_on(self, peer: Peer) -> None:
        """Do something more, once a second."""

    def turn_away(self, peer: Peer) -> None:
        """Read nothing more of a client that was answered."""
        if not peer.closed:
            self.crowd.ignore(peer)


class SlowHeaders(Attack):
    """A header that comes byte by byte."""

    def begin(self) -> Peer:
        return self.crowd.connect(f"GET {PATH}polling{HEAD}X-Slow: ".encode(), take)

    def go_on(self, peer: Peer) -> None:
        peer.send(b"a")


class Pollers(Attack):
    """Polling sessions that join and then never poll."""

    def begin(self) -> Peer:
        return self.crowd.connect(f"GET {PATH}polling{HEAD}\r\n".encode(), self.opened)

    def opened(self, peer: Peer) -> None:
        """Take note that the session is open; what is left to do is one POST."""
        _, found, rest = peer.data.partition(b'{"sid":"')
        if found and not peer.joined:
            peer.joined = True
            sid = rest.partition(b'"')[0].decode()
            self.post(peer, f"POST {PATH}polling&sid={sid}{HEAD}")

    def post(self, peer: Peer, head: str) -> None:
        """Join; then the room that gets much."""
        body = '40\x1e42["flood me"]'
        peer.send(f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode())


class SlowBodies(Pollers):
    """A POST whose body comes byte by byte."""

    def post(self, peer: Peer, head: str) -> None:
        peer.send(f"{head}Content-Length: 1000\r\n\r\n4".encode())

    def go_on(self, peer: Peer) -> None:
        peer.send(b"a")


class NeverReading(Attack):
    """WebSockets in a room that gets 10 KB a second, which read nothing after joining."""

    def begin(self) -> Peer:
        first = JOIN + frame('42["flood me"]')
        return self.crowd.connect(first, self.turn_away, receive_buffer=4_096)


class HalfOpen(Attack):
    """WebSockets that never say a word after the handshake, as if their machines had lost power."""

    def begin(self) -> Peer:
        return self.crowd.connect(HANDSHAKE, self.turn_away)


ATTACKS: dict[str, type[Attack]] = {
    "slow headers": SlowHeaders,
    "slow bodies": SlowBodies,
    "pollers that never poll": Pollers,
    "WebSockets that never read": NeverReading,
    "half-open connections": HalfOpen,
}


def attack(kind: type[Attack], port: int, size: int) -> int:
    """Begin an attack in a process of its own, so that it costs the honest clients nothing."""
    child = os.fork()
    if child:
        return child
    try:
        running = kind(port, size)
        ends = time.perf_counter() + 120
        while time.perf_counter() < ends:
            for peer in running.peers:
                if not peer.closed:
                    running.go_on(peer)
            pause = time.perf_counter() + 1
            while time.perf_counter() < pause:
                running.crowd.turn(0.1)
    finally:
        os._exit(0)


def beside(loop: str, scale: float) -> list[str]:
    """Measure the latency of honest clients, alone and then beside each crowd."""
    seconds = max(1.0, 10 * scale)
    size = max(1, int(CROWD * scale))
    told = []
    for name, kind in ATTACKS.items():
        with serving(loop) as server:
            crowd = Crowd(server.port)
            honest = Honest(crowd, max(1, int(HONEST * scale)))
            honest.work(1)
            # Just before, so that whatever else the machine does is in both.
            alone = quantile(honest.work(seconds), 0.99)
            child = attack(kind, server.port, size)
            arriving = quantile(honest.work(max(1.0, ARRIVING * scale)), 0.99)
            latencies = honest.work(seconds)
            os.kill(child, 15)
            os.waitpid(child, 0)
            crowd.close()
        p99 = quantile(latencies, 0.99)
        told.append(
            f"{size:,} {name}: p99 {milliseconds(p99)}, {p99 / alone:.2f} times the "
            f"{milliseconds(alone)} alone; {milliseconds(arriving)} while they arrive; "
            f"median {milliseconds(quantile(latencies, 0.5))}, {honest.lost} lost"
        )
    return told

"""Clients that all come back at once, and clients of a loop that stands still."""

from __future__ import annotations

import time

from benchmarks.frames import frame
from benchmarks.resilience_crowd import JOIN, Crowd, Peer
from benchmarks.resilience_run import milliseconds, quantile, serving, wait

HERD = 10_000
WITNESSES = 1_000
STALL = 5.0


class Herd:
    """Clients that join, answer pings, and note how long joining took."""

    def __init__(self, crowd: Crowd) -> None:
        self.crowd = crowd
        self.times: list[float] = []
        self.lost = 0

    def add(self) -> Peer:
        """Add one client."""
        return self.crowd.connect(JOIN, self.arrived)

    def arrived(self, peer: Peer) -> None:
        if peer.closed:
            self.lost += 1
            return
        for packet in peer.packets():
            if packet == "2":
                peer.send(frame("3"))
            elif packet.startswith("40"):
                peer.joined = True
                self.times.append(time.perf_counter() - peer.started)


def herd(loop: str, scale: float) -> list[str]:
    """Let all clients lose their connections at once and come back within one second."""
    size = max(1, int(HERD * scale))
    with serving(loop) as server:
        crowd = Crowd(server.port)
        first = Herd(crowd)
        for _ in range(size):
            first.add()
            crowd.turn(0)
        wait(crowd, lambda: len(first.times) == size)
        crowd.close()
        time.sleep(1)
        server.health()
        crowd = Crowd(server.port)
        again = Herd(crowd)
        began = time.perf_counter()
        for number in range(size):
            # Spread over the second, as random back-off does.
            while (early := began + number / size - time.perf_counter()) > 0:
                crowd.turn(min(early, 0.001))
            again.add()
            if number % 16 == 0:
                crowd.turn(0)
        asked = time.perf_counter() - began
        back = wait(crowd, lambda: len(again.times) + again.lost + crowd.refused >= size)
        all_back = time.perf_counter() - began
        health = server.health()
        crowd.close()
    return [
        f"{size:,} clients ask to come back within {asked:.1f} s",
        f"all are back after {all_back:.1f} s" if back else f"{len(again.times):,} came back",
        f"refused or lost: {crowd.refused + again.lost}",
        f"a client waits {milliseconds(quantile(again.times, 0.5))} (median), "
        f"{milliseconds(quantile(again.times, 0.99))} (p99)",
        f"event loop late by {milliseconds(health['lag_p99'])} (p99), "
        f"{milliseconds(health['lag_max'])} (at most)",
    ]


def stall(loop: str, scale: float) -> list[str]:
    """Block the loop in a handler for longer than a client may take to answer a ping."""
    size = max(1, int(WITNESSES * scale))
    with serving(loop, 2.0, 2.0) as server:
        crowd = Crowd(server.port)
        clients = Herd(crowd)
        for _ in range(size):
            clients.add()
            crowd.turn(0)
        wait(crowd, lambda: len(clients.times) == size)
        time_of = time.perf_counter()
        wait(crowd, lambda: time.perf_counter() - time_of > 3, 4)
        server.health()
        next(iter(crowd.peers.values())).send(frame(f'42["stall",{STALL}]'))
        wait(crowd, lambda: time.perf_counter() - time_of > 3 + STALL + 6, STALL + 10)
        health = server.health()
        crowd.close()
    return [
        f"{size:,} clients, pinged every 2 s and given 2 s to answer; "
        f"the loop stood still for {health['lag_max']:.1f} s",
        f"disconnected: {clients.lost}; {health['sockets']:,} sockets are left",
    ]

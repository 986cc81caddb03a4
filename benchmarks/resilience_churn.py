"""An hour of clients who come and go, as fast as it goes, and what memory they leave."""

from __future__ import annotations

import statistics
import time

from benchmarks.frames import frame
from benchmarks.resilience_crowd import HEAD, JOIN, PATH, Crowd, Peer
from benchmarks.resilience_run import PATIENCE, serving

CHURN_RATE = 50
CHURN = CHURN_RATE * 3_600


class Churn:
    """Clients that come, join, get one answer and go, in every way there is."""

    AT_ONCE = 50

    def __init__(self, crowd: Crowd, total: int) -> None:
        self.crowd = crowd
        self.begun = self.ended = self.served = 0
        self.total = total
        self.kinds: dict[Peer, int] = {}

    def fill(self) -> None:
        """Fill up to as many clients as there may be at once."""
        while self.begun < self.total and self.begun - self.ended < self.AT_ONCE:
            first = JOIN + frame('420["echo",1]')
            if self.begun % 10 == 0:
                first = f"GET {PATH}polling{HEAD}\r\n".encode()
            peer = self.crowd.connect(first, self.arrived)
            self.kinds[peer] = self.begun
            self.begun += 1

    def arrived(self, peer: Peer) -> None:
        number = self.kinds.get(peer)
        if number is None:
            return
        if number % 10 == 0:
            self.poll(peer)
        elif any(packet.startswith("430") for packet in peer.packets()):
            self.leave(peer, number)
        if peer.closed and peer in self.kinds:
            self.end(peer)

    def poll(self, peer: Peer) -> None:
        """Join over polling in one POST, which ends the session with a close packet."""
        _, found, rest = peer.data.partition(b'{"sid":"')
        if peer.joined:
            if peer.data.endswith(b"ok"):
                self.served += 1
                peer.close(reset=True)
                self.end(peer)
        elif found:
            peer.joined = True
            sid = rest.partition(b'"')[0].decode()
            peer.data = b""
            body = '40\x1e420["echo",1]\x1e1'
            head = f"POST {PATH}polling&sid={sid}{HEAD}Content-Length: {len(body)}\r\n\r\n"
            peer.send((head + body).encode())

    def leave(self, peer: Peer, number: int) -> None:
        """Leave with a packet, with a close frame, with nothing, or with a reset."""
        self.served += 1
        if number % 4 == 0:
            peer.send(frame("41"))
        elif number % 4 == 1:
            peer.send(b"\x88\x80\0\0\0\0")
        peer.close(reset=number % 4 == 2)
        self.end(peer)

    def end(self, peer: Peer) -> None:
        """Count one client less."""
        del self.kinds[peer]
        self.ended += 1


def churn(loop: str, scale: float) -> list[str]:
    """Let an hour of people come and go, as fast as it goes."""
    total = max(200, int(CHURN * scale))
    samples: list[tuple[int, int]] = []
    with serving(loop) as server:
        crowd = Crowd(server.port)
        work = Churn(crowd, total)
        began = time.perf_counter()
        step = max(1, total // 36)
        moved = time.perf_counter()
        while work.ended < total and time.perf_counter() - moved < PATIENCE:
            before = work.ended
            work.fill()
            crowd.turn(0.1)
            if work.ended != before:
                moved = time.perf_counter()
            if work.ended // step != before // step:
                samples.append((work.ended, server.resident))
        seconds = time.perf_counter() - began
        crowd.close()
        time.sleep(1)
        health = server.health()
    warm = [sample for sample in samples if sample[0] >= total // 6]
    slope = statistics.linear_regression(*zip(*warm, strict=True)).slope if len(warm) > 2 else 0.0
    mebibyte = 1 << 20
    return [
        f"{work.ended:,} connections in {seconds:.0f} s, {work.ended / seconds:,.0f} a second, "
        f"{work.served:,} served, {crowd.refused} refused",
        f"resident memory {warm[0][1] / mebibyte:.1f} MiB after {warm[0][0]:,} connections, "
        f"{warm[-1][1] / mebibyte:.1f} MiB at the end",
        f"slope {slope * 1000:+.0f} bytes a thousand connections: "
        f"{slope * CHURN_RATE * 600 / mebibyte:+.3f} MiB in ten minutes of {CHURN_RATE} a second",
        "left at the end: "
        + ", ".join(f"{health[name]} {name}" for name in ("sessions", "sockets", "tasks")),
    ]

"""Measures whether a unit costs the same however many clients one process has.

    python -m benchmarks.scale [PART,...]      of echo, fan, ping and rooms

Echo and fan-out at 1,000, 10,000 and 50,000 connections, or as many as the system's limit for open
files allows; a ping and its pong at as many; and small rooms in a server that has 100,000 others.
Only this server, on the distribution's Python: this is about its own growth, and takes four
minutes. Each part writes its rows into `scale.json`, from which the report of performance has them.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import median
from typing import Any

from benchmarks.generator import ROOT, Result, Run, compile_generator
from benchmarks.peers import PYTHONS, THIS, Peer, Running, allow_descriptors

RESULTS = ROOT / "benchmarks" / "scale.json"
# The longest run: 50,000 clients that idle for more than an interval of pings.
RUN_TIMEOUT = 180.0
# A little more than the interval of pings, so that each client gets one.
IDLE_SECONDS = 25.5
COUNTS = (1_000, 10_000, 50_000)
# Descriptors of a process that are no clients' connections.
OTHERS = 1_000
# Clients of the part about rooms, and rooms in which each of them is alone.
MEMBERS = 10_000
ROOMS_OF_A_MEMBER = 10

PLAIN = Peer(THIS, "this", (PYTHONS[THIS], "-m", "benchmarks.servers.this", "uvloop"))
CROWDED = Peer(
    "this-rooms",
    "this, with 100,000 rooms",
    (PYTHONS[THIS], "-m", "benchmarks.servers.rooms", str(ROOMS_OF_A_MEMBER)),
)


@dataclass(frozen=True, slots=True)
class Case:
    """One run: what the generator is told, and what its row is called."""

    part: str
    title: str
    arguments: tuple[str, ...]
    peer: Peer = PLAIN
    rounds: int = 3


def cases() -> Iterator[Case]:
    """Yield all runs; the rows of a part are compared with its first one."""
    busy = ("--seconds", "2", "--warm-up", "0.5")
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1] - OTHERS
    for count in sorted({min(count, most) for count in COUNTS}):
        clients = ("--clients", str(count))
        rounds = 3 if count <= 10_000 else 2
        title = f"{count:,} connections"
        yield Case("echo", title, ("echo", *clients, *busy), rounds=rounds)
        yield Case("fan", title, ("fan", *clients, *busy), rounds=rounds)
        idle = ("idle", *clients, "--seconds", str(IDLE_SECONDS))
        yield Case("ping", title, idle, rounds=1)
    rooms = ("chat", "--clients", str(MEMBERS), "--room-size", "5", *busy)
    yield Case("rooms", "2,000 rooms of 5", rooms, rounds=2)
    yield Case("rooms", "2,000 rooms of 5 among 100,000 others", rooms, CROWDED, rounds=2)


def measure(case: Case, server_core: int | None, core: int | None) -> float:
    """Return the server's CPU time for a unit, or for a ping, in microseconds: the median of the
    rounds.
    """
    costs = []
    for _ in range(case.rounds):
        running = Running(case.peer, server_core)
        try:
            run = Run(case.arguments, running.port, running.pids(), core)
            result = run.result(RUN_TIMEOUT)
        finally:
            running.stop()
        if result.error:
            raise SystemExit(f"scale: {case.part}, {case.title}: {result.error}")
        costs.append(cost_of(case, result))
    return median(costs)


def cost_of(case: Case, result: Result) -> float:
    if case.part != "ping":
        return result.cost
    return 1e6 * result.server_seconds / result.pings if result.pings else float("inf")


def main(arguments: Sequence[str]) -> int:
    chosen = arguments[0].split(",") if arguments else ["echo", "fan", "ping", "rooms"]
    compile_generator()
    allow_descriptors()
    cores: list[int | None] = [*sorted(os.sched_getaffinity(0))]
    server_core, core = cores[:2] if len(cores) > 1 else (None, None)
    known: dict[str, Any] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for part in chosen:
        rows = {}
        for case in cases():
            if case.part == part:
                rows[case.title] = round(measure(case, server_core, core), 2)
                print(f"{part:6} {case.title:40} {rows[case.title]:8.2f} µs", flush=True)
        known[part] = {"date": datetime.now(UTC).strftime("%Y-%m-%d"), "rows": rows}
        RESULTS.write_text(json.dumps(known, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

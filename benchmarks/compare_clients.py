"""Compares this project's client with python-socketio's on the same work, against the same server.

    python -m benchmarks.compare_clients [--rounds N]

Prints a table in Markdown. Both clients use WebSocket and asyncio's own event loop; the server is
this project's, in a process of its own. The figure that counts is events per second of the client's
CPU time: the wall clock also depends on the server. The clients take turns; medians are shown.
`make bench` sets up what the comparison needs.
"""

from __future__ import annotations

import argparse
import json
import socket
import statistics
import subprocess
import sys
import time
from typing import Any

from benchmarks.generator import ROOT
from benchmarks.peers import PEERS_PYTHON

CLIENTS = {
    "socketio-min": [sys.executable, "-m", "benchmarks.clients.this"],
    "python-socketio": [str(PEERS_PYTHON), "-m", "benchmarks.clients.python_socketio"],
}
LOADS = {"echo": 20_000, "acknowledged": 20_000, "receive": 40_000, "trickle": 40_000}
IDLE = 500
TIMEOUT = 120.0


def run(client: str, load: str, port: int, count: int) -> dict[str, Any]:
    """Return what one run took.

    `memory` is a list: at the start, and for the idle load with all connections.
    """
    finished = subprocess.run(
        [*CLIENTS[client], load, f"http://127.0.0.1:{port}", str(count)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=True,
    )
    result: dict[str, Any] = {"memory": []}
    for line in finished.stdout.splitlines():
        fields = json.loads(line)
        if "memory" in fields:
            result["memory"].append(fields["memory"])
        else:
            result.update(fields)
    return result


def measure(port: int, rounds: int) -> list[str]:
    """Measure; return the rows of the table."""
    rows = []
    for load, count in LOADS.items():
        rates: dict[str, list[float]] = {client: [] for client in CLIENTS}
        for _ in range(rounds):
            for client, results in rates.items():
                result = run(client, load, port, count)
                results.append(result["units"] / result["cpu"])
        ours, theirs = (statistics.median(results) for results in rates.values())
        rows.append(
            f"| {load}, events per CPU second | {ours:,.0f} | {theirs:,.0f} | {ours / theirs:.1f} |"
        )
    memory = {}
    for client in CLIENTS:
        before, after = run(client, "idle", port, IDLE)["memory"]
        memory[client] = (after - before) / IDLE / 1000
    ours, theirs = memory.values()
    rows.append(f"| idle connection, KB | {ours:.1f} | {theirs:.1f} | {theirs / ours:.1f} |")
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compare_clients")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each load, 3 by default")
    rounds = parser.parse_args().rounds
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.servers.this", "uvloop", str(port)], cwd=ROOT
    )
    try:
        wait_until_open(port)
        rows = measure(port, rounds)
    finally:
        server.terminate()
        server.wait()
    print("| | " + " | ".join(CLIENTS) + " | ratio |")
    print("|---|---|---|---|")
    print("\n".join(rows))


def wait_until_open(port: int) -> None:
    """Wait, at most ten seconds, for the server."""
    for _ in range(500):
        try:
            with socket.create_connection(("127.0.0.1", port)):
                return
        except OSError:
            time.sleep(0.02)
    raise SystemExit("compare_clients: the server did not start within 10 seconds")


if __name__ == "__main__":
    main()

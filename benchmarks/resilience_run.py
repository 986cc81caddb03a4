"""What the loads of `benchmarks.resilience` share: a server that runs, waiting, and numbers."""

from __future__ import annotations

import json
import os
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.peers import Peer as Program
from benchmarks.peers import Running
from benchmarks.resilience_crowd import Crowd

PATIENCE = 60.0


class Server:
    """A server that runs, and what it tells about itself."""

    def __init__(self, loop: str, ping_interval: float = 25.0, ping_timeout: float = 20.0) -> None:
        module = "benchmarks.resilience_server"
        times = (str(ping_interval), str(ping_timeout))
        program = Program("resilience", "This server", (sys.executable, "-m", module, loop, *times))
        cores = sorted(os.sched_getaffinity(0))
        self._running = Running(program, cores[-1] if len(cores) > 1 else None)
        self.port = self._running.port

    def health(self) -> dict[str, Any]:
        """Return what the server has told since it was last asked."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=30) as answer:
            told: dict[str, Any] = json.load(answer)
        return told

    @property
    def resident(self) -> int:
        """Return the server's resident memory, in bytes."""
        pages = Path(f"/proc/{self._running.pids()[0]}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    def stop(self) -> None:
        """End it."""
        self._running.stop()


@contextmanager
def serving(loop: str, *times: float) -> Iterator[Server]:
    """Run a server for one load."""
    server = Server(loop, *times)
    try:
        yield server
    finally:
        server.stop()


def wait(crowd: Crowd, condition: Callable[[], object], seconds: float = PATIENCE) -> bool:
    """Work until a condition holds. Return False if it does not in time."""
    ends = time.perf_counter() + seconds
    while not condition():
        if time.perf_counter() > ends:
            return False
        crowd.turn(0.01)
    return True


def milliseconds(seconds: float) -> str:
    """Return a time as it is printed."""
    return f"{1000 * seconds:.1f} ms"


def quantile(values: list[float], part: float) -> float:
    """Return the value that this part of all values do not exceed."""
    return sorted(values)[min(len(values) - 1, int(len(values) * part))]

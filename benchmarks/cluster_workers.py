"""What a second worker brings: echoes, connections and memory of one worker and of two.

The machine may have as many cores as workers, and the generator takes its part of them. So beside
the echoes a second stands what each costs in CPU: workers that had a core each would do so many
more as that cost allows and as evenly as the sessions are spread.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from benchmarks.cluster_nodes import Members, seconds_of
from benchmarks.generator import ROOT, Run

CLIENTS = 200
_PAGE = os.sysconf("SC_PAGE_SIZE")
_HANDSHAKE = (
    b"GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
)


@dataclass(frozen=True, slots=True)
class Echo:
    """Echoes a second, microseconds of the workers' CPU each, and each worker's part of that CPU.

    generator: cores that the generator took.
    """

    throughput: float
    cost: float
    parts: list[float]
    generator: float


class Workers:
    """A server of so many workers."""

    def __init__(self, count: int) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = int(probe.getsockname()[1])
        module = "benchmarks.servers.workers"
        command = [sys.executable, "-m", module, str(self.port), str(count)]
        self._process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        if not self._process.stdout.readline():
            raise RuntimeError("the workers do not start")
        self.pids = self._children() if count > 1 else [self._process.pid]

    def _children(self) -> list[int]:
        path = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        return [int(pid) for pid in path.read_text().split()]

    def echo(self, seconds: float) -> Echo:
        """Let clients echo."""
        arguments = ["echo", "--clients", str(CLIENTS), "--seconds", str(seconds)]
        before = [*map(seconds_of, self.pids)]
        result = Run([*arguments, "--warm-up", "0.5"], self.port, self.pids).result(seconds + 60)
        if result.error:
            raise RuntimeError(result.error)
        used = [seconds_of(pid) - start for pid, start in zip(self.pids, before, strict=True)]
        return Echo(
            result.throughput,
            result.cost,
            [one / sum(used) for one in used],
            result.generator_seconds / result.seconds,
        )

    def spread(self, sessions: int) -> list[int]:
        """Return how many of so many new sessions each worker gets."""
        if len(self.pids) == 1:
            return [sessions]
        names: Counter[bytes] = Counter()
        for _ in range(sessions):
            with socket.create_connection(("127.0.0.1", self.port)) as peer:
                peer.sendall(_HANDSHAKE)
                data = b""
                while more := peer.recv(4096):
                    data += more
                names[data.partition(b'"sid":"')[2][:2]] += 1
        return sorted(names.values())

    def memory(self, clients: int) -> float:
        """Return the bytes of all workers' memory that each of so many clients adds."""
        before = sum(map(self._resident, self.pids))
        members = Members(self.port, clients, "room")
        added = sum(map(self._resident, self.pids)) - before
        members.close()
        return added / clients

    def _resident(self, pid: int) -> int:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE

    def close(self) -> None:
        """End all of them."""
        self._process.terminate()
        self._process.communicate()

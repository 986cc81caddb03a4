"""One client at its worst, and what another feels of it: `python -m benchmarks.fairness`.

For each deed a `python -m server` is started, a process beside it commits the deed, and an honest
client asks 50 times a second for `test:ping` and saves a file ten times a second. What it waits
counts from when it meant to send, so that a server that stands still is not asked less. Printed are
the 99th percentile of the pings, the median of the saves, and how much memory the server has taken
at the worst moment.

The deeds are the tables `DEEDS` of `fairness_...`. `--root` is another checkout, to compare.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import fairness_answers, fairness_library, fairness_work
from benchmarks.fairness_wire import PROJECT, Client, Deed, frame
from benchmarks.resilience_run import quantile

DEEDS: tuple[Deed, ...] = (*fairness_library.DEEDS, *fairness_work.DEEDS, *fairness_answers.DEEDS)

ROOT = Path(__file__).resolve().parent.parent
PINGS = 50
SAVES = 10
START_TIMEOUT = 60.0
# Seconds after the deed in which the last answers may come.
GRACE = 20.0

# The rule: seconds, seconds, bytes.
MOST_PING, MOST_SAVE, MOST_MEMORY = 0.1, 0.05, 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Suffered:
    """What the honest client and the server's memory went through. Seconds and bytes."""

    ping_p99: float
    save_p50: float
    memory: int
    lost: int

    @property
    def fair(self) -> bool:
        """Whether the rule held."""
        return (
            self.ping_p99 <= MOST_PING
            and self.save_p50 <= MOST_SAVE
            and self.memory <= MOST_MEMORY
            and not self.lost
        )


class Stream:
    """One kind of event of the honest client, sent at its times whatever comes back."""

    def __init__(self, port: int, text: str, rate: int) -> None:
        self._client = Client(port)
        self._text = text
        self._rate = rate
        self._due: dict[int, float] = {}
        self._next = 0
        self.sock = self._client.sock
        self.waits: list[float] = []
        self.over = False
        self.sock.setblocking(False)
        self._data = b""
        self._begun = time.perf_counter()

    @property
    def due(self) -> float:
        """When the next event is to be sent."""
        return self._begun + self._next / self._rate

    def send(self) -> None:
        """Send an event, if its time has come."""
        if time.perf_counter() < self.due or self.over:
            return
        self._due[self._next] = self.due
        data = frame(f"42{self._next}{self._text}")
        self._next += 1
        self._write(data)

    def _write(self, data: bytes) -> None:
        try:
            # Whoever has a slow network is read in pieces.
            self.sock.sendall(data[:-8])
            time.sleep(0.0005)
            self.sock.sendall(data[-8:])
        except OSError:
            self.over = True

    def read(self) -> None:
        """Take the answers that have come."""
        try:
            data = self.sock.recv(1 << 18)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        self.over = not data
        now = time.perf_counter()
        data = self._data + data
        while len(data) >= 4:
            size, start = data[1], 2
            if size == 126:
                size, start = int.from_bytes(data[2:4], "big"), 4
            if len(data) < start + size:
                break
            packet, data = data[start : start + size], data[start + size :]
            if packet.startswith(b"43"):
                self.waits.append(now - self._due.pop(int(packet[2 : packet.index(b"[")])))
            elif packet == b"2":
                self._write(frame("3"))
        self._data = data

    def end(self) -> list[float]:
        """Leave; return every wait. One without an answer has lasted until now."""
        self.sock.close()
        now = time.perf_counter()
        return self.waits + [now - due for due in self._due.values()]

    @property
    def answered(self) -> bool:
        """Whether nothing is waited for."""
        return self.over or not self._due


class Server:
    """A `python -m server` of a checkout, with an empty data directory."""

    def __init__(self, root: Path, arguments: Sequence[str]) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  it is the process's for as long as that runs
        data = Path(self._folder.name)
        environment = {**os.environ, "PYTHONPATH": str(root), "PYTHONSAFEPATH": "1"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "server", "--port", "0", "--data-dir", str(data), *arguments],
            cwd=root,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        self.port = int(line.rpartition(":")[2] or 0)
        if not self.port:
            self.stop()
            raise SystemExit("the server did not start")
        self._before = self._status("VmRSS")
        # The peak is counted from now on.
        Path(f"/proc/{self._process.pid}/clear_refs").write_text("5")

    def _status(self, name: str) -> int:
        for line in Path(f"/proc/{self._process.pid}/status").read_text().splitlines():
            if line.startswith(name + ":"):
                return int(line.split()[1]) * 1024
        return 0

    def growth(self) -> int:
        """How much memory the process has taken at its worst moment since the start, in bytes."""
        return self._status("VmHWM") - self._before

    def stop(self) -> None:
        """End it."""
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._process.terminate()
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._folder.cleanup()
        self._log.close()


@contextlib.contextmanager
def committing(deed: Deed, port: int) -> Iterator[None]:
    """Commit a deed in a process of its own, so that it costs the honest client nothing."""
    child = os.fork()
    if not child:
        with contextlib.suppress(BaseException):
            # The client that measures is to have a core when it wants one.
            os.nice(5)
            deed.commit(port)
        os._exit(0)
    try:
        yield
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def suffer(deed: Deed, root: Path, seconds: float) -> Suffered:
    """Commit a deed beside an honest client for some time."""
    server = Server(root, deed.arguments)
    try:
        saved = {"path": "honest.txt", "action": "updated", "content": "x" * 1_000}
        streams = [
            Stream(server.port, '["test:ping",{}]', PINGS),
            Stream(
                server.port,
                json.dumps(["file:change", {"projectId": PROJECT, "file": saved}]),
                SAVES,
            ),
        ]
        with committing(deed, server.port):
            _work(streams, time.perf_counter() + seconds, sending=True)
            memory = server.growth()
        _work(streams, time.perf_counter() + GRACE, sending=False)
        pings, saves = (stream.end() for stream in streams)
        lost = sum(stream.over for stream in streams)
        return Suffered(
            quantile(pings, 0.99), quantile(saves, 0.5), max(memory, server.growth()), lost
        )
    finally:
        server.stop()


def _work(streams: list[Stream], ends: float, *, sending: bool) -> None:
    while (now := time.perf_counter()) < ends:
        if not sending and all(stream.answered for stream in streams):
            return
        open_ones = [stream for stream in streams if not stream.over]
        pause = min([stream.due for stream in open_ones], default=ends) - now if sending else 0.05
        readable, _, _ = select.select(
            [stream.sock for stream in open_ones], [], [], max(0.0, min(pause, ends - now))
        )
        for stream in open_ones:
            if stream.sock in readable:
                stream.read()
            if sending:
                stream.send()


def row(name: str, suffered: Suffered) -> str:
    """A line of the table."""
    lost = f", {suffered.lost} cut off" if suffered.lost else ""
    return (
        f"| {name} | {1000 * suffered.ping_p99:,.0f} ms | {1000 * suffered.save_p50:,.0f} ms "
        f"| {suffered.memory / 1e6:,.0f} MB | {'yes' if suffered.fair else 'no'}{lost} |"
    )


def nothing(_port: int) -> None:
    """What the numbers are beside nobody."""


def main(arguments: list[str]) -> None:
    """Commit the deeds that are asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fairness", description=__doc__)
    parser.add_argument("words", nargs="*", metavar="WORD", help="only deeds with one of these")
    parser.add_argument("--seconds", type=float, default=6.0, help="that a deed lasts")
    parser.add_argument("--root", type=Path, default=ROOT, help="the checkout to measure")
    options = parser.parse_args(arguments)
    deeds = [Deed("nothing", nothing), *DEEDS]
    if options.words:
        deeds = [deed for deed in deeds if any(word in deed.name for word in options.words)]
    if not deeds:
        names = "\n".join(deed.name for deed in DEEDS)
        parser.error(f"got {options.words}, expected words of these deeds:\n{names}")
    print("| beside | ping p99 | save p50 | memory | fair |\n|---|---|---|---|---|", flush=True)
    for deed in deeds:
        print(row(deed.name, suffer(deed, options.root, options.seconds)), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])

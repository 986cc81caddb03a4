"""One client at its worst, and what another feels of it: `python -m benchmarks.fairness`.

For each deed a `python -m server` is started and a process beside it makes what the deed needs.
Then an honest client, who is in the project, asks 50 times a second for `test:ping` and saves a
file ten times a second, a second long alone and then beside the deed. What it waits counts from
when it meant to send, so that a server that stands still is not asked less. Printed are the 99th
percentile of the pings and the median of the saves, each alone and beside the deed, and how much
memory the server has taken since its start, at the worst moment of the deed.

The deeds are the tables `DEEDS` of `fairness_...`; a row takes ten seconds at most, and its name
alone measures that one. `--keep` keeps the rows in `fairness.json`, and writes the tables of
docs/security.md anew. `--root` is another checkout, to compare. `--database` is the URL of a
PostgreSQL, whose user may make databases: each row has one of its own there.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import secrets
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlencode

from benchmarks import (
    fairness_answers,
    fairness_files,
    fairness_library,
    fairness_people,
    fairness_results,
    fairness_work,
)
from benchmarks.fairness_honest import Stream
from benchmarks.fairness_wire import Client, Deed, Ground, at_once
from benchmarks.resilience_run import quantile

DEEDS: tuple[Deed, ...] = (
    *fairness_library.DEEDS,
    *fairness_work.DEEDS,
    *fairness_files.DEEDS,
    *fairness_answers.DEEDS,
    *fairness_people.DEEDS,
)

ROOT = Path(__file__).resolve().parent.parent
PINGS = 50
SAVES = 10
# Seconds of the honest client alone, and after the deed, in which the last answers may come.
ALONE, GRACE = 1.0, 2.0
SET_UP_TIMEOUT = 180.0

# The rule: seconds, seconds, bytes.
MOST_PING, MOST_SAVE, MOST_MEMORY = 0.1, 0.05, 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Waits:
    """What the honest client waited for: the worst of its pings and half of its saves. Seconds."""

    ping_p99: float
    save_p50: float


@dataclass(frozen=True, slots=True)
class Suffered:
    """What the honest client and the server's memory went through.

    memory: bytes. lost: how many connections were cut off. said: what the deed found, and whether a
    promise was kept.
    """

    alone: Waits
    beside: Waits
    memory: int
    lost: int
    said: list[tuple[str, bool]]

    @property
    def is_fair(self) -> bool:
        """Return whether the rule held."""
        return (
            self.beside.ping_p99 <= MOST_PING
            and self.beside.save_p50 <= MOST_SAVE
            and self.memory <= MOST_MEMORY
            and not self.lost
            and all(kept for _, kept in self.said)
        )


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

    def forget_peak(self) -> None:
        """Count the peak of the memory from now on."""
        Path(f"/proc/{self._process.pid}/clear_refs").write_text("5")

    def _status(self, name: str) -> int:
        for line in Path(f"/proc/{self._process.pid}/status").read_text().splitlines():
            if line.startswith(name + ":"):
                return int(line.split()[1]) * 1024
        return 0

    def growth(self) -> int:
        """Return how many bytes more than at its start the process had at its peak."""
        return self._status("VmHWM") - self._before

    def stop(self) -> None:
        """End the server."""
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


class Culprit:
    """A process of its own that sets a deed up and commits it: it costs the honest client nothing.

    It sends a line when all is set up, waits for one, and sends a line for each thing to say.
    """

    def __init__(self, deed: Deed, port: int, directory: Path) -> None:
        self._deed = deed
        self._ours, theirs = socket.socketpair()
        self._child = os.fork()
        if not self._child:
            self._ours.close()
            self._live(Ground(port, directory, _saying(theirs)), theirs)
            os._exit(0)
        theirs.close()
        self._ours.settimeout(SET_UP_TIMEOUT)
        if not self._ours.recv(1):
            self.end()
            raise SystemExit(f"{deed.name!r} could not be set up")

    def _live(self, ground: Ground, parent: socket.socket) -> None:
        try:
            commit = self._deed.set_up(ground)
        except Exception:
            traceback.print_exc()
            return
        parent.sendall(b"+")
        parent.recv(1)
        with contextlib.suppress(BaseException):
            # The client that measures is to have a core when it wants one.
            os.nice(5)
            commit(ground.port)

    def commit(self) -> None:
        """Commit the deed from now on."""
        self._ours.sendall(b"+")

    def end(self) -> list[tuple[str, bool]]:
        """End the process; return what it has said."""
        os.kill(self._child, signal.SIGKILL)
        os.waitpid(self._child, 0)
        said = b""
        while received := self._ours.recv(65_536):
            said += received
        self._ours.close()
        return [(line[1:], line[0] == "+") for line in said.decode().splitlines()]


def _saying(parent: socket.socket) -> Callable[[str, bool], None]:
    return lambda text, kept: parent.sendall(f"{'-+'[kept]}{text}\n".encode())


@contextlib.contextmanager
def new_database(url: str | None) -> Iterator[list[str]]:
    """Make a database for one row. Return the server's arguments for it, none without a `url`."""
    if url is None:
        yield []
        return
    import psycopg
    from psycopg.conninfo import conninfo_to_dict

    name = f"fairness_{secrets.token_hex(8)}"
    options = {key: str(value) for key, value in conninfo_to_dict(url).items()}
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
        try:
            yield [f"--database-url=postgresql://?{urlencode({**options, 'dbname': name})}"]
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def suffer(deed: Deed, root: Path, seconds: float, database: str | None = None) -> Suffered:
    """Commit a deed beside an honest client for some time."""
    with tempfile.TemporaryDirectory() as name, new_database(database) as arguments:
        directory = Path(name)
        for number in range(deed.files):
            path = directory / f"{number // 100}" / f"{number}.txt"
            path.parent.mkdir(exist_ok=True)
            path.write_text(f"{number}\n")
        mirrored = ["--workspace", name] if deed.files else []
        server = Server(root, [*arguments, *mirrored])
        try:
            return _suffer(deed, server, directory, seconds)
        finally:
            server.stop()


def _suffer(deed: Deed, server: Server, directory: Path, seconds: float) -> Suffered:
    file = {"path": "honest.txt", "action": "updated", "content": "x" * 1_000}
    save = {"projectId": deed.project, "file": file}
    # Created, that it may be updated.
    client = Client(server.port)
    client.ask("project:join", {"projectId": deed.project, "userId": "honest"})
    client.ask("file:change", {**save, "file": {**file, "action": "created"}})
    client.sock.close()
    culprit = Culprit(deed, server.port, directory)
    try:
        streams = [
            Stream(server.port, deed.project, '["test:ping",{}]', PINGS),
            Stream(server.port, deed.project, json.dumps(["file:change", save]), SAVES),
        ]
        _work(streams, time.perf_counter() + ALONE, sending=True)
        alone = _waits(streams)
        server.forget_peak()
        culprit.commit()
        _work(streams, time.perf_counter() + seconds, sending=True)
        memory = server.growth()
    finally:
        said = culprit.end()
    _work(streams, time.perf_counter() + GRACE, sending=False)
    memory = max(memory, server.growth())
    lost = sum(stream.over for stream in streams)
    for stream in streams:
        stream.sock.close()
    return Suffered(alone, _waits(streams), memory, lost, said)


def _waits(streams: Sequence[Stream]) -> Waits:
    pings, saves = streams
    return Waits(quantile(pings.waits(), 0.99), quantile(saves.waits(), 0.5))


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
    """Return a line of the table."""
    said = [text for text, _ in suffered.said]
    if suffered.lost:
        said.append(f"{suffered.lost} cut off")
    alone, beside = suffered.alone, suffered.beside
    columns = (
        name,
        f"{1000 * alone.ping_p99:,.0f} ms",
        f"{1000 * beside.ping_p99:,.0f} ms",
        f"{1000 * alone.save_p50:,.0f} ms",
        f"{1000 * beside.save_p50:,.0f} ms",
        f"{suffered.memory / 1e6:,.0f} MB",
        ", ".join(["yes" if suffered.is_fair else "no", *said]),
    )
    return f"| {' | '.join(columns)} |"


def kept(suffered: Suffered, load: str) -> fairness_results.Row:
    """Return what is kept of a row."""
    return {
        "ping": round(1_000 * suffered.beside.ping_p99),
        "save": round(1_000 * suffered.beside.save_p50),
        "memory": round(suffered.memory / 1e6),
        "lost": suffered.lost,
        "load": load,
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
    }


def chosen(words: Sequence[str]) -> list[Deed]:
    """Return the deeds of these names, or those that have one of the words in their name."""
    deeds = [at_once("nothing", nothing), *DEEDS]
    named = [deed for deed in deeds if deed.name in words]
    return named or [deed for deed in deeds if any(word in deed.name for word in words)]


def nothing(_port: int) -> None:
    """Do nothing, to have the numbers beside nobody."""


HEAD = (
    "| beside | ping p99, alone | ping p99 | save p50, alone | save p50 | memory | fair |\n"
    "|---|---|---|---|---|---|---|"
)


def main(arguments: list[str]) -> None:
    """Commit the deeds that are asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fairness", description=__doc__)
    parser.add_argument("words", nargs="*", metavar="WORD", help="a deed, or words of some")
    parser.add_argument("--seconds", type=float, default=3.0, help="that a deed lasts")
    parser.add_argument("--keep", action="store_true", help="keep the rows, for the page")
    parser.add_argument("--database", metavar="URL", help="of a PostgreSQL to measure with")
    parser.add_argument("--root", type=Path, default=ROOT, help="the checkout to measure")
    options = parser.parse_args(arguments)
    deeds = chosen(options.words or [""])
    if not deeds:
        names = "\n".join(deed.name for deed in DEEDS)
        parser.error(f"got {options.words}, expected words of these deeds:\n{names}")
    print(HEAD, flush=True)
    for deed in deeds:
        load = f"{os.getloadavg()[0]:.0f}"
        suffered = suffer(deed, options.root, options.seconds, options.database)
        print(row(deed.name, suffered), flush=True)
        if options.keep:
            kind = "postgres" if options.database else "after"
            fairness_results.keep(deed.name, kept(suffered, load), kind)


if __name__ == "__main__":
    main(sys.argv[1:])

"""Measures every server under every load and writes docs/performance.md.

    python -m benchmarks.run [--quick] [--only LOAD,...] [--peers PEER,...] [--output FOLDER]

The server has one core to itself and the generator another. The peers take turns within each load
(A B C, A B C, A B C), so that what changes on the machine meanwhile changes all of them; medians
and spreads are over these rounds. Each run has a server of its own, started for it: what a server
keeps of its last load is nobody's cost. Node and Bun, which compile what they run often, get a
longer warm-up. A server whose rounds do not agree is measured again; see `steadiness.py`.

Server CPU a unit is the figure that counts: throughput also depends on how often the two cores wait
for each other. A run that reports any error has no figures.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks import report
from benchmarks.generator import BUILD, ROOT, GeneratorError, Result, Run, compile_generator
from benchmarks.loads import IDLE, IDLE_WEBSOCKET, LOADS, Load
from benchmarks.peers import (
    PEERS,
    PEERS_PYTHON,
    PYTHONS,
    Peer,
    Running,
    StartError,
    allow_descriptors,
    bun,
)
from benchmarks.steadiness import is_steady

# A run that is not over so long after its measured time has gone wrong.
RUN_TIMEOUT = 120.0
# A load that takes a server longer than this, to connect and to tidy up, is not repeated.
SLOW = 15.0


@dataclass(frozen=True, slots=True)
class Settings:
    """How long and how often; times in seconds."""

    rounds: int
    # How many rounds more a server may have whose rounds do not agree.
    more_rounds: int
    seconds: float
    warm_up: float
    # That of servers that compile what they run often.
    compiling_warm_up: float
    idle_seconds: float
    # The most clients of any load.
    clients: int


FULL = Settings(
    rounds=3,
    more_rounds=3,
    seconds=0.5,
    warm_up=0.25,
    compiling_warm_up=2.0,
    idle_seconds=30.0,
    clients=10_000,
)
QUICK = Settings(
    rounds=1,
    more_rounds=0,
    seconds=0.4,
    warm_up=0.2,
    compiling_warm_up=0.5,
    idle_seconds=3.0,
    clients=1_000,
)

Measured = dict[str, dict[str, list[dict[str, Any]]]]


class Measurement:
    """All results so far, and the servers that are running."""

    def __init__(self, settings: Settings, peers: Sequence[Peer]) -> None:
        self.settings = settings
        self.peers = peers
        self.results: Measured = {}
        cores = sorted(os.sched_getaffinity(0))
        self.server_core: int | None = None
        self.generator_core: int | None = None
        if len(cores) > 1:
            self.server_core, self.generator_core = cores[:2]
            os.sched_setaffinity(0, set(cores[1:]))
        else:
            say("One core only: the servers share it with the generator, ratios are no good.")
        self._running: dict[str, Running] = {}
        self._dead: set[str] = set()
        self._slow: set[tuple[str, str]] = set()

    def measure(self, loads: Sequence[Load]) -> None:
        """Measure the loads that keep a server busy."""
        try:
            for number in range(1, self.settings.rounds + 1):
                for load in loads:
                    if load.rounds is None or number <= load.rounds:
                        self._measure_load(load, number, self.peers)
            for number in range(self.settings.more_rounds):
                for load in loads:
                    self._measure_load(load, number, self._unsteady(load))
        finally:
            self.stop()

    def _unsteady(self, load: Load) -> list[Peer]:
        """Return the servers whose rounds do not agree."""
        found = self.results.get(load.name, {})
        rounds = load.rounds or self.settings.rounds
        return [
            peer
            for peer in self.peers
            if not is_steady([Result(**run).cost for run in found.get(peer.name, ())], rounds)
        ]

    def _measure_load(self, load: Load, number: int, chosen: Sequence[Peer]) -> None:
        peers = [peer for peer in load.peers() if peer in chosen]
        # Nobody always follows the same one.
        shift = number % len(peers) if peers else 0
        for peer in peers[shift:] + peers[:shift]:
            if (peer.name, load.name) in self._slow:
                continue
            running = self._start(peer)
            if running is None:
                continue
            began = time.monotonic()
            warm_up = self.settings.compiling_warm_up if peer.compiles else self.settings.warm_up
            arguments = self._arguments(load, peer)
            arguments += ["--seconds", str(self.settings.seconds), "--warm-up", str(warm_up)]
            run = Run(arguments, running.port, running.pids(), self.generator_core)
            self._keep(load, peer, run, self.settings.seconds)
            self._stop(peer)
            if time.monotonic() - began > SLOW:
                self._slow.add((peer.name, load.name))

    def measure_idle(self, load: Load) -> None:
        """Measure memory and CPU of servers whose clients say nothing."""
        peers = [peer for peer in load.peers() if peer in self.peers]
        together = load is IDLE_WEBSOCKET
        seconds = self.settings.idle_seconds if together else 0.0
        runs: list[tuple[Peer, Run]] = []
        try:
            for peer in peers:
                running = self._start(peer)
                if running is None:
                    continue
                running.becomes_quiet()
                arguments = [*self._arguments(load, peer), "--seconds", str(seconds), "--wait"]
                run = Run(arguments, running.port, running.pids(), self.generator_core)
                run.wait_until_open()
                if together:
                    runs.append((peer, run))
                else:
                    self._keep(load, peer, run, seconds)
                    self._stop(peer)
            for _, run in runs:
                run.proceed()
            for peer, run in runs:
                self._keep(load, peer, run, seconds)
        finally:
            self.stop()

    def _arguments(self, load: Load, peer: Peer) -> list[str]:
        arguments = list(load.arguments)
        if "--clients" in arguments:
            place = arguments.index("--clients") + 1
            arguments[place] = str(min(int(arguments[place]), self.settings.clients))
        return [*arguments, "--bare"] if peer.bare else arguments

    def _keep(self, load: Load, peer: Peer, run: Run, seconds: float) -> None:
        try:
            result = run.result(seconds + RUN_TIMEOUT)
        except GeneratorError as error:
            self._failed(load, peer, str(error))
            return
        if result.error:
            self._failed(load, peer, result.error)
            return
        self.results.setdefault(load.name, {}).setdefault(peer.name, []).append(asdict(result))
        say(line(load, peer, result))

    def _failed(self, load: Load, peer: Peer, problem: str) -> None:
        self.results.setdefault(load.name, {}).setdefault(peer.name, [])
        say(f"{load.name:16} {peer.name:24} FAILED: {problem}")
        self._stop(peer)

    def _start(self, peer: Peer) -> Running | None:
        running = self._running.get(peer.name)
        if running is not None and running.alive:
            return running
        if peer.name in self._dead:
            return None
        try:
            running = self._running[peer.name] = Running(peer, self.server_core)
        except (StartError, OSError) as error:
            say(f"{peer.name} cannot be measured: {error}")
            self._dead.add(peer.name)
            return None
        return running

    def _stop(self, peer: Peer) -> None:
        running = self._running.pop(peer.name, None)
        if running is not None:
            running.stop()

    def stop(self) -> None:
        """Stop every server."""
        for peer in self.peers:
            self._stop(peer)


def line(load: Load, peer: Peer, result: Result) -> str:
    """Return one result as a line, for whoever watches."""
    if load in IDLE:
        share = result.server_seconds / result.seconds if result.seconds else 0.0
        figures = f"{result.memory / 1000:8.2f} KB a client, {100 * share:6.2f} % of a core"
    else:
        figures = (
            f"{result.throughput:10.0f} /s {result.cost:9.2f} µs"
            f"   kernel {100 * result.kernel_share:3.0f} %"
            f"   p50 {result.latency_p50_us:9.1f} µs   p99 {result.latency_p99_us:9.1f} µs"
            f"   generator {100 * result.generator_seconds / result.seconds:3.0f} %"
        )
    return f"{load.name:16} {peer.name:24} {figures}"


def say(text: str) -> None:
    print(text, flush=True)


# -- what it was measured on


def output_of(*command: str) -> str:
    """Return a command's output, or what went wrong."""
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except OSError as error:
        return str(error.strerror)
    return run.stdout.strip()


def machine() -> dict[str, str]:
    """Return what the figures depend on."""
    model = [
        text.partition(":")[2].strip()
        for text in Path("/proc/cpuinfo").read_text().splitlines()
        if text.startswith("model name")
    ]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "processor": model[0] if model else platform.machine(),
        "cores": str(os.cpu_count()),
        "memory": f"{memory / 2**30:.0f} GiB",
        "system": f"{platform.system()} {platform.release()}",
        "compiler": output_of("cc", "--version").partition("\n")[0],
        **{f"Python of {name}": build_of(python) for name, python in PYTHONS.items()},
    }


def build_of(python: str) -> str:
    """Return the version of an interpreter and how it was built, as far as it tells."""
    script = (
        "import platform, re, sysconfig; "
        "asked = sysconfig.get_config_var('CONFIG_ARGS') or ''; "
        "told = re.findall(r'--enable-optimizations|--with-lto|--disable-gil', asked); "
        "flags = sysconfig.get_config_var('OPT') or ''; "
        "level = re.findall(r'-O\\w', flags + (sysconfig.get_config_var('CFLAGS') or '')); "
        "print(platform.python_version(), platform.python_compiler(), *level[-1:], *told, sep=', ')"
    )
    return output_of(python, "-c", script)


def versions() -> dict[str, str]:
    """Return the versions of everything that serves."""
    lock = json.loads((ROOT / "benchmarks" / "js" / "package-lock.json").read_text())["packages"]
    found = {
        "Python": platform.python_version(),
        "Node.js": output_of("node", "--version").removeprefix("v"),
        "Bun": output_of(str(bun()), "--version"),
    }
    for name in ("socket.io", "engine.io", "ws", "@socket.io/bun-engine"):
        found[name] = lock[f"node_modules/{name}"]["version"]
    for name in ("uvloop", "orjson", "httptools", "websockets"):
        found[name] = version(name)
    script = "import importlib.metadata as m, sys; [print(n, m.version(n)) for n in sys.argv[1:]]"
    names = ("python-socketio", "python-engineio", "uvicorn", "aiohttp", "granian")
    for text in output_of(str(PEERS_PYTHON), "-c", script, *names).splitlines():
        name, _, number = text.partition(" ")
        found[name] = number
    return found


# -- the command line


def chosen(text: str | None, names: Sequence[str], what: str) -> list[str]:
    """Return the names in a list with commas, or all."""
    if text is None:
        return list(names)
    found = text.split(",")
    unknown = sorted(set(found) - set(names))
    if unknown:
        raise SystemExit(
            f"run: there is no {what} {', '.join(unknown)}; there are {', '.join(names)}"
        )
    return found


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--quick", action="store_true", help="one short round, fewer clients")
    parser.add_argument("--only", metavar="LOAD,...", help="only these loads")
    parser.add_argument("--peers", metavar="PEER,...", help="only these servers")
    parser.add_argument(
        "--output",
        type=Path,
        help="where results.json and performance.md go; a full run writes into benchmarks/ and "
        "docs/, any other into build/benchmarks/",
    )
    options = parser.parse_args(arguments)
    load_names = chosen(options.only, [load.name for load in (*LOADS, *IDLE)], "load")
    peer_names = chosen(options.peers, [peer.name for peer in PEERS], "server")
    settings = QUICK if options.quick else FULL
    partial = options.quick or options.only is not None or options.peers is not None

    compile_generator()
    allow_descriptors()
    began = time.monotonic()
    measurement = Measurement(settings, [peer for peer in PEERS if peer.name in peer_names])
    measurement.measure([load for load in LOADS if load.name in load_names])
    for load in IDLE:
        if load.name in load_names:
            measurement.measure_idle(load)
    took = time.monotonic() - began

    raw = {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "quick": options.quick,
        "minutes": round(took / 60, 1),
        "settings": asdict(settings),
        "machine": machine(),
        "versions": versions(),
        "results": measurement.results,
    }
    folder = options.output or (BUILD if partial else None)
    results = (folder or ROOT / "benchmarks") / "results.json"
    results.parent.mkdir(parents=True, exist_ok=True)
    results.write_text(json.dumps(raw, indent=1) + "\n")
    document = report.write(raw, folder or ROOT / "docs")
    say(f"\n{took / 60:.1f} minutes. Wrote {results} and {document}.")
    failures = [
        f"{load} of {peer}"
        for load, peers in measurement.results.items()
        for peer, runs in peers.items()
        if not runs
    ]
    if failures:
        say(f"Failed: {', '.join(failures)}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Measures every server under every load, and writes docs/performance.md and README's figures.

    python -m benchmarks.run [--quick] [--only LOAD,...] [--peers PEER,...] [--rounds N]
                             [--output FOLDER]

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
import sys
import time
from collections.abc import Collection, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import readme, report
from benchmarks.figures import Results
from benchmarks.generator import BUILD, ROOT, GeneratorError, Result, Run, compile_generator
from benchmarks.loads import IDLE, IDLE_WEBSOCKET, LOADS, Load
from benchmarks.machine import machine, versions
from benchmarks.peers import PEERS, PYTHONS, Peer, Running, StartError, allow_descriptors
from benchmarks.schedule import (
    FULL,
    QUICK,
    Progress,
    Settings,
    Turn,
    idle_time,
    in_turns,
    planned,
)
from benchmarks.steadiness import is_steady

# A run that is not over so long after its measured time has gone wrong.
RUN_TIMEOUT = 120.0
# A load that takes a server longer than this, to connect and to tidy up, is not repeated.
SLOW = 15.0


Measured = dict[str, dict[str, list[dict[str, Any]]]]


class Measurement:
    """All results so far, and the servers that are running.

    `missing` has the reason of each server that does not start; `problems` has what else failed.
    """

    def __init__(self, settings: Settings, peers: Sequence[Peer], loads: Sequence[Load]) -> None:
        self.settings = settings
        self.peers = peers
        self.loads = [load for load in loads if load not in IDLE]
        self.idle = [load for load in loads if load in IDLE]
        self.results: Measured = {}
        self.missing: dict[str, str] = {}
        self.problems: list[str] = []
        cores = sorted(os.sched_getaffinity(0))
        self.server_core: int | None = None
        self.generator_core: int | None = None
        if len(cores) > 1:
            self.server_core, self.generator_core = cores[:2]
            os.sched_setaffinity(0, set(cores[1:]))
        else:
            say("One core only: the servers share it with the generator, ratios are no good.")
        self._running: dict[str, Running] = {}
        self._slow: set[Turn] = set()
        self._planned = list(planned(settings, self.loads, peers))
        idle = [Turn(load, peer) for load in self.idle for peer in load.peers() if peer in peers]
        expected = sum(turn.expected(settings) for turn in (*self._planned, *idle))
        self._progress = Progress(expected + idle_time(self.idle, settings))

    def measure(self) -> None:
        """Measure all loads, and again, as long as there is time, what is not steady."""
        try:
            for turn in self._planned:
                self._take(turn)
            for load in self.idle:
                self._measure_idle(load)
            for number in range(self.settings.more_rounds):
                for load in self.loads:
                    self._repeat(load, number)
        finally:
            self._stop_all()

    def lacks(self, names: Collection[str]) -> bool:
        """Return whether one of these servers does not start, or has a load without a figure."""
        empty = {
            peer for runs in self.results.values() for peer, found in runs.items() if not found
        }
        return any(name in self.missing or name in empty for name in names)

    def _repeat(self, load: Load, number: int) -> None:
        for turn in in_turns(load, self._unsteady(load), number):
            expected = turn.expected(self.settings)
            if self._progress.elapsed + expected < self.settings.repeat_until:
                self._progress.plan(expected)
                self._take(turn)

    def _unsteady(self, load: Load) -> list[Peer]:
        """Return the servers whose rounds do not agree."""
        found = self.results.get(load.name, {})
        return [
            peer
            for peer in self.peers
            if not is_steady(
                [Result(**run).cost for run in found.get(peer.name, ())],
                load.rounds_of(peer, self.settings.rounds),
            )
        ]

    def _take(self, turn: Turn) -> None:
        """Measure a load that keeps a server busy."""
        load, peer, settings = turn.load, turn.peer, self.settings
        running = None if turn in self._slow else self._start(peer)
        if running is not None:
            began = time.monotonic()
            warm_up = settings.compiling_warm_up if peer.compiles else settings.warm_up
            arguments = self._arguments(load, peer)
            arguments += ["--seconds", str(settings.seconds), "--warm-up", str(warm_up)]
            run = Run(arguments, running.port, running.pids(), self.generator_core)
            self._keep(load, peer, run, settings.seconds)
            self._stop(peer)
            if time.monotonic() - began > SLOW:
                self._slow.add(turn)
        self._progress.finish(turn.expected(settings))

    def _measure_idle(self, load: Load) -> None:
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
            self._stop_all()
            self._progress.finish(
                idle_time([load], self.settings)
                + sum(Turn(load, peer).expected(self.settings) for peer in peers)
            )

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
        say(f"{line(load, peer, result)}   {self._progress}")

    def _failed(self, load: Load, peer: Peer, problem: str) -> None:
        self.results.setdefault(load.name, {}).setdefault(peer.name, [])
        self.problems.append(f"{load.name} of {peer.name}: {problem}")
        say(f"{load.name:16} {peer.name:24} FAILED: {problem}")
        self._stop(peer)

    def _start(self, peer: Peer) -> Running | None:
        running = self._running.get(peer.name)
        if running is not None and running.alive:
            return running
        if peer.name in self.missing:
            return None
        try:
            running = self._running[peer.name] = Running(peer, self.server_core)
        except (StartError, OSError) as error:
            say(f"{peer.name} cannot be measured: {error}")
            self.missing[peer.name] = str(error)
            return None
        return running

    def _stop(self, peer: Peer) -> None:
        running = self._running.pop(peer.name, None)
        if running is not None:
            running.stop()

    def _stop_all(self) -> None:
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
    parser.add_argument("--rounds", type=int, help="how many, instead of 3 or 1")
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
    chosen_by_hand = (options.only, options.peers, options.rounds)
    partial = options.quick or any(value is not None for value in chosen_by_hand)
    if options.rounds is not None:
        settings = replace(settings, rounds=options.rounds)

    compile_generator()
    allow_descriptors()
    began = time.monotonic()
    measurement = Measurement(
        settings,
        [peer for peer in PEERS if peer.name in peer_names],
        [load for load in (*LOADS, *IDLE) if load.name in load_names],
    )
    measurement.measure()
    took = time.monotonic() - began

    raw = {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "quick": options.quick,
        "minutes": round(took / 60, 1),
        "settings": asdict(settings),
        "machine": machine(),
        "versions": versions(),
        "missing": measurement.missing,
        "problems": measurement.problems,
        "results": measurement.results,
    }
    folder = options.output or (BUILD if partial else None)
    results = (folder or ROOT / "benchmarks") / "results.json"
    results.parent.mkdir(parents=True, exist_ok=True)
    results.write_text(json.dumps(raw, indent=1) + "\n")
    document = report.write(raw, folder or ROOT / "docs")
    if folder is None:
        readme.README.write_text(readme.with_figures(readme.README.read_text(), Results(raw)))
    say(f"\n{took / 60:.1f} minutes. Wrote {results} and {document}.")
    for name, reason in measurement.missing.items():
        say(f"Missing: {name}: {reason}")
    for problem in measurement.problems:
        say(f"Failed: {problem}")
    # What is missing of the others is named on the page, which is whole without it.
    return 1 if measurement.lacks(PYTHONS) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Turns raw results into docs/performance.md and its plots.

python -m benchmarks.report RESULTS.json FOLDER
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.generator import Result
from benchmarks.loads import (
    GROWTH,
    IDLE,
    IDLE_POLLING,
    IDLE_WEBSOCKET,
    LOADS,
    TARGETS,
    Load,
    Target,
)
from benchmarks.peers import BUN, NODE, PEERS, PYTHON_SOCKETIO, THIS
from benchmarks.plots import Series, bars, lines, ratio_bars

TITLES = {peer.name: peer.title for peer in PEERS}
PLOTS = "performance"
COLOURS = {THIS: 0, BUN: 1, NODE: 2, PYTHON_SOCKETIO[0]: 3}


@dataclass(frozen=True, slots=True)
class Figures:
    """Medians over the rounds of one server under one load; `spread` is of the cost, and `costs`
    has that of each round.
    """

    costs: tuple[float, ...]
    throughput: float
    cost: float
    spread: float
    p50: float
    p99: float
    memory: float
    idle_share: float
    generator_share: float


def figures(runs: Sequence[Result]) -> Figures:
    """Return medians; the spread is the range divided by the median."""
    costs = tuple(run.cost for run in runs)

    def middle(value: Callable[[Result], float]) -> float:
        return median(value(run) for run in runs)

    def share(run: Result, seconds: float) -> float:
        return seconds / run.seconds if run.seconds else 0.0

    return Figures(
        costs,
        middle(lambda run: run.throughput),
        middle(lambda run: run.cost),
        (max(costs) - min(costs)) / median(costs) if median(costs) < float("inf") else 0.0,
        middle(lambda run: run.latency_p50_us),
        middle(lambda run: run.latency_p99_us),
        middle(lambda run: run.memory),
        middle(lambda run: share(run, run.server_seconds)),
        middle(lambda run: share(run, run.generator_seconds)),
    )


class Results:
    """All figures, and the ratios between them."""

    def __init__(self, raw: dict[str, Any]) -> None:
        self.raw = raw
        self._figures = {
            load: {
                peer: figures([Result(**run) for run in runs])
                for peer, runs in peers.items()
                if runs
            }
            for load, peers in raw["results"].items()
        }
        self.failed = {
            load: [peer for peer, runs in peers.items() if not runs]
            for load, peers in raw["results"].items()
        }

    def get(self, load: str, peer: str) -> Figures | None:
        """Return the figures of a server, None when it was not measured."""
        return self._figures.get(load, {}).get(peer)

    def measured(self, load: str) -> list[tuple[str, Figures]]:
        """Return every server measured under a load, in the order of the peers."""
        found = self._figures.get(load, {})
        return [(peer.name, found[peer.name]) for peer in PEERS if peer.name in found]

    def best_python_socketio(
        self, load: str, value: Callable[[Figures], float] = lambda f: f.cost
    ) -> Figures | None:
        """Return python-socketio's host that does best here: the least `value`."""
        found = [f for name in PYTHON_SOCKETIO if (f := self.get(load, name)) is not None]
        return min(found, key=value, default=None)

    def cheaper(self, load: str, peer: str, than: str = NODE, its_load: str = "") -> float | None:
        """Return how many times less CPU a unit a server needs than another."""
        own, other = self.get(load, peer), self.get(its_load or load, than)
        return None if own is None or other is None else ratio(other.cost, own.cost)

    def cheaper_by_round(self, load: str, peer: str, its_load: str = "") -> list[float]:
        """Return `cheaper` against Node for each round: the machine was the same for both then."""
        own, node = self.get(load, peer), self.get(its_load or load, NODE)
        if own is None or node is None:
            return []
        found = (ratio(other, one) for one, other in zip(own.costs, node.costs, strict=False))
        return [value for value in found if value is not None]


def ratio(one: float, other: float) -> float | None:
    """Return a ratio, None where a figure is missing or was too small to be measured."""
    return one / other if 0 < one < float("inf") and 0 < other < float("inf") else None


def write(raw: dict[str, Any], folder: Path) -> Path:
    """Write performance.md and the plots beside it; return the document's path."""
    results = Results(raw)
    plots = folder / PLOTS
    plots.mkdir(parents=True, exist_ok=True)
    drawn = {name: svg for name, svg in draw(results).items() if svg is not None}
    for old in plots.glob("*.svg"):
        old.unlink()
    for name, svg in drawn.items():
        (plots / f"{name}.svg").write_text(svg)
    document = folder / "performance.md"
    document.write_text(compose(results, drawn))
    return document


# -- plots


def draw(results: Results) -> dict[str, str | None]:
    """Return the plots by name; None where nothing was measured to show."""
    return {
        "targets": draw_targets(results),
        "growth": draw_growth(results),
        "memory": draw_memory(results),
    }


def draw_targets(results: Results) -> str | None:
    rows = {target.load: target for target in TARGETS if not target.memory}
    series = []
    for name in (THIS, BUN):
        values = {
            target.title.replace("`", ""): value
            for target in rows.values()
            if (value := results.cheaper(target.load, name, its_load=target.node_load))
        }
        series.append(Series(TITLES[name], values, COLOURS[name]))
    others = {}
    for target in rows.values():
        best, node = results.best_python_socketio(target.load), results.get(target.load, NODE)
        value = ratio(node.cost, best.cost) if best is not None and node is not None else None
        if value is not None:
            others[target.title.replace("`", "")] = value
    series.append(Series("python-socketio's best host", others, COLOURS[PYTHON_SOCKETIO[0]]))
    titles = [
        target.title.replace("`", "")
        for target in rows.values()
        if any(target.title.replace("`", "") in one.values for one in series)
    ]
    if not titles:
        return None
    return ratio_bars(
        "How many times less server CPU a unit than socket.io on Node",
        "logarithmic; the line at 1 is Node, further to the right is better",
        titles,
        series,
    )


def draw_growth(results: Results) -> str | None:
    places = dict(zip(GROWTH, ("100", "1,000", "10,000"), strict=True))
    series = [
        Series(
            TITLES[name],
            {
                place: found.cost
                for load, place in places.items()
                if (found := results.get(load, name)) is not None
            },
            COLOURS[name],
        )
        for name in COLOURS
    ]
    series = [one for one in series if len(one.values) > 1]
    if not series:
        return None
    return lines(
        "Server CPU of an echo as clients grow, microseconds",
        "logarithmic; flat is good, lower is better",
        list(places.values()),
        series,
    )


def draw_memory(results: Results) -> str | None:
    rows = {"WebSocket": IDLE_WEBSOCKET.name, "long-polling, GET waiting": IDLE_POLLING.name}
    series = [
        Series(
            TITLES[name],
            {
                row: found.memory / 1000
                for row, load in rows.items()
                if (found := results.get(load, name)) is not None and found.memory > 0
            },
            COLOURS[name],
        )
        for name in COLOURS
    ]
    series = [one for one in series if one.values]
    if not series:
        return None
    shown = [row for row in rows if any(row in one.values for one in series)]
    return bars(
        "Memory of an idle connection, KB",
        "shorter is better",
        shown,
        series,
    )


# -- text


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table whose first column is text and whose others are numbers."""
    marks = ["---", *["--:"] * (len(head) - 1)]
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, marks, *rows))


def times(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def microseconds(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def compose(results: Results, drawn: dict[str, str]) -> str:
    raw = results.raw
    parts = [
        "# Performance",
        "This page is generated: `make bench` measures everything again and writes it.",
    ]
    if raw["quick"]:
        parts.append(
            "**A quick run: one short round with few clients. It shows that everything works; "
            "the figures are not to be trusted.**"
        )
    parts += [
        target_section(results),
        picture("targets", "Server CPU a unit as a ratio to Node", drawn),
        method_section(results),
        load_sections(results),
        "## As clients grow",
        growth_section(results),
        picture("growth", "Cost of an echo with 100, 1,000 and 10,000 clients", drawn),
        "## Idle connections",
        idle_section(results),
        picture("memory", "Memory of an idle connection", drawn),
        machine_section(results),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def picture(name: str, title: str, drawn: dict[str, str]) -> str:
    return f"![{title}]({PLOTS}/{name}.svg)" if name in drawn else ""


def target_section(results: Results) -> str:
    rows = [
        memory_row(results, target) if target.memory else cost_row(results, target)
        for target in TARGETS
    ]
    return (
        "## Targets\n\n"
        "Server CPU a unit as a ratio to the official server on Node under the same load: 2 means "
        "half its CPU. The ratio is that of the medians; beside it stand the lowest and highest of "
        "a round: how far to trust it. The last row is memory, where less is better. Async "
        "handlers are compared with Node's plain ones.\n\n"
        + table(
            (
                "load",
                "at least",
                "aim",
                "**this**",
                "",
                "by round",
                "Bun",
                "python-socketio's best",
            ),
            rows,
        )
    )


def span(values: Sequence[float]) -> str:
    """Return the lowest and the highest of several ratios."""
    return f"{times(min(values))} to {times(max(values))}" if len(values) > 1 else ""


def verdict(value: float | None, target: Target) -> str:
    if value is None:
        return "not measured"
    sign = -1 if target.memory else 1
    if sign * value >= sign * target.aim:
        return "aim reached"
    return "reached" if sign * value >= sign * target.least else "**missed**"


def cost_row(results: Results, target: Target) -> tuple[str, ...]:
    own = results.cheaper(target.load, THIS, its_load=target.node_load)
    bun = results.cheaper(target.load, BUN, its_load=target.node_load)
    best, node = results.best_python_socketio(target.load), results.get(target.load, NODE)
    other = ratio(node.cost, best.cost) if best is not None and node is not None else None
    return (
        target.title,
        f"{target.least:g}",
        f"{target.aim:g}",
        f"**{times(own)}**" if own is not None else "",
        verdict(own, target),
        span(results.cheaper_by_round(target.load, THIS, its_load=target.node_load)),
        times(bun),
        times(other),
    )


def memory_row(results: Results, target: Target) -> tuple[str, ...]:
    own, bun = results.get(target.load, THIS), results.get(target.load, BUN)
    node = results.get(target.load, NODE)
    best = results.best_python_socketio(target.load, lambda f: f.memory)
    value = None if own is None else own.memory / 1000
    return (
        f"{target.title}" + ("" if node is None else f" (Node {node.memory / 1000:.1f})"),
        f"at most {target.least:g}",
        f"{target.aim:g}",
        "" if value is None else f"**{value:.1f}**",
        verdict(value, target),
        "",
        "" if bun is None else f"{bun.memory / 1000:.1f}",
        "" if best is None else f"{best.memory / 1000:.1f}",
    )


def method_section(results: Results) -> str:
    settings = results.raw["settings"]
    return f"""## How it is measured

- Every server does the same: `message` is emitted back, `message-with-ack` is acknowledged with
  its arguments, `join` joins a room, `fan` emits to a room, its sender included. All limits,
  checks, hooks and options are each server's defaults, this one's too. The programs are in
  `benchmarks/servers` and `benchmarks/js`.
- The load generator, `benchmarks/load.c`, speaks raw frames over epoll, on a core of its own; the
  server has another one. Its requests have the headers and the timestamp of a browser's. It
  checks every answer and its order, byte for byte: a run with an error has no figures. "Generator"
  is the part of its core that it used: below 100 %, it was not the bottleneck.
- Server CPU is the user and system time of all processes of the server in the measured time,
  divided by the units done in it. On the loopback interface that includes the kernel's work for
  both ends of what the server sends, which is the same for every server and makes the ratios
  smaller than they are over a network.
- {settings["rounds"]} round(s); within each load the servers take turns.
  {settings["warm_up"]:g} s of warm-up, {settings["first_warm_up"]:g} s the first time for Node and
  Bun, which compile what they run often; then {settings["seconds"]:g} s are measured. Figures are
  medians; the spread is the range of the CPU a unit over the rounds, divided by its median. What
  takes a server longer than 15 s, connecting and tidying up included, is measured once.
- A message has about 75 bytes. Latency is what the generator sees with all its clients
  busy; for a broadcast, until each delivery."""


def load_sections(results: Results) -> str:
    return "\n\n".join(
        section
        for load in LOADS
        if load.name not in GROWTH[1:] and (section := load_section(results, load))
    )


def load_section(results: Results, load: Load) -> str:
    measured = results.measured(load.name)
    failed = results.failed.get(load.name, [])
    if not measured and not failed:
        return ""
    node, best = results.get(load.name, NODE), results.best_python_socketio(load.name)
    best_throughput = max(
        (f.throughput for name in PYTHON_SOCKETIO if (f := results.get(load.name, name))),
        default=0.0,
    )
    rows = []
    for name, found in measured:
        rows.append(
            (
                f"**{TITLES[name]}**" if name == THIS else TITLES[name],
                f"{found.throughput:,.0f}",
                microseconds(found.cost),
                f"{100 * found.spread:.0f} %",
                times(ratio(found.throughput, node.throughput)) if node else "",
                times(ratio(node.cost, found.cost)) if node else "",
                times(ratio(found.throughput, best_throughput)),
                times(ratio(best.cost, found.cost)) if best else "",
                microseconds(found.p50),
                microseconds(found.p99),
                f"{100 * found.generator_share:.0f} %",
            )
        )
    text = f"## {load.title}\n\nA unit is one {load.unit}.\n\n" + table(
        (
            "server",
            "units/s",
            "CPU µs/unit",
            "spread",
            "Node: units/s ×",
            "Node: CPU ×",
            "python-socketio: units/s ×",
            "python-socketio: CPU ×",
            "p50 µs",
            "p99 µs",
            "generator",
        ),
        rows,
    )
    if failed:
        text += f"\n\nFailed: {', '.join(TITLES[name] for name in failed)}."
    return text


def growth_section(results: Results) -> str:
    rows = []
    for peer in PEERS:
        found = [results.get(load, peer.name) for load in GROWTH]
        if all(figure is None for figure in found[1:]):
            continue
        first, last = found[0], found[-1]
        rows.append(
            (
                peer.title,
                *("" if figure is None else microseconds(figure.cost) for figure in found),
                times(ratio(last.cost, first.cost)) if first and last else "",
            )
        )
    if not rows:
        return ""
    most = results.raw["settings"]["clients"]
    note = "" if most >= 10_000 else f" (here at most {most:,})"
    return (
        f"Server CPU of an echo in µs, all clients with one message in flight{note}.\n\n"
        + table(("server", "100 clients", "1,000", "10,000", "10,000 to 100"), rows)
    )


def idle_section(results: Results) -> str:
    rows = []
    for peer in PEERS:
        found = [results.get(load.name, peer.name) for load in IDLE]
        if all(figure is None for figure in found):
            continue
        websocket, polling = found
        rows.append(
            (
                peer.title,
                "" if websocket is None else f"{websocket.memory / 1000:.1f}",
                "" if polling is None else f"{polling.memory / 1000:.1f}",
                "" if websocket is None else f"{100 * websocket.idle_share:.2f} %",
            )
        )
    if not rows:
        return ""
    settings = results.raw["settings"]
    return (
        f"{settings['clients']:,} clients that say nothing but answer pings. Memory is what the "
        "server's resident memory has grown by, divided by the clients; the kernel's buffers are "
        f"not in it. The CPU is over {settings['idle_seconds']:g} s, all servers idling at the "
        "same time.\n\n"
        + table(
            ("server", "WebSocket, KB", "long-polling with a GET waiting, KB", "CPU of a core"),
            rows,
        )
    )


def machine_section(results: Results) -> str:
    raw = results.raw
    machine = table(("", ""), [(name, value) for name, value in raw["machine"].items()])
    versions = ", ".join(f"{name} {number}" for name, number in raw["versions"].items() if number)
    return f"""## Machine and versions

{machine.replace("--:", "---")}

{versions}.

Measured on {raw["date"]} in {raw["minutes"]:g} minutes.

## Run it again

```sh
make bench                                  # everything, on an otherwise idle machine of two cores
make bench ARGS="--quick"                   # a minute, to see that it works
make bench ARGS="--only echo,chat --peers node,this"
```

A full run writes this page, its plots and the raw results, `benchmarks/results.json`; any other run
writes into `build/benchmarks`. The page alone, from raw results:
`python -m benchmarks.report benchmarks/results.json docs`."""


if __name__ == "__main__":
    print(write(json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2])))

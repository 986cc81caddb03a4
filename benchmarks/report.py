"""Turn raw results into docs/performance.md and its plots.

python -m benchmarks.report RESULTS.json FOLDER
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.figures import TITLES, Results, ratio
from benchmarks.generator import ROOT
from benchmarks.loads import (
    GROWTH,
    IDLE,
    LOADS,
    TARGETS,
    Load,
    Target,
)
from benchmarks.peers import BUN, NEWEST, NODE, PEERS, PYTHON_SOCKETIO, THIS
from benchmarks.report_plots import draw
from benchmarks.steadiness import AGREEMENT, is_steady

PLOTS = "performance"
BOUNDS = ROOT / "benchmarks" / "instructions.json"
# Why some targets are missed: profiles that were taken by hand.
LIMITS = """## What the rest of the cost is

Where a target is missed, this is what is left, by callgrind and by a count of the instructions of
Python's own machine. "Kernel" in the tables above says how much of a load is in neither.

- **An event** and its answer execute 600 of Python's instructions in 20 calls: to take the frame
  apart 89, to find the socket and what waits 68, to decode the event 63, to write 42, and 20 to 40
  each for the session on the way in and out, the handler, `emit` and the encoder. 44 % of the
  machine's instructions are in the interpreter's loop, a quarter in making and freeing objects and
  the frames of calls. JSON, UTF-8 and the mask, which are in C, have less than a tenth. Bun
  compiles this way and Python does not: only fewer steps would help, and each of these is a rule of
  the protocol or a limit.
- **A connection** executes 5,260 of them in 203 calls, from its first byte to its end. No function
  has more than 3 %: it is spread over the head of the request, the objects of a connection, which
  are made and taken apart, and three deadlines that are set and forgotten.
- **An `async def` handler** that does not suspend costs 8,600 of the machine's instructions more
  than the 21,500 of an event with a plain one: its coroutine, a copy of the context, and entering
  and leaving a task that `asyncio.current_task` finds. No wrapper, no task of its own and no
  exception for its end are left. The task of a turn of the event loop is shared by all of the turn.
- **An idle WebSocket** has 4.6 KB: uvloop's transport 0.9, eight objects of this library 1.1, the
  headers of its handshake 0.5 without the texts that it shares with others, and 0.6 two small
  dictionaries, its ids and what it calls. The rest are its places in the tables of the server and
  in the queue of deadlines.
- **An idle process** has 31 MB on Debian's Python 3.11: Python itself 8.2, asyncio with ssl, which
  it imports always, 10.6, uvloop, orjson and httptools 2.6, importlib.metadata with email and
  zipfile 2, which `import websockets` brings, this library 5, and what the running event loop
  needs."""
# The most that an `async def` handler may cost, as a ratio to `def`.
ASYNC_TARGETS = {THIS: 1.4, NEWEST: 1.2}


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
        instruction_section(json.loads(BOUNDS.read_text())),
        LIMITS,
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
        "The server CPU that the official server on Node takes for a unit, divided by what this "
        "server takes under the same load: 2 means half of Node's CPU. The ratio is between the "
        "medians. Beside it are the lowest and the highest ratio of a round, which show how far to "
        "trust it. The last row is memory, where less is better. Async handlers are compared with "
        "Node's plain handlers.\n\n"
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
                "of Bun's CPU, at least",
                "**this**",
            ),
            rows,
        )
        + "\n\n"
        + async_table(results)
    )


def async_table(results: Results) -> str:
    """Return what `async def` handlers cost, as a ratio to `def`."""
    rows = []
    for name, most in ASYNC_TARGETS.items():
        found = [
            results.cheaper(plain, name, name, its_load=later)
            for plain, later in (("echo", "echo-async"), ("echo-8", "echo-8-async"))
        ]
        if any(value is not None for value in found):
            rows.append((TITLES[name], f"at most {most:g}", *map(times, found)))
    if not rows:
        return ""
    return (
        "The cost of an `async def` handler that does not suspend, divided by that of a `def` "
        "handler:\n\n" + table(("server", "target", "echo, 1 in flight", "echo, 8 in flight"), rows)
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
        "" if target.bun is None else f"{target.bun:g}",
        "" if target.bun is None else bun_verdict(results, target.load, target.bun),
    )


def bun_verdict(results: Results, load: str, least: float) -> str:
    """Return the ratio to Bun, and whether it is what is asked for."""
    value = results.cheaper(load, THIS, BUN)
    if value is None:
        return "not measured"
    return f"**{times(value)}** " + ("reached" if value >= least else "**missed**")


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
        "",
        "",
    )


def method_section(results: Results) -> str:
    settings = results.raw["settings"]
    return f"""## How it is measured

- Every server does the same: `message` is emitted back, `message-with-ack` is acknowledged with
  its arguments, `join` joins a room, `fan` emits to a room, its sender included. Each server, this
  one too, has the defaults of all its limits, checks, hooks and options. The programs are in
  `benchmarks/servers` and `benchmarks/js`.
- The load generator, `benchmarks/load.c`, speaks raw frames over epoll. It has a core of its own,
  and the server another one. Its requests have the headers and the timestamp of a browser's
  requests. It checks every answer and the order of the answers, byte for byte: a run with an error
  has no figures. "Generator" is the part of its core that the generator used. Below 100 % it was
  not the bottleneck.
- Server CPU is the user and system time of all processes of the server in the measured time,
  divided by the units done in it. On the loopback interface it includes the kernel's work for both
  ends of what the server sends. That work is the same for every server, and makes the ratios
  smaller than they are over a network.
- "Kernel" is the part of the server CPU that the system calls took. No server can save much of it,
  so it shows how far each server is from the least that is possible.
- There are {settings["rounds"]} round(s). Within each load the servers take turns, and a server is
  started for each run. It warms up for {settings["warm_up"]:g} s, or for
  {settings["compiling_warm_up"]:g} s if it is Node or Bun, which compile what they run often. Then
  {settings["seconds"]:g} s are measured. Figures are medians. The spread is the range of the CPU a
  unit over the rounds, divided by its median. Rounds agree if the spread is at most
  {100 * AGREEMENT:.0f} %. A server whose rounds do not agree is measured up to
  {settings["more_rounds"]} times more, until as many agree as there are rounds. If they do not
  agree even then, the spread is marked as unsteady. A load that takes a server longer than 15 s,
  connecting and tidying up included, is measured once.
- This server runs on the Python of a distribution, and on the newest Python on the machine. Debian
  builds its Python with profile-guided and link-time optimization, which its configuration does not
  tell.
- A message has about 75 bytes. Latency is what the generator sees with all its clients busy; of a
  broadcast, the time until each delivery."""


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
    bun = results.get(load.name, BUN)
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
                f"{100 * found.kernel_share:.0f} %",
                f"{100 * found.spread:.0f} %"
                + ("" if is_steady(found.costs, results.rounds(load)) else ", unsteady"),
                times(ratio(found.throughput, node.throughput)) if node else "",
                times(ratio(node.cost, found.cost)) if node else "",
                times(ratio(bun.cost, found.cost)) if bun else "",
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
            "kernel",
            "spread",
            "Node: units/s ×",
            "Node: CPU ×",
            "Bun: CPU ×",
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
        f"{settings['clients']:,} clients that say nothing but answer pings. Memory is the growth "
        "of the server's resident memory, divided by the clients; it does not include the kernel's "
        f"buffers. The CPU is that of {settings['idle_seconds']:g} s, in which all servers are "
        "idle at the same time.\n\n"
        + table(
            ("server", "WebSocket, KB", "long-polling with a GET waiting, KB", "CPU of a core"),
            rows,
        )
    )


def instruction_section(recorded: dict[str, dict[str, int]]) -> str:
    """Return how many instructions each case executes, on each Python that has records."""
    cases = dict.fromkeys(case for counts in recorded.values() for case in counts)
    rows = [
        (case, *(f"{counts[case]:,}" if case in counts else "" for counts in recorded.values()))
        for case in cases
    ]
    return (
        "## Instructions\n\n"
        "How many instructions the server's process executes outside of the kernel, counted by "
        "callgrind. A test fails if a count grows by more than a tenth. `python -m "
        "benchmarks.instructions` counts them again. A broadcast and an `async def` case contain a "
        "turn of the event loop.\n\n" + table(("case", *recorded), rows)
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

A full run writes this page, its plots and the raw results, `benchmarks/results.json`. Any other run
writes into `build/benchmarks`. To write only the page, from raw results:
`python -m benchmarks.report benchmarks/results.json docs`."""


if __name__ == "__main__":
    print(write(json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2])))

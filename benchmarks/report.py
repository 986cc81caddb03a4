"""Turn raw results into docs/performance.md and its plots.

python -m benchmarks.report RESULTS.json FOLDER
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from benchmarks.figures import TITLES, Figures, Results, ratio
from benchmarks.generator import ROOT
from benchmarks.loads import GROWTH, IDLE, LOADS, Load
from benchmarks.peers import BUN, NEWEST, NODE, PEERS, PYTHON_SOCKETIO, THIS
from benchmarks.report_plots import draw
from benchmarks.report_scale import recorded, scale_section
from benchmarks.report_tables import microseconds, table, times
from benchmarks.report_targets import target_section
from benchmarks.steadiness import AGREEMENT, is_steady

PLOTS = "performance"
BOUNDS = ROOT / "benchmarks" / "instructions.json"
# What was found by hand about the rest of the cost, with its date.
PROFILES = ROOT / "benchmarks" / "profiles.md"


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
        absent_section(results),
        target_section(results),
        picture("targets", "Server CPU a unit as a ratio to Node", drawn),
        method_section(results),
        load_sections(results),
        kernel_section(results),
        "## As clients grow",
        growth_section(results),
        picture("growth", "Cost of an echo with 100, 1,000 and 10,000 clients", drawn),
        scale_section(recorded()),
        "## Idle connections",
        idle_section(results),
        picture("memory", "Memory of an idle connection", drawn),
        instruction_section(json.loads(BOUNDS.read_text())),
        PROFILES.read_text().strip(),
        machine_section(results),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def absent_section(results: Results) -> str:
    """Name the servers that could not be started, and the runs that failed."""
    raw = results.raw
    told = [f"{TITLES.get(name, name)}: {reason}" for name, reason in raw["missing"].items()]
    told += raw["problems"]
    if not told:
        return ""
    lines = "\n".join(f"- {' '.join(one.split())}" for one in told)
    return f"Not everything could be measured:\n\n{lines}"


def picture(name: str, title: str, drawn: dict[str, str]) -> str:
    return f"![{title}]({PLOTS}/{name}.svg)" if name in drawn else ""


def method_section(results: Results) -> str:
    settings = results.raw["settings"]
    return f"""## How it is measured

- Every server does the same: `message` is emitted back, `message-with-ack` is acknowledged with
  its arguments, `join` joins a room, `fan` emits to a room, its sender included. Each server, this
  one too, has the defaults of all its limits, checks, hooks and options. The programs are in
  `benchmarks/servers` and `benchmarks/js`.
- The load generator, `benchmarks/load`, speaks raw frames over epoll. It has a core of its own,
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
- There are {settings["rounds"]} round(s), fewer for what is far from all others and for loads whose
  clients take longer to connect than to be measured. Within each load the servers take turns, and a
  server is started for each run. It warms up for {settings["warm_up"]:g} s, or for
  {settings["compiling_warm_up"]:g} s if it is Node or Bun, which compile what they run often. Then
  {settings["seconds"]:g} s are measured. Figures are medians. The spread is the range of the CPU a
  unit over the rounds, divided by its median. Rounds agree if the spread is at most
  {100 * AGREEMENT:.0f} %. A server whose rounds do not agree is measured up to
  {settings["more_rounds"]} times more, until as many agree as there are rounds, but not later than
  {settings["repeat_until"] / 60:g} minutes after the beginning. If they do not agree even then, the
  spread is marked as unsteady. A load that takes a server longer than 15 s, connecting and tidying
  up included, is measured once.
- Node has the official server with its default `ws`; `uWebSockets.js` is in no package registry.
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
                + ("" if is_steady(found.costs, results.rounds(load, name)) else ", unsteady"),
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


def kernel_section(results: Results) -> str:
    """Return how much of each load is the kernel's, of this server and of Bun."""
    names = (THIS, NEWEST, BUN, NODE)
    rows = []
    for load in LOADS:
        found = [results.get(load.name, name) for name in names]
        if any(one is not None for one in found):
            parts = ["" if one is None else in_and_out(one) for one in found]
            rows.append((load.title, *parts))
    if not rows:
        return ""
    return (
        "## What the kernel takes\n\n"
        "Server CPU of a unit in µs: what the server's own program takes + what the kernel takes "
        "for it.\n\n" + table(("load", *(TITLES[name] for name in names)), rows)
    )


def in_and_out(found: Figures) -> str:
    kernel = found.cost * found.kernel_share
    return f"{microseconds(found.cost - kernel)} + {microseconds(kernel)}"


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
                "" if websocket is None else f"{websocket.process / 1e6:.1f}",
            )
        )
    if not rows:
        return ""
    settings = results.raw["settings"]
    clients = min(settings["clients"], IDLE[0].clients)
    return (
        f"{clients:,} clients that say nothing but answer pings. Memory is the growth of the "
        "server's resident memory, divided by the clients; it does not include the kernel's "
        f"buffers. The CPU is that of {settings['idle_seconds']:g} s, in which all servers are "
        "idle at the same time.\n\n"
        + table(
            (
                "server",
                "WebSocket, KB",
                "long-polling with a GET waiting, KB",
                "CPU of a core",
                "process before, MB",
            ),
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
make bench ARGS="--quick"                   # a few minutes, to see that it works
make bench ARGS="--only connections --peers this,bun --rounds 1"
```

A full run writes this page, its plots and the raw results, `benchmarks/results.json`. Any other run
writes into `build/benchmarks`. To write only the page, from raw results:
`python -m benchmarks.report benchmarks/results.json docs`."""


if __name__ == "__main__":
    print(write(json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2])))

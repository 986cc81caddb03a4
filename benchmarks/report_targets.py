"""The section of the report that says which targets are reached."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.figures import TITLES, Figures, Results, ratio
from benchmarks.loads import TARGETS, Target
from benchmarks.peers import BUN, NEWEST, NODE, THIS
from benchmarks.report_tables import table, times

# The most that an `async def` handler may cost, as a ratio to `def`.
ASYNC_TARGETS = {THIS: 1.4, NEWEST: 1.2}


def target_section(results: Results) -> str:
    rows = [
        memory_row(results, target) if target.weighed else cost_row(results, target)
        for target in TARGETS
    ]
    return (
        "## Targets\n\n"
        "The server CPU that the official server on Node takes for a unit, divided by what this "
        "server takes under the same load: 2 means half of Node's CPU. The ratio is between the "
        "medians. Beside it are the lowest and the highest ratio of a round, which show how far to "
        "trust it. The last rows are memory, where less is better. Async handlers are compared "
        "with Node's plain handlers.\n\n"
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
    sign = -1 if target.weighed else 1
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
    def weight(found: Figures) -> float:
        return found.memory / 1e3 if target.weighed == "connection" else found.process / 1e6

    def shown(found: Figures | None) -> str:
        return "" if found is None else f"{weight(found):.1f}"

    own, node = results.get(target.load, THIS), results.get(target.load, NODE)
    return (
        target.title + ("" if node is None else f" (Node {shown(node)})"),
        f"at most {target.least:g}",
        f"{target.aim:g}",
        "" if own is None else f"**{shown(own)}**",
        verdict(None if own is None else weight(own), target),
        "",
        shown(results.get(target.load, BUN)),
        shown(results.best_python_socketio(target.load, weight)),
        "",
        "",
    )

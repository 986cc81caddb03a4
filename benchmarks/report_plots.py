"""The plots beside docs/performance.md."""

from __future__ import annotations

from benchmarks.figures import TITLES, Results, ratio
from benchmarks.loads import (
    GROWTH,
    IDLE_POLLING,
    IDLE_WEBSOCKET,
    TARGETS,
)
from benchmarks.peers import BUN, NODE, PYTHON_SOCKETIO, THIS
from benchmarks.plots import Series, bars, lines, ratio_bars

COLOURS = {THIS: 0, BUN: 1, NODE: 2, PYTHON_SOCKETIO[0]: 3}


def draw(results: Results) -> dict[str, str | None]:
    """Return the plots by name; None where nothing was measured to show."""
    return {
        "targets": draw_targets(results),
        "growth": draw_growth(results),
        "memory": draw_memory(results),
    }


def draw_targets(results: Results) -> str | None:
    rows = {target.load: target for target in TARGETS if not target.weighed}
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

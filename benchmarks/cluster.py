"""What a cluster costs: `python -m benchmarks.cluster`.

Four parts: a broadcast on the node that publishes and on one that receives, beside the official
adapter on Node.js; what recovery adds to an event; what a second worker brings; and the assistant's
server on one node and on two. Each prints a table; `--output` puts them between the marks of a
Markdown file.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from benchmarks.cluster_application import application
from benchmarks.cluster_nodes import KINDS, Pair, Redis
from benchmarks.cluster_workers import Workers
from benchmarks.parts import measured_on, part_parser, read_parts, write_figures
from benchmarks.peers import allow_descriptors


def broadcasts(scale: float) -> list[str]:
    """Measure a broadcast of 100 bytes."""
    costs: dict[str, dict[int, tuple[float, float]]] = {}
    redis = Redis()
    in_redis = []
    try:
        for kind in KINDS:
            pair = Pair(kind, "classic", redis)
            costs[kind] = {}
            for members in (0, 1, 100):
                events = round(scale * (1_000 if members > 1 else 10_000))
                publishing, _, part = pair.cost(members, 0, events)
                receiving = pair.cost(0, members, events)[1] if members else None
                costs[kind][members] = (publishing, receiving or pair.cost(0, 0, events)[1])
                in_redis.append(part)
            pair.close()
    finally:
        redis.close()
    this, node = costs.values()
    lines = [
        "| members on the node | publishing: this | Node.js | receiving: this | Node.js |",
        "|---|---|---|---|---|",
    ]
    for members, (publishing, receiving) in this.items():
        others = node[members]
        lines.append(
            f"| {members} | {publishing:.1f} µs | {others[0]:.1f} µs | {receiving:.1f} µs "
            f"| {others[1]:.1f} µs |"
        )
    lines.append("")
    lines.append(
        f"Redis takes {min(in_redis):.1f} to {max(in_redis):.1f} µs an event with two subscribers: "
        f"{1e6 / max(in_redis):,.0f} events a second at the most."
    )
    return lines


def recovery(scale: float) -> list[str]:
    """Measure an event with and without recovery."""
    lines = [
        "| adapter, members | without: this | Node.js | with recovery: this | Node.js |",
        "|---|---|---|---|---|",
    ]
    redis = Redis()
    try:
        for adapter, members in (("memory", 1), ("memory", 100), ("streams", 1)):
            events = round(scale * (1_000 if members > 1 else 5_000))
            row = []
            for options in ((), ("recovery",)):
                for kind in KINDS:
                    pair = Pair(kind, adapter, redis, *options)
                    row.append(f"{pair.cost(members, 0, events)[0]:.1f} µs")
                    pair.close()
            lines.append(f"| {adapter}, {members} | {' | '.join(row)} |")
    finally:
        redis.close()
    return lines


def workers(scale: float) -> list[str]:
    """Measure one worker and two.

    The capacity is what would be if the worker with most of the sessions had a core to itself.
    """
    lines = [
        "| workers | echoes/s | CPU an echo | each worker's part | generator | connections each "
        "| memory a connection |",
        "|---|---|---|---|---|---|---|",
    ]
    capacities = []
    for count in (1, 2):
        server = Workers(count)
        try:
            memory = server.memory(max(10, round(5_000 * scale)))
            echo = server.echo(max(0.2, 5 * scale))
            spread = server.spread(max(10, round(2_000 * scale)))
        finally:
            server.close()
        capacities.append(sum(spread) / (echo.cost * max(spread)))
        parts = " : ".join(f"{part:.0%}" for part in echo.parts)
        lines.append(
            f"| {count} | {echo.throughput:,.0f} | {echo.cost:.1f} µs | {parts} "
            f"| {echo.generator:.0%} of a core | {' : '.join(map(str, spread))} "
            f"| {memory / 1000:.1f} KB |"
        )
    lines.append("")
    lines.append(
        f"By the CPU that an echo costs, and as the sessions are spread, two do "
        f"{capacities[1] / capacities[0]:.2f} times what one does if each has a core to itself."
    )
    return lines


PARTS: dict[str, tuple[str, Callable[[float], list[str]]]] = {
    "broadcasts": ("A broadcast of 100 bytes, CPU an event", broadcasts),
    "recovery": ("Recovery, CPU an event on the publishing node", recovery),
    "workers": ("Workers on one machine", workers),
    "application": ("The assistant's server, CPU of each part", application),
}


def main(arguments: list[str]) -> None:
    """Measure the parts that are asked for."""
    parser = part_parser("benchmarks.cluster", __doc__, PARTS)
    options = read_parts(parser, PARTS, arguments)
    allow_descriptors()
    before = os.getloadavg()[0]
    text = []
    for name in options.parts:
        title, measure = PARTS[name]
        lines = [f"### {title}", "", *measure(options.scale), ""]
        print("\n".join(lines), flush=True)
        text += lines
    text.append(measured_on(before, "all on one machine"))
    if options.output is not None:
        write_figures(options.output, "\n".join(text))


if __name__ == "__main__":
    main(sys.argv[1:])

"""What clients in distress do to the others: `python -m benchmarks.resilience`.

Four loads: a herd that comes back within a second; honest clients beside crowds of slow and silent
ones; an hour's churn as fast as it goes, with the memory watched; and an event loop that stands
still. Each prints what it saw; `--output` puts it between the marks of a Markdown file.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from benchmarks.parts import measured_on, part_parser, read_parts, write_figures
from benchmarks.peers import allow_descriptors
from benchmarks.resilience_churn import churn
from benchmarks.resilience_herd import herd, stall
from benchmarks.resilience_honest import beside

LOADS: dict[str, tuple[str, Callable[[str, float], list[str]]]] = {
    "herd": ("A herd comes back", herd),
    "beside": ("Honest clients beside others", beside),
    "churn": ("An hour of churn", churn),
    "stall": ("An event loop that stands still", stall),
}


def main(arguments: list[str]) -> None:
    """Run the loads that are asked for."""
    parser = part_parser("benchmarks.resilience", __doc__, LOADS)
    parser.add_argument("--loop", choices=("uvloop", "asyncio"), default="uvloop")
    options = read_parts(parser, LOADS, arguments)
    allow_descriptors()
    before = os.getloadavg()[0]
    text = []
    for name in options.parts:
        title, load = LOADS[name]
        print(title, flush=True)
        text.append(f"## {title}\n")
        for line in load(options.loop, options.scale):
            print(f"  {line}", flush=True)
            text.append(f"- {line}")
        text.append("")
    text.append(measured_on(before, f"with {options.loop}"))
    if options.output is not None:
        write_figures(options.output, "\n".join(text))


if __name__ == "__main__":
    main(sys.argv[1:])

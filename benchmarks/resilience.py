"""What clients in distress do to the others: `python -m benchmarks.resilience`.

Four loads: a herd that comes back within a second; honest clients beside crowds of slow and silent
ones; an hour's churn as fast as it goes, with the memory watched; and an event loop that stands
still. Each prints what it saw; `--output` puts it between the marks of a Markdown file.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.peers import allow_descriptors
from benchmarks.resilience_churn import churn
from benchmarks.resilience_herd import herd, stall
from benchmarks.resilience_honest import beside
from benchmarks.run import machine

MARKS = ("<!-- measured -->\n", "<!-- end -->\n")

LOADS: dict[str, tuple[str, Callable[[str, float], list[str]]]] = {
    "herd": ("A herd comes back", herd),
    "beside": ("Honest clients beside others", beside),
    "churn": ("An hour of churn", churn),
    "stall": ("An event loop that stands still", stall),
}


def main(arguments: list[str]) -> None:
    """Run the loads that are asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.resilience", description=__doc__)
    parser.add_argument("loads", nargs="*", metavar="LOAD", help=f"of {', '.join(LOADS)}")
    parser.add_argument("--loop", choices=("uvloop", "asyncio"), default="uvloop")
    parser.add_argument("--scale", type=float, default=1.0, help="a part of all numbers")
    parser.add_argument("--output", type=Path, help="a Markdown file with marks for the figures")
    options = parser.parse_args(arguments)
    unknown = set(options.loads) - set(LOADS)
    if unknown:
        parser.error(f"got the load {unknown.pop()!r}, expected some of {', '.join(LOADS)}")
    if options.output is not None and not options.output.exists():
        parser.error(f"got the file {options.output}, which is not there to write into")
    allow_descriptors()
    before = os.getloadavg()[0]
    text = []
    for name in options.loads or LOADS:
        title, load = LOADS[name]
        print(title, flush=True)
        text.append(f"## {title}\n")
        for line in load(options.loop, options.scale):
            print(f"  {line}", flush=True)
            text.append(f"- {line}")
        text.append("")
    about = machine()
    text.append(
        f"Measured on {about['processor']}, {about['cores']} cores, with {options.loop}; "
        f"the machine's load was {before:.1f} before."
    )
    if options.output is not None:
        write(options.output, "\n".join(text))


def write(path: Path, figures: str) -> None:
    """Put the figures between the marks of a file."""
    head, _, rest = path.read_text().partition(MARKS[0])
    _, _, tail = rest.partition(MARKS[1])
    path.write_text(f"{head}{MARKS[0]}\n{figures}\n\n{MARKS[1]}{tail}")


if __name__ == "__main__":
    main(sys.argv[1:])

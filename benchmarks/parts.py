"""Benchmarks of several parts: read which are asked for, and put their figures into a document."""

from __future__ import annotations

import argparse
from collections.abc import Collection
from pathlib import Path
from typing import Any

from benchmarks.machine import machine

MARKS = ("<!-- measured -->\n", "<!-- end -->\n")


def part_parser(program: str, about: str | None, parts: Collection[str]) -> argparse.ArgumentParser:
    """Return the parser of a benchmark's command line, which may be given more options.

    program: the module, as `python -m` takes it.
    """
    parser = argparse.ArgumentParser(prog=f"python -m {program}", description=about)
    # Not by `choices`, with which argparse would not take none.
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(parts)}")
    parser.add_argument("--scale", type=float, default=1.0, help="a part of all numbers")
    parser.add_argument("--output", type=Path, help="a Markdown file with marks for the figures")
    return parser


def read_parts(
    parser: argparse.ArgumentParser, parts: Collection[str], arguments: list[str]
) -> Any:
    """Return the options, whose `parts` are all if none was named.

    Raises:
        SystemExit: a part is unknown, or the document is not there.
    """
    options = parser.parse_args(arguments)
    unknown = set(options.parts) - set(parts)
    if unknown:
        parser.error(f"got the part {unknown.pop()!r}, expected some of {', '.join(parts)}")
    if options.output is not None and not options.output.exists():
        parser.error(f"got the file {options.output}, which is not there to write into")
    options.parts = options.parts or list(parts)
    return options


def measured_on(load: float, how: str) -> str:
    """Return the line that tells of the machine, whose load was `load` before."""
    about = machine()
    return (
        f"Measured on {about['processor']}, {about['cores']} cores, {how}; the machine's load was "
        f"{load:.1f} before."
    )


def write_figures(path: Path, figures: str) -> None:
    """Put the figures between the marks of a document."""
    head, _, rest = path.read_text().partition(MARKS[0])
    _, _, tail = rest.partition(MARKS[1])
    path.write_text(f"{head}{MARKS[0]}\n{figures}\n\n{MARKS[1]}{tail}")

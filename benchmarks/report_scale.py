"""The section of the report about the growth of one process, from the results of `scale.py`."""

from __future__ import annotations

import json
from typing import Any

from benchmarks.generator import ROOT
from benchmarks.report_tables import microseconds, table

RESULTS = ROOT / "benchmarks" / "scale.json"
# The parts that are measured at each number of connections.
GROWING = {"echo": "echo", "fan": "delivery of a fan-out to all", "ping": "ping and its pong"}


def recorded() -> dict[str, Any]:
    """Return what is recorded, nothing before the first measurement."""
    found: dict[str, Any] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    return found


def scale_section(found: dict[str, Any]) -> str:
    """Return the section; "" if nothing was measured."""
    if not found:
        return ""
    columns = [part for part in GROWING if part in found]
    titles = dict.fromkeys(title for part in columns for title in found[part]["rows"])
    rows = [(title, *(cell(found[part]["rows"], title) for part in columns)) for title in titles]
    text = (
        "## Scale of one process\n\n"
        "Server CPU of a unit in µs, and how many times that of the first row it is. All clients "
        "are busy: each has a message in flight, or is a member of the one room; or all are idle "
        "but for the server's pings. The largest number is what the machine's limit for open files "
        "allows. `python -m benchmarks.scale` measures it again."
    )
    if columns:
        text += "\n\n" + table(("", *(GROWING[part] for part in columns)), rows)
    if "rooms" in found:
        rooms = found["rooms"]["rows"]
        text += "\n\nA delivery in small rooms, one client of each of which sends:\n\n" + table(
            ("", "µs"), [(title, cell(rooms, title)) for title in rooms]
        )
    dates = sorted({part["date"] for part in found.values()})
    return f"{text}\n\nMeasured on {' and '.join(dates)}."


def cell(rows: dict[str, float], title: str) -> str:
    """Return a cost, and its ratio to the first one."""
    if title not in rows:
        return ""
    first = next(iter(rows))
    ratio = "" if title == first else f" ({rows[title] / rows[first]:.2f})"
    return microseconds(rows[title]) + ratio

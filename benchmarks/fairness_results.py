"""The rows of `benchmarks.fairness` that were kept, and the table of docs/security.md made of them.

A row has what was measured `before` connections had their shares, and last, `after`. `load` is how
many processes wanted a core when the row began: with more than the machine has cores, its times
are those of the others as well.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parent.parent
RESULTS: Final = ROOT / "benchmarks" / "fairness.json"
PAGE: Final = ROOT / "docs" / "security.md"

HEAD: Final = (
    "| beside | ping p99 before | save p50 | memory | ping p99 after | save p50 | memory | load |\n"
    "|---|---|---|---|---|---|---|---|\n"
)

Row = dict[str, Any]
"""What was measured: ping and save in milliseconds, memory in megabytes, lost, load."""


def load() -> dict[str, dict[str, Row]]:
    """Return the rows that are kept, by the names of their deeds."""
    kept: dict[str, dict[str, Row]] = json.loads(RESULTS.read_text())
    return kept


def keep(name: str, row: Row) -> None:
    """Keep a row, and write the table of the page anew."""
    rows = load()
    rows.setdefault(name, {})["after"] = row
    RESULTS.write_text(json.dumps(rows, indent=1) + "\n")
    text = PAGE.read_text()
    start = text.index(HEAD)
    end = text.index("\n\n", start) + 1
    PAGE.write_text(text[:start] + table(rows) + text[end:])


def table(rows: dict[str, dict[str, Row]]) -> str:
    """Return the table of all rows that are kept."""
    lines = []
    for name, row in rows.items():
        cells = [*_cells(row.get("before")), *_cells(row["after"]), str(row["after"]["load"])]
        lines.append(f"| {name} | {' | '.join(cells)} |\n")
    return HEAD + "".join(lines)


def _cells(row: Row | None) -> list[str]:
    if row is None:
        return ["", "", ""]
    lost = ", cut off" if row["lost"] else ""
    return [f"{row['ping']:,} ms{lost}", f"{row['save']:,} ms", f"{row['memory']:,} MB"]

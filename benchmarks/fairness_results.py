"""The rows of `benchmarks.fairness` that were kept, and the tables of docs/security.md of them.

A row has what was measured `before` connections had their shares, and last, `after`; and what was
measured with PostgreSQL, `postgres`. `load` is how many processes wanted a core when the row began:
with more than the machine has cores, its times are those of the others as well. Rows that are kept
from now on have a `date`.
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

POSTGRES_HEAD: Final = (
    "| beside, with PostgreSQL | ping p99 | save p50 | memory | load |\n|---|---|---|---|---|\n"
)

Row = dict[str, Any]
"""What was measured: ping and save in milliseconds, memory in megabytes, lost, load, date."""


def load() -> dict[str, dict[str, Row]]:
    """Return the rows that are kept, by the names of their deeds."""
    kept: dict[str, dict[str, Row]] = json.loads(RESULTS.read_text())
    return kept


def keep(name: str, row: Row, kind: str = "after") -> None:
    """Keep a row of a kind, and write the tables of the page anew."""
    rows = load()
    rows.setdefault(name, {})[kind] = row
    RESULTS.write_text(json.dumps(rows, indent=1) + "\n")
    text = PAGE.read_text()
    for head, new in ((HEAD, table(rows)), (POSTGRES_HEAD, postgres_table(rows))):
        start = text.index(head)
        end = text.index("\n\n", start) + 1
        text = text[:start] + new + text[end:]
    PAGE.write_text(text)


def table(rows: dict[str, dict[str, Row]]) -> str:
    """Return the table of all rows that are kept."""
    lines = []
    for name, row in rows.items():
        if "after" in row:
            cells = [*_cells(row.get("before")), *_cells(row["after"]), row["after"]["load"]]
            lines.append(f"| {name} | {' | '.join(cells)} |\n")
    return HEAD + "".join(lines)


def postgres_table(rows: dict[str, dict[str, Row]]) -> str:
    """Return the table of the rows that were measured with PostgreSQL."""
    lines = [
        f"| {name} | {' | '.join([*_cells(row['postgres']), row['postgres']['load']])} |\n"
        for name, row in rows.items()
        if "postgres" in row
    ]
    return POSTGRES_HEAD + "".join(lines)


def _cells(row: Row | None) -> list[str]:
    if row is None:
        return ["", "", ""]
    lost = ", cut off" if row["lost"] else ""
    return [f"{row['ping']:,} ms{lost}", f"{row['save']:,} ms", f"{row['memory']:,} MB"]

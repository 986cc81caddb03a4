"""What the database does for a piece of work, counted and not timed."""

from __future__ import annotations

import contextlib
import re
import sqlite3
from collections.abc import Iterator

MOST_STEPS = 50_000
"""Of SQLite's machine: about 4 million a second on a slow one, less with much to write."""
ALL_STEPS = 200_000
"""For what lists all files: it writes nothing."""
FEW_STEPS = 2_500
"""For what concerns one row, and those that belong to it, such as `saves.MAX_MOVES` moves."""
_COUNTED_EVERY = 50
# A subquery is as long as its own limit lets it be; these indexes hold what is listed, or one of
# which is taken, and so does the table.
_SHORT = "projects_of_everyone|leftovers_to_delete|documents_unsaved|document_moves|last_row"


class Meter:
    """Counts the steps of SQLite's machine, and keeps the statements."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.statements: list[str] = []
        self._ticks = 0
        self._connection = connection
        connection.set_progress_handler(self._tick, _COUNTED_EVERY)
        connection.set_trace_callback(self.statements.append)

    def _tick(self) -> None:
        self._ticks += 1

    def taken(self) -> int:
        """The steps since this was asked last."""
        ticks, self._ticks = self._ticks, 0
        return ticks * _COUNTED_EVERY

    def close(self) -> None:
        self._connection.set_progress_handler(None, 0)
        self._connection.set_trace_callback(None)


@contextlib.contextmanager
def metered(connection: sqlite3.Connection) -> Iterator[Meter]:
    """What is done is undone; whatever goes through a table that grows is a failure."""
    connection.execute("BEGIN")
    meter = Meter(connection)
    try:
        yield meter
    finally:
        meter.close()
        connection.execute("ROLLBACK")
    # The plan does not depend on the values: one of each shape is enough.
    shapes = {re.sub(r"'[^']*'|\b\d+\b", "?", one): one for one in meter.statements}
    for statement in shapes.values():
        if re.match(r"\s*(SELECT|INSERT|UPDATE|DELETE|WITH)\b", statement):
            for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}").fetchall():
                scanned = re.match(
                    rf"SCAN (?!\(|(\d+ )?CONSTANT|\d+-ROW VALUES|.*(?:{_SHORT}))", row[3]
                )
                assert scanned is None, (row[3], statement)

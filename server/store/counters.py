"""Numbers that only grow, also across restarts."""

from __future__ import annotations

from server.store.connection import Connection


def increment(connection: Connection, name: str, by: int = 1) -> int:
    """Return the next number of a counter, or the last of the next `by` numbers. The first one is
    1.
    """
    (value,) = connection.execute(
        "INSERT INTO counters VALUES (?1, ?2) "
        "ON CONFLICT (name) DO UPDATE SET value = counters.value + ?2 RETURNING value",
        (name, by),
    ).fetchone()
    return int(value)

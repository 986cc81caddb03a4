"""Numbers that only grow, also across restarts."""

from __future__ import annotations

from server.store.connection import Connection


def increment(connection: Connection, name: str) -> int:
    """Return the next number of a counter. The first is 1."""
    (value,) = connection.execute(
        "INSERT INTO counters VALUES (?, 1) "
        "ON CONFLICT (name) DO UPDATE SET value = counters.value + 1 RETURNING value",
        (name,),
    ).fetchone()
    return int(value)

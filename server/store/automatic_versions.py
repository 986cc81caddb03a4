"""Which projects are due for an automatic version, and how many of those a project keeps."""

from __future__ import annotations

from typing import Final

from server.store import snapshots
from server.store.connection import Connection

_NOTICED_AT_ONCE: Final = 100
"""Projects whose changes one piece of work notices."""
DUE_AT_ONCE: Final = 10
"""Projects that one piece of work finds to be due."""
_DROPPED_AT_ONCE: Final = 10
"""Versions that one piece of work deletes."""


def due(connection: Connection, now: str, since: str) -> list[str]:
    """Return some projects with changes since their last version that were noticed at the time
    `since` or before. Changes that were not noticed yet are noticed `now`.
    """
    connection.execute(
        "UPDATE projects SET unversioned_since = ? WHERE id IN (SELECT id FROM projects "
        "WHERE revision > versioned AND unversioned_since IS NULL LIMIT ?)",
        (now, _NOTICED_AT_ONCE),
    )
    rows = connection.execute(
        "SELECT id FROM projects WHERE revision > versioned AND unversioned_since <= ? "
        "ORDER BY unversioned_since LIMIT ?",
        (since, DUE_AT_ONCE),
    )
    return [project_id for (project_id,) in rows]


def make_room(connection: Connection, project_id: str, most: int) -> list[str]:
    """Delete the oldest automatic versions of a project, so that there is room for one more of
    `most`. Return their ids.
    """
    rows = connection.execute(
        "SELECT id FROM versions WHERE project_id = ? AND automatic = 1 "
        "ORDER BY sequence DESC LIMIT ? OFFSET ?",
        (project_id, _DROPPED_AT_ONCE, most - 1),
    ).fetchall()
    for (version_id,) in rows:
        snapshots.delete(connection, version_id)
    return [version_id for (version_id,) in rows]

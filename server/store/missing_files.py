"""The errors for a path with nothing: they say where the file or folder is that was there."""

from __future__ import annotations

from server.api.errors import Code, EventError
from server.api.paths import bounds, moved
from server.store import project_files
from server.store.connection import Connection


def missing(connection: Connection, project_id: str, path: str) -> EventError:
    """Return the error for a path without a file: its details have `movedTo` if the file is
    somewhere else.
    """
    place = _moved_to(connection, project_id, path)
    if place is not None and project_files.file(connection, project_id, place) is None:
        place = None
    return _error(f"file {path!r}: the project has no such file", place)


def nothing_at(connection: Connection, project_id: str, path: str) -> EventError:
    """Return the error for a path with neither a file nor a folder: its details have `movedTo` if
    what was there is somewhere else.
    """
    place = _moved_to(connection, project_id, path)
    if place is not None and not project_files.is_taken(connection, project_id, place):
        place = None
    return _error(f"path {path!r}: the project has nothing there", place)


def _error(message: str, place: str | None) -> EventError:
    if place is None:
        return EventError(Code.NOT_FOUND, message)
    return EventError(Code.NOT_FOUND, f"{message}, it is {place!r} now", {"movedTo": place})


def _moved_to(connection: Connection, project_id: str, path: str) -> str | None:
    """Return where the file or folder is by now that was the last at a path. Return None if none
    has moved from there, or if something else was saved there since then.
    """
    place: str | None = None
    left = 0
    # The last moves first. Those that came after the one that is looked for lead its target on.
    later: list[tuple[str, str]] = []
    for number, source, target in connection.execute(
        "SELECT number, source, target FROM moves WHERE project_id = ? ORDER BY number DESC",
        (project_id,),
    ):
        place = moved(path, source, target)
        if place is not None:
            left = number
            break
        later.append((source, target))
    if place is None:
        return None
    for source, target in reversed(later):
        place = moved(place, source, target) or place
    saved_since = connection.execute(
        "SELECT 1 FROM saves WHERE project_id = ?1 AND path = ?2 AND sequence > ?3 UNION ALL "
        "SELECT 1 FROM saves WHERE project_id = ?1 AND path >= ?4 AND path < ?5 "
        "AND sequence > ?3 LIMIT 1",
        (project_id, path, left, *bounds(path)),
    ).fetchone()
    return place if saved_since is None else None

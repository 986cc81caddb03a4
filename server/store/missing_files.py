"""Says that a project has no file at a path, and where the file is that had the path last."""

from __future__ import annotations

from server.api.errors import Code, EventError
from server.api.paths import moved
from server.store import contents
from server.store.connection import Connection


def missing(connection: Connection, project_id: str, path: str) -> EventError:
    """Return the error for a path without a file: its details have `movedTo` if the file is
    somewhere else.
    """
    message = f"file {path!r}: the project has no such file"
    place = _moved_to(connection, project_id, path)
    if place is None:
        return EventError(Code.NOT_FOUND, message)
    return EventError(Code.NOT_FOUND, f"{message}, it is {place!r} now", {"movedTo": place})


def _moved_to(connection: Connection, project_id: str, path: str) -> str | None:
    """Return where the file is that has left a path last; None if it is gone, too, or if another
    file had the path since.
    """
    place: str | None = None
    left = 0
    # The last ones first: those after it were made with where it went.
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
        "SELECT 1 FROM saves WHERE project_id = ? AND path = ? AND sequence > ? LIMIT 1",
        (project_id, path, left),
    ).fetchone()
    is_there = contents.file(connection, project_id, place) is not None
    return place if is_there and saved_since is None else None

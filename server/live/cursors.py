"""Where users are in files: `cursor:update`. Nothing is kept, and what cannot be sent at once is
dropped: the next position is on its way.
"""

from __future__ import annotations

from server.api.errors import Code, EventError
from server.api.paths import normal
from server.api.people_announcements import CursorUpdated
from server.api.services import Call
from server.api.types import Natural, Path, Place, ProjectPayload, Range
from server.live.node_messages import CursorNow, Person, position_of, selection_of
from server.people.room_access import project_room


class CursorPayload(ProjectPayload, frozen=True, kw_only=True):
    """Where the sender is. `version` says in which version of a document that is open."""

    file_path: Path
    position: Place
    selection: Range | None = None
    version: Natural | None = None


def update(call: Call[CursorPayload]) -> None:
    """Tell the others in the project where the sender is in a file."""
    payload = call.payload
    room = project_room(payload.project_id)
    if room not in call.socket.rooms:
        raise EventError(Code.FORBIDDEN, "join the project before showing a cursor in it")
    selection = payload.selection
    announcement = CursorUpdated(
        user=call.user,
        socket_id=call.socket.id,
        project_id=payload.project_id,
        file_path=normal(payload.file_path),
        position=position_of(payload.position),
        selection=None if selection is None else selection_of(selection),
        version=payload.version,
    )
    call.tell_others(room, announcement, project_id=payload.project_id, volatile=True, here=True)
    moved = CursorNow(
        person=Person(call.user.id, call.user.name),
        socket_id=call.socket.id,
        project_id=payload.project_id,
        file_path=announcement.file_path,
        place=payload.position,
        selection=selection,
        version=payload.version,
    )
    call.services.cluster_presence.cursor(moved)

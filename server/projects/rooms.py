"""Rooms by name: `room:join`, `room:leave`, `room:leaveAll`.

The room of a project is more than a name: whoever enters or leaves it this way joins or leaves the
project, as with `project:join` and `project:leave`.
"""

from __future__ import annotations

from server.api.errors import Code, EventError
from server.api.services import Call
from server.api.socket_announcements import RoomJoined, RoomLeft
from server.api.types import Payload, Record, RoomName
from server.people.room_access import (
    check_room_limit,
    is_document_room,
    is_entered_by_itself,
    may_join,
    project_of,
    user_room,
)
from server.projects import projects


class RoomPayload(Payload, frozen=True, kw_only=True):
    """Which room."""

    room: RoomName


class RoomResult(Record, frozen=True):
    """The room."""

    room: str


class RoomsResult(Record, frozen=True):
    """The rooms that were left."""

    rooms: list[str]


def join(call: Call[RoomPayload]) -> RoomResult:
    """Enter a room; answered with `room:joined`, again if the socket is in it already."""
    room = call.payload.room
    _check(call, room)
    project_id = project_of(room)
    if project_id is None:
        check_room_limit(call.socket.rooms, room)
        call.socket.join(room)
    else:
        projects.enter(call, project_id)
    call.reply(RoomJoined(room=room), project_id=project_id)
    return RoomResult(room)


def leave(call: Call[RoomPayload]) -> RoomResult:
    """Leave a room; answered with `room:left`, also if the socket was not in it."""
    room = call.payload.room
    _check(call, room)
    _leave(call, room)
    return RoomResult(room)


def leave_all(call: Call[Payload]) -> RoomsResult:
    """Leave all rooms but the private ones. Each is told with `room:left`."""
    private = {call.socket.id, user_room(call.user.id)}
    # Rooms of documents are left together with their projects.
    rooms = sorted(
        room
        for room in call.socket.rooms - private
        if not (is_document_room(room) or is_entered_by_itself(room))
    )
    for room in rooms:
        _leave(call, room)
    return RoomsResult(rooms)


def _leave(call: Call[RoomPayload] | Call[Payload], room: str) -> None:
    project_id = project_of(room)
    if project_id is None:
        call.socket.leave(room)
    else:
        projects.depart(call, project_id)
    call.reply(RoomLeft(room=room), project_id=project_id)


def _check(call: Call[RoomPayload], room: str) -> None:
    # A free name may be the id of a socket by chance: whoever enters it would read that socket's
    # messages.
    directory = call.services.directory
    if may_join(directory, call.user, room) and room not in call.socket.namespace.sockets:
        return
    if project_of(room) is not None:
        raise EventError(Code.NOT_FOUND, f"room {room!r}: no such project")
    raise EventError(
        Code.FORBIDDEN,
        f"room {room!r}: expected project:<id>, user:<your id>, notifications, "
        "or a name that begins with test- or team:",
    )

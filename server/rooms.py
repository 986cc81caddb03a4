"""Rooms by name: `room:join`, `room:leave`, `room:leaveAll`.

The room of a project is more than a name: whoever enters or leaves it this way joins or leaves the
project, as with `project:join` and `project:leave`.
"""

from __future__ import annotations

from typing import Any, Final

from server import projects
from server.access import may_join, project_of, user_room
from server.errors import Code, EventError
from server.registry import Call

MAX_ROOMS: Final = 100
"""Rooms that one socket may be in."""


def join(call: Call) -> dict[str, Any]:
    """Enter a room; answers with `room:joined {room}`, again if the socket is in it already."""
    room: str = call.payload["room"]
    _check(call, room)
    rooms = call.socket.rooms
    if room not in rooms and len(rooms) > MAX_ROOMS:
        raise EventError(
            Code.RATE_LIMIT_EXCEEDED,
            f"this connection is in {MAX_ROOMS} rooms, the most allowed: leave one first",
        )
    project_id = project_of(room)
    if project_id is None:
        call.socket.join(room)
    else:
        projects.enter(call, project_id)
    call.reply("room:joined", {"room": room}, project_id=project_id)
    return {"room": room}


def leave(call: Call) -> dict[str, Any]:
    """Leave a room; answers with `room:left {room}`, also if the socket was not in it."""
    room: str = call.payload["room"]
    _check(call, room)
    _leave(call, room)
    return {"room": room}


def leave_all(call: Call) -> dict[str, Any]:
    """Leave all rooms but the private ones: a `room:left` each."""
    private = {call.socket.id, user_room(call.user.id)}
    rooms = sorted(call.socket.rooms - private)
    for room in rooms:
        _leave(call, room)
    return {"rooms": rooms}


def _leave(call: Call, room: str) -> None:
    project_id = project_of(room)
    if project_id is None:
        call.socket.leave(room)
    else:
        projects.depart(call, project_id)
    call.reply("room:left", {"room": room}, project_id=project_id)


def _check(call: Call, room: str) -> None:
    # A free name may happen to be the id of a socket, whose messages it would let read.
    if may_join(call.user, room) and room not in call.socket.namespace.sockets:
        return
    if project_of(room) is not None:
        raise EventError(Code.NOT_FOUND, f"room {room!r}: no such project")
    raise EventError(
        Code.FORBIDDEN,
        f"room {room!r}: expected project:<id>, user:<your id>, notifications, "
        "or a name that begins with test- or team:",
    )

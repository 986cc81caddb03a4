"""Being in a project: its room, who is there, and what the others hear of it.

`user:joined` and `user:left` are about users, not sockets: the others hear of a user's first and
last socket in the project.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from server.access import project_of, project_room, user_room
from server.envelope import envelope
from server.identity import User, acting_user
from server.registry import Call
from socketio_min import Socket

if TYPE_CHECKING:
    from server.application import Application


def join(call: Call) -> dict[str, Any]:
    """Enter a project; acknowledges with who one is and who is there."""
    project_id: str = call.payload["projectId"]
    enter(call, project_id)
    users = call.application.presence.users(project_id)
    return {
        "projectId": project_id,
        "room": project_room(project_id),
        "user": call.user.data,
        "users": [user.data for user in users],
    }


def leave(call: Call) -> dict[str, Any]:
    """Leave a project; does nothing if the socket is not in it."""
    project_id: str = call.payload["projectId"]
    exit_(call, project_id)
    return {"projectId": project_id, "room": project_room(project_id)}


def enter(call: Call, project_id: str) -> None:
    """The socket enters the project's room, and the others hear of a new user."""
    room = project_room(project_id)
    call.socket.join(room)
    if call.application.presence.enter(project_id, call.user, call.socket.id):
        call.tell_others(room, "user:joined", {"user": call.user.data}, project_id=project_id)


def exit_(call: Call, project_id: str) -> None:
    """The socket leaves the project's room, and the others hear if the user is gone."""
    room = project_room(project_id)
    call.application.typing.stop(call.socket, call.user, project_id)
    if call.application.presence.leave(project_id, call.user, call.socket.id):
        call.tell_others(room, "user:left", {"user": call.user.data}, project_id=project_id)
    call.socket.leave(room)


def change_user(call: Call, guest: User) -> None:
    """The socket was `guest` until this event; its projects now have the user instead."""
    socket = call.socket
    was = replace(call, user=guest)
    for project_id in projects_of(socket):
        exit_(was, project_id)
        enter(call, project_id)
    socket.leave(user_room(guest.id))


def disconnecting(application: Application, socket: Socket, *, tell: bool) -> None:
    """The socket is about to go; without `tell` nobody hears of it."""
    user = acting_user(socket)
    for project_id in projects_of(socket):
        if application.presence.leave(project_id, user, socket.id) and tell:
            wrapped = envelope("user:left", user_id=user.id, project_id=project_id)
            room = project_room(project_id)
            socket.to(room).emit("user:left", {"user": user.data}, wrapped)


def projects_of(socket: Socket) -> list[str]:
    """The projects that the socket is in."""
    return sorted(
        project_id for room in socket.rooms if (project_id := project_of(room)) is not None
    )

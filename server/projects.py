"""Being in a project: its room, who is there, and what the others hear of it.

`user:joined` and `user:left` are about users, not sockets: the others hear of a user's first and
last socket in the project.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from server.access import project_room, projects_of, user_room
from server.identity import User
from server.registry import Call
from server.typing_indicator import stop_typing


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
    depart(call, project_id)
    return {"projectId": project_id, "room": project_room(project_id)}


def enter(call: Call, project_id: str) -> None:
    """The socket enters the project's room, and the others hear of a new user."""
    room = project_room(project_id)
    call.socket.join(room)
    if call.application.presence.enter(project_id, call.user, call.socket.id):
        call.tell_others(room, "user:joined", {"user": call.user.data}, project_id=project_id)


def depart(call: Call, project_id: str) -> None:
    """The socket leaves the project's room, and the others hear if the user is gone."""
    room = project_room(project_id)
    stop_typing(call, project_id)
    if call.application.presence.leave(project_id, call.user, call.socket.id):
        call.tell_others(room, "user:left", {"user": call.user.data}, project_id=project_id)
    call.socket.leave(room)


def change_user(call: Call, guest: User) -> None:
    """The socket was `guest` until this event; its projects now have the user instead."""
    as_guest = replace(call, user=guest)
    for project_id in call.application.typing.projects(call.socket):
        stop_typing(as_guest, project_id)
    for project_id in projects_of(call.socket.rooms):
        depart(as_guest, project_id)
        enter(call, project_id)
    call.socket.leave(user_room(guest.id))

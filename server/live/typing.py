"""Who is typing: `user:typing`, which ends by itself.

Typing ends a few seconds after the last `isTyping: true`, or when the socket leaves the project or
disconnects.
"""

from __future__ import annotations

import asyncio
from typing import Any

from server.api.people_announcements import UserTyping
from server.api.services import Call
from server.api.types import Id, Payload
from server.people.room_access import project_room, projects_of


class TypingPayload(Payload, frozen=True, kw_only=True):
    """Whether the user is typing. Without a project that is told in each project that the socket is
    in.
    """

    is_typing: bool
    project_id: Id | None = None


async def typing(call: Call[TypingPayload]) -> None:
    """Tell the others in the project that the user is typing, or not any more.

    Typing ends by itself after four seconds.
    """
    named = call.payload.project_id
    for project_id in projects_of(call.socket.rooms) if named is None else [named]:
        call.check_connected()
        if not call.payload.is_typing:
            stop_typing(call, project_id)
            continue
        call.services.typing.start(call.socket.id, call.user, project_id)
        call.services.cluster_presence.typing(call.user, project_id, is_typing=True)
        typing_now = UserTyping(user=call.user, project_id=project_id, is_typing=True)
        call.tell_others(project_room(project_id), typing_now, project_id=project_id, here=True)
        if named is None:
            # There may be a hundred projects, with everybody in them.
            await asyncio.sleep(0)


def stop_typing(call: Call[Any], project_id: str) -> None:
    """End the socket's typing in a project. Tell the others if the user types on no other
    socket.
    """
    typing = call.services.typing
    if project_id not in typing.projects(call.socket.id):
        return
    user = typing.stop(call.socket.id, project_id)
    sockets = call.services.sockets.of_user(call.user.id)
    if not any(project_id in typing.projects(socket.id) for socket in sockets):
        call.services.cluster_presence.typing(call.user, project_id, is_typing=False)
    if user is not None:
        ended = UserTyping(user=user, project_id=project_id, is_typing=False)
        call.tell_others(project_room(project_id), ended, project_id=project_id, here=True)

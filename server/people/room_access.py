"""Who may enter which room: the names of all rooms, and the one place that decides."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

from server.api.errors import Code, EventError
from server.api.records import User
from server.people.directory import Directory

NOTIFICATIONS: Final = "notifications"
MAX_ROOMS: Final = 100
"""Rooms that one socket may be in, besides its own: what the socket does may reach all of them."""
FREE_PREFIXES: Final = ("test-", "team:")
_PROJECT: Final = "project:"
_USER: Final = "user:"
_DOCUMENT: Final = "document:"
_SOCKETS: Final = "sockets:"
_SESSION: Final = "session:"


def project_room(project_id: str) -> str:
    """Return the name of a project's room."""
    return _PROJECT + project_id


def user_room(user_id: str) -> str:
    """Return the name of a user's own room, which the user's sockets may enter."""
    return _USER + user_id


def sockets_room(user_id: str) -> str:
    """Return the name of the room of all sockets of a user, on all nodes. A socket is in it for as
    long as it acts as the user.
    """
    return _SOCKETS + user_id


def session_room(session_key: str) -> str:
    """Return the name of the room of all sockets of a session, on all nodes."""
    return _SESSION + session_key


def is_entered_by_itself(room: str) -> bool:
    """Return whether a room is one that sockets are in because of who they act as."""
    return room.startswith((_SOCKETS, _SESSION))


def document_room(epoch: str) -> str:
    """Return the name of the room of the sockets that have a document open."""
    return _DOCUMENT + epoch


def is_document_room(room: str) -> bool:
    """Return whether a room is that of a document, which only `file:open` enters."""
    return room.startswith(_DOCUMENT)


def project_of(room: str) -> str | None:
    """Return the id of the project whose room this is, None if it is no project's."""
    return room.removeprefix(_PROJECT) if room.startswith(_PROJECT) else None


def projects_of(rooms: Iterable[str]) -> list[str]:
    """Return the ids of the projects whose rooms are among these, sorted."""
    return sorted(project_id for room in rooms if (project_id := project_of(room)) is not None)


def check_room_limit(rooms: Collection[str], room: str) -> None:
    """Let a socket that is in `rooms`, its own among them, enter another one.

    Raises:
        EventError: the socket is in `MAX_ROOMS` rooms already (`RATE_LIMIT_EXCEEDED`).
    """
    entered = sum(not is_entered_by_itself(one) for one in rooms)
    if room not in rooms and entered > MAX_ROOMS:
        raise EventError(
            Code.RATE_LIMIT_EXCEEDED,
            f"this connection is in {MAX_ROOMS} rooms, the most allowed: leave one first",
        )


def may_join(directory: Directory, user: User, room: str) -> bool:
    """Return whether the user may be in the room."""
    project_id = project_of(room)
    if project_id is not None:
        return directory.role(project_id, user.id) is not None
    if room in (NOTIFICATIONS, user_room(user.id)):
        return True
    return room.startswith(FREE_PREFIXES) and room not in FREE_PREFIXES

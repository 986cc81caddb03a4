"""Users: a user's own room, `user:<id>`, in which all of the user's sockets can be reached; and
finding somebody to share a project with.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, islice
from typing import Final

from server.api.records import User
from server.api.services import Call
from server.api.types import Id, Payload, ProjectPayload, Record
from server.people.room_access import check_room_limit, user_room

FOUND: Final = 10
"""Users that a search finds."""
_LOOKED_AT: Final = 1_000
"""Users that a search looks at."""


class UserPayload(Payload, frozen=True, kw_only=True):
    """Who the user is."""

    user_id: Id


class UserJoinResult(Record, frozen=True):
    """The room, and whose it is."""

    room: str
    user: User


class UserLeaveResult(Record, frozen=True):
    """The room."""

    room: str


class UserSearchPayload(ProjectPayload, frozen=True, kw_only=True):
    """How the name or the id begins; capitals count as small letters."""

    prefix: Id


class UserSearchResult(Record, frozen=True):
    """Users who are no members of the project, at most 10, by name."""

    users: list[User]


def join(call: Call[UserPayload]) -> UserJoinResult:
    """Enter the user's own room. Another user's room cannot be entered."""
    room = user_room(call.user.id)
    check_room_limit(call.socket.rooms, room)
    call.socket.join(room)
    return UserJoinResult(room, call.user)


def leave(call: Call[UserPayload]) -> UserLeaveResult:
    """Leave the user's own room."""
    room = user_room(call.user.id)
    call.socket.leave(room)
    return UserLeaveResult(room)


def search(call: Call[UserSearchPayload]) -> UserSearchResult:
    """Find users to share a project with, by the beginning of their name: those who have accounts,
    and in open mode those who are connected. A user whose name is an address of e-mail is only
    found by the whole of it.
    """
    payload = call.payload
    members = call.services.directory.members(payload.project_id)
    found: dict[str, User] = {}
    for user in islice(_candidates(call), _LOOKED_AT):
        if user.id not in members:
            found.setdefault(user.id, user)
        if len(found) == FOUND:
            break
    return UserSearchResult(sorted(found.values(), key=lambda user: user.name.casefold()))


def _candidates(call: Call[UserSearchPayload]) -> Iterator[User]:
    services, prefix = call.services, call.payload.prefix
    yield from services.directory.begin_with(prefix)
    if services.settings.auth_mode == "open":
        # Users are whoever clients say that they are.
        sought = prefix.casefold()
        here, there = services.sockets.users(), services.cluster_presence.others.users()
        for user_id in islice(chain(here, there), _LOOKED_AT):
            if user_id.casefold().startswith(sought) and ("@" not in user_id or user_id == prefix):
                yield User(user_id, user_id)

"""A user's own room, `user:<id>`, where all of their sockets can be reached."""

from __future__ import annotations

from server.api.records import User
from server.api.registry import Call
from server.api.types import Id, Payload, Record
from server.people.access import check_place, user_room


class UserPayload(Payload, frozen=True, kw_only=True):
    """Who one is."""

    user_id: Id


class UserJoinResult(Record, frozen=True):
    """The room, and whose it is."""

    room: str
    user: User


class UserLeaveResult(Record, frozen=True):
    """The room."""

    room: str


def join(call: Call[UserPayload]) -> UserJoinResult:
    """Enter one's own room; another user's is out of reach."""
    room = user_room(call.user.id)
    check_place(call.socket.rooms, room)
    call.socket.join(room)
    return UserJoinResult(room, call.user)


def leave(call: Call[UserPayload]) -> UserLeaveResult:
    """Leave one's own room."""
    room = user_room(call.user.id)
    call.socket.leave(room)
    return UserLeaveResult(room)

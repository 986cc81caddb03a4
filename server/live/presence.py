"""Who is in which project, and what they are doing: `user:presence`.

A user is in a project as long as one of their sockets is. What they say about themselves holds in
all their projects, and is forgotten with their last socket.
"""

from __future__ import annotations

from dataclasses import dataclass

from server.api import records
from server.api.announcements import UserPresence
from server.api.envelope import timestamp
from server.api.records import PresenceStatus, User
from server.api.registry import Call
from server.api.types import Line, Payload, Record
from server.people.access import project_of


class PresencePayload(Payload, frozen=True, kw_only=True):
    """What one is doing. The time is the server's, whatever `timestamp` says."""

    status: PresenceStatus
    activity: Line | None = None
    timestamp: Line | None = None


class PresenceResult(Record, frozen=True):
    """What the others see."""

    presence: records.Presence


@dataclass(frozen=True, slots=True)
class _Said:
    status: PresenceStatus
    activity: str | None


class Presence:
    """The users of each project, with the sockets that keep them there."""

    __slots__ = ("_projects", "_said")

    def __init__(self) -> None:
        self._projects: dict[str, dict[User, set[str]]] = {}
        self._said: dict[str, _Said] = {}

    def enter(self, project_id: str, user: User, socket_id: str) -> bool:
        """A socket is in the project; returns whether that brings the user in."""
        sockets = self._projects.setdefault(project_id, {}).setdefault(user, set())
        first = not sockets
        sockets.add(socket_id)
        return first

    def leave(self, project_id: str, user: User, socket_id: str) -> bool:
        """A socket is out of the project; returns whether that takes the user out."""
        users = self._projects.get(project_id, {})
        sockets = users.get(user)
        if sockets is None or socket_id not in sockets:
            return False
        sockets.discard(socket_id)
        if sockets:
            return False
        del users[user]
        if not users:
            del self._projects[project_id]
        return True

    def users(self, project_id: str) -> list[User]:
        """Who is in the project, in the order in which they came."""
        return list(self._projects.get(project_id, ()))

    def say(self, user: User, status: PresenceStatus, activity: str | None) -> records.Presence:
        """A user says what they are doing."""
        self._said[user.id] = _Said(status, activity)
        return self._of(user)

    def forget(self, user_id: str) -> None:
        """A user's last socket is gone."""
        self._said.pop(user_id, None)

    def activities(self, project_id: str) -> list[records.Presence]:
        """What the users in the project are doing; who said nothing is online."""
        return [self._of(user) for user in self.users(project_id)]

    def _of(self, user: User) -> records.Presence:
        said = self._said.get(user.id, _Said("online", None))
        return records.Presence(user=user, status=said.status, activity=said.activity)


def presence(call: Call[PresencePayload]) -> PresenceResult:
    """Tell the others in one's projects what one is doing."""
    payload = call.payload
    call.check_connected()
    now = call.application.presence.say(call.user, payload.status, payload.activity)
    announcement = UserPresence(
        user=call.user, status=now.status, timestamp=timestamp(), activity=now.activity
    )
    # Of the user, not of this socket: what they do is the same for all who see them. Those who see
    # them in several projects hear it once.
    sockets = call.application.sockets.of_user(call.user.id)
    rooms = {room for one in sockets for room in one.rooms if project_of(room) is not None}
    call.tell_others(sorted(rooms), announcement)
    return PresenceResult(now)

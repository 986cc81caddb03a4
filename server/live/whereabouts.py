"""The users of each project and what they say that they are doing, in memory.

A user is in a project as long as one of their sockets is. What they say about themselves holds in
all their projects, and is forgotten with their last socket.
"""

from __future__ import annotations

from dataclasses import dataclass

from server.api import records
from server.api.records import PresenceStatus, User


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
        """Add a socket to a project. Return whether it is the user's first one there."""
        sockets = self._projects.setdefault(project_id, {}).setdefault(user, set())
        first = not sockets
        sockets.add(socket_id)
        return first

    def leave(self, project_id: str, user: User, socket_id: str) -> bool:
        """Take a socket out of a project. Return whether it was the user's last one there."""
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
        """Return the users in the project, in the order in which they came."""
        return list(self._projects.get(project_id, ()))

    def say(self, user: User, status: PresenceStatus, activity: str | None) -> records.Presence:
        """Keep what a user says that they are doing, and return it."""
        self._said[user.id] = _Said(status, activity)
        return self._of(user)

    def forget(self, user_id: str) -> None:
        """Forget what a user has said, whose last socket is gone."""
        self._said.pop(user_id, None)

    def activities(self, project_id: str) -> list[records.Presence]:
        """Return what the users in the project are doing. A user who said nothing is online."""
        return [self._of(user) for user in self.users(project_id)]

    def _of(self, user: User) -> records.Presence:
        said = self._said.get(user.id, _Said("online", None))
        return records.Presence(user=user, status=said.status, activity=said.activity)

"""The users of each project and what they say that they are doing, in memory.

A user is in a project as long as one socket of the user is. Another node of a cluster on which the
user is there counts as a socket. What a user says holds in all projects of the user, and is
forgotten with the user's last socket.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

from server.api import records
from server.api.records import PresenceStatus, User


@dataclass(frozen=True, slots=True)
class _Said:
    status: PresenceStatus
    activity: str | None


@dataclass(frozen=True, slots=True)
class _Visit:
    """A user's stay in a project. A later stay has a greater number."""

    number: int
    sockets: set[str]


class Presence:
    """The users of each project, with the sockets that keep them there."""

    __slots__ = ("_last", "_projects", "_said")

    def __init__(self) -> None:
        # In the order in which they came.
        self._projects: dict[str, dict[User, _Visit]] = {}
        self._last = 0
        self._said: dict[str, _Said] = {}

    def enter(self, project_id: str, user: User, socket_id: str) -> bool:
        """Add a socket to a project. Return whether it is the user's first one there."""
        users = self._projects.setdefault(project_id, {})
        visit = users.get(user)
        if visit is None:
            self._last += 1
            users[user] = _Visit(self._last, {socket_id})
            return True
        visit.sockets.add(socket_id)
        return False

    def leave(self, project_id: str, user: User, socket_id: str) -> bool:
        """Take a socket out of a project. Return whether it was the user's last one there."""
        users = self._projects.get(project_id, {})
        visit = users.get(user)
        if visit is None or socket_id not in visit.sockets:
            return False
        visit.sockets.discard(socket_id)
        if visit.sockets:
            return False
        del users[user]
        if not users:
            del self._projects[project_id]
        return True

    def has(self, project_id: str, user: User) -> bool:
        """Return whether a user is in a project."""
        return user in self._projects.get(project_id, {})

    def say(self, user: User, status: PresenceStatus, activity: str | None) -> records.Presence:
        """Keep what a user says that they are doing, and return it."""
        self._said[user.id] = _Said(status, activity)
        return self._of(user)

    def said(self, user: User) -> records.Presence | None:
        """Return what a user has said that they are doing, None if nothing."""
        return self._of(user) if user.id in self._said else None

    def forget(self, user_id: str) -> None:
        """Forget what a user has said. The user's last socket is gone."""
        self._said.pop(user_id, None)

    def page(
        self, project_id: str, after: int = 0, limit: int | None = None
    ) -> tuple[list[records.Presence], int | None]:
        """Return a page of the users in a project, in the order in which they came.

        The page has those who came after the visit with the number `after`, each with what the user
        is doing; a user who said nothing is online. If there are more, the number of the last one
        is returned as well.
        """
        users = self._projects.get(project_id, {})
        later = ((user, visit.number) for user, visit in users.items() if visit.number > after)
        found = list(islice(later, limit))
        more = next(later, None) is not None
        return [self._of(user) for user, _ in found], found[-1][1] if more else None

    def _of(self, user: User) -> records.Presence:
        said = self._said.get(user.id, _Said("online", None))
        return records.Presence(user=user, status=said.status, activity=said.activity)

"""Who is in which project: a user is, as long as one of their sockets is."""

from __future__ import annotations

from server.identity import User


class Presence:
    """The users of each project, with the sockets that keep them there."""

    __slots__ = ("_projects",)

    def __init__(self) -> None:
        self._projects: dict[str, dict[User, set[str]]] = {}

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

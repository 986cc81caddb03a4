"""Who there is and who may do what, in memory.

Every event asks for it, so it is not read from the disk each time: it is loaded at the start, and
whoever changes the database brings it in step after the commit.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from server.api.records import Project, Role, User
from server.store import membership


@dataclass(slots=True)
class _Access:
    everyone: Role | None
    members: dict[str, Role] = field(default_factory=dict)


class Directory:
    """The users who have accounts, and everybody's roles in the projects."""

    __slots__ = ("_names", "_projects")

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._projects: dict[str, _Access] = {}

    def load(self, users: Iterable[User], accesses: Iterable[membership.Access]) -> None:
        """Take over what the database has."""
        for user in users:
            self.add_user(user)
        for access in accesses:
            self._projects[access.project_id] = _Access(access.everyone, access.members)

    # -- users

    def user(self, user_id: str) -> User:
        """Return the user of that id, with the name of the account if there is one."""
        return User(user_id, self._names.get(user_id, user_id))

    def add_user(self, user: User) -> None:
        """Add a user who has an account."""
        self._names[user.id] = user.name

    # -- projects

    def has_project(self, project_id: str) -> bool:
        """Return whether there is such a project."""
        return project_id in self._projects

    def role(self, project_id: str, user_id: str) -> Role | None:
        """Return what the user may do in the project, None if not even know of it."""
        access = self._projects.get(project_id)
        return None if access is None else access.members.get(user_id, access.everyone)

    def members(self, project_id: str) -> dict[str, Role]:
        """Return the roles of a project's members, by their ids."""
        access = self._projects.get(project_id)
        return {} if access is None else dict(access.members)

    def put_project(self, project: Project) -> None:
        """Add a project with its members, or put it in the place of what was known of it."""
        members = {member.user.id: member.role for member in project.members}
        self._projects[project.id] = _Access(project.everyone, members)

    def remove_project(self, project_id: str) -> None:
        """Forget a project, if it was known."""
        self._projects.pop(project_id, None)

"""Who there is and who may do what, in memory.

Every event asks for this, so it is not read from the disk each time. It is loaded at the start, and
whatever changes the database changes it too, after the commit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from server.api.records import Project, Role, User
from server.people.names import Names
from server.store import membership


@dataclass(slots=True)
class _Access:
    everyone: Role | None
    members: dict[str, Role] = field(default_factory=dict)


class Directory:
    """The users who have accounts, and everybody's roles in the projects."""

    __slots__ = ("_by_name", "_names", "_projects")

    def __init__(self) -> None:
        self._by_name = Names()
        self._names: dict[str, str] = {}
        self._projects: dict[str, _Access] = {}

    def load(self, users: Iterable[User], accesses: Iterable[membership.Access]) -> None:
        """Replace what was known of users and projects by what the database has."""
        added = []
        for user in users:
            if user.id in self._names:
                self.add_user(user)
            else:
                added.append(user)
        self._names.update((user.id, user.name) for user in added)
        self._by_name.load(added)
        self._projects = {
            access.project_id: _Access(access.everyone, access.members) for access in accesses
        }

    # -- users

    def user(self, user_id: str) -> User:
        """Return the user of that id, with the name of the account if there is one."""
        return User(user_id, self._names.get(user_id, user_id))

    def add_user(self, user: User) -> None:
        """Add a user who has an account, or note another name of one who was known."""
        if self._names.get(user.id) == user.name:
            return
        if user.id in self._names:
            self._by_name.remove(self.user(user.id))
        self._names[user.id] = user.name
        self._by_name.add(user)

    def begin_with(self, prefix: str) -> Iterator[User]:
        """Yield users with accounts whose name or id begins so, some of them twice. A user whose id
        is an address of e-mail is only found by the whole of it.
        """
        if "@" in prefix and prefix in self._names:
            yield self.user(prefix)
        yield from map(self.user, self._by_name.find(prefix))

    # -- projects

    def role(self, project_id: str, user_id: str) -> Role | None:
        """Return what the user may do in the project, None if the user may not even know of it."""
        access = self._projects.get(project_id)
        return None if access is None else access.members.get(user_id, access.everyone)

    def members(self, project_id: str) -> dict[str, Role]:
        """Return the roles of a project's members, by their ids."""
        access = self._projects.get(project_id)
        return {} if access is None else dict(access.members)

    def put_project(self, project: Project) -> None:
        """Add a project with its members, or replace what was known of it."""
        members = {member.user.id: member.role for member in project.members}
        self._projects[project.id] = _Access(project.everyone, members)

    def remove_project(self, project_id: str) -> None:
        """Forget a project, if it was known."""
        self._projects.pop(project_id, None)

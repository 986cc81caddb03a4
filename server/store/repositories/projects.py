"""Projects and their members, as methods to await."""

from __future__ import annotations

from collections.abc import Callable

from server.api.errors import Code, EventError
from server.api.records import ChatMessage, File, Notification, Project, Role
from server.store import accounts, conversations, membership, notices, pages
from server.store.connection import Connection
from server.store.database import Desk
from server.store.pages import Page


class Projects:
    """Keeps projects, and who is a member of which."""

    __slots__ = ("_desk",)

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def add(self, project: Project, key: str | None = None) -> Project:
        """Add a project, unless its owner has made one with this `key` before. Return the one that
        is there.

        Raises:
            EventError: its owner has too many (`RATE_LIMIT_EXCEEDED`).
        """

        def work(connection: Connection) -> Project:
            if key is not None:
                [owner] = project.members
                before = membership.made_before(connection, owner.user.id, key)
                if before is not None:
                    return before
            membership.add_project(connection, project, key)
            return project

        return await self._desk.run(work)

    async def found_or_added(self, project: Project) -> Project | None:
        """Return the project that has the id of this one. If there is none, add this one."""

        def work(connection: Connection) -> Project | None:
            if membership.project(connection, project.id) is None:
                membership.add_project(connection, project)
            return membership.project(connection, project.id)

        return await self._desk.run(work)

    async def find(self, project_id: str) -> Project | None:
        """Return a project, None if there is none of that id."""
        return await self._desk.read(lambda c: membership.project(c, project_id))

    async def page(self, user_id: str, after: str, limit: int) -> Page[Project]:
        """Return a page of the projects that a user may see."""
        return await self._desk.read(lambda c: pages.projects(c, user_id, after, limit))

    async def update(self, project_id: str, field: str, value: str, now: str) -> Project | None:
        """Change a field of a project. Return the project, None if it is gone."""
        return await self._desk.run(
            lambda c: membership.update_project(c, project_id, field, value, now)
        )

    async def delete(self, project_id: str) -> None:
        """Delete a project with all that is in it."""
        await self._desk.run(lambda c: membership.delete_project(c, project_id))

    async def overview(
        self, project_id: str, most_files: int, most_messages: int
    ) -> tuple[Project | None, Page[File], Page[ChatMessage]]:
        """Return a project with the first page of its files and the last one of its chat."""
        return await self._desk.read(
            lambda c: (
                membership.project(c, project_id),
                pages.files(c, project_id, "", most_files),
                pages.chat(c, project_id, "", most_messages),
            ),
            conversations.MAX_READ,
        )

    async def share(
        self,
        project_id: str,
        user_id: str,
        role: Role,
        *,
        is_known: bool,
        notice: Notification | None,
    ) -> Project | None:
        """Make a user a member, or change a member's role, and add the notification of that. Return
        the project.

        A user who is not `is_known` to the caller has to have an account.

        Raises:
            EventError: there is no such user (`NOT_FOUND`), or the project has too many members
            (`RATE_LIMIT_EXCEEDED`).
        """

        def change(connection: Connection) -> None:
            if not is_known and accounts.user(connection, user_id) is None:
                raise EventError(Code.NOT_FOUND, f"user {user_id!r}: no such user")
            membership.check_member_limit(connection, project_id, user_id)
            membership.set_role(connection, project_id, user_id, role)

        return await self._change_members(project_id, change, notice)

    async def unshare(
        self, project_id: str, user_id: str, *, notice: Notification | None
    ) -> Project | None:
        """Take a member out, and add the notification of that. Return the project, None if it is
        gone.
        """
        return await self._change_members(
            project_id, lambda c: membership.remove_member(c, project_id, user_id), notice
        )

    async def _change_members(
        self,
        project_id: str,
        change: Callable[[Connection], None],
        notice: Notification | None,
    ) -> Project | None:
        def work(connection: Connection) -> Project | None:
            change(connection)
            if notice is not None:
                notices.add(connection, notice)
            return membership.project(connection, project_id)

        return await self._desk.run(work)

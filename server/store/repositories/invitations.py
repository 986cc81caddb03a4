"""Invitations to projects, as methods to await."""

from __future__ import annotations

from collections.abc import Callable

from server.api.records import Invitation, Notification, Project
from server.store import invitations, membership, notices
from server.store.connection import Connection
from server.store.database import Desk
from server.store.invitations import Accepted


class Invitations:
    """Keeps the invitations of projects, and lets people in by them."""

    __slots__ = ("_desk",)

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def add(self, project_id: str, new: Invitation, secret: str) -> None:
        """Add an invitation; see `invitations.add`."""
        await self._desk.run(lambda c: invitations.add(c, project_id, new, secret, new.created_at))

    async def valid(self, project_id: str, now: str) -> list[Invitation]:
        """Return a project's invitations that hold."""
        return await self._desk.read(lambda c: invitations.invitations(c, project_id, now))

    async def revoke(self, project_id: str, invitation_id: str) -> None:
        """End an invitation; see `invitations.revoke`."""
        await self._desk.run(lambda c: invitations.revoke(c, project_id, invitation_id))

    async def accept(
        self,
        invitation_id: str,
        secret: str,
        user_id: str,
        now: str,
        notice: Callable[[Accepted], Notification],
    ) -> tuple[Accepted, Project | None, Notification] | None:
        """Make a user a member by an invitation, and add the notification of that. Return the
        project; see `invitations.accept`.
        """

        def work(
            connection: Connection,
        ) -> tuple[Accepted, Project | None, Notification] | None:
            accepted = invitations.accept(connection, invitation_id, secret, user_id, now)
            if accepted is None:
                return None
            its_notice = notice(accepted)
            if accepted.is_new:
                notices.add(connection, its_notice)
            project = membership.project(connection, accepted.project_id)
            return accepted, project, its_notice

        return await self._desk.run(work)

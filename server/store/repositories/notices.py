"""People's notifications, as methods to await."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from server.api.records import Notification
from server.store import notices, pages
from server.store.connection import Connection
from server.store.database import Desk
from server.store.pages import Page


class Notices:
    """Keeps the notifications of each user."""

    __slots__ = ("_desk",)

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def page(self, user_id: str, after: str, limit: int) -> tuple[Page[Notification], int]:
        """Return a page of a user's notifications, and how many are unread of all."""
        return await self._desk.read(
            lambda c: (pages.notifications(c, user_id, after, limit), notices.unread(c, user_id))
        )

    async def mark_read(self, user_id: str, ids: Sequence[str] | None) -> tuple[int, int]:
        """Mark a user's notifications as read, all of them without `ids`. Return how many of them
        were unread, and how many are still.
        """
        return await self._desk.run(
            lambda c: (notices.mark_read(c, user_id, ids), notices.unread(c, user_id))
        )

    async def add(self, notifications: Iterable[Notification]) -> None:
        """Add notifications for their users."""

        def work(connection: Connection) -> None:
            for one in notifications:
                notices.add(connection, one)

        await self._desk.run(work)

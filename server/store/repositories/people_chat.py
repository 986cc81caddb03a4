"""What people say to each other in a project, as methods to await."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from server.api.records import Notification, PeopleMessage
from server.store import conversations, notices, pages, people_chat
from server.store.connection import Connection
from server.store.database import Desk
from server.store.pages import Page
from server.store.people_chat import Said


class PeopleChat:
    """Keeps what people say, and how much of it each has read."""

    __slots__ = ("_desk",)

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def say(
        self, message: PeopleMessage, key: str | None, notices_of_it: Sequence[Notification]
    ) -> Said:
        """Add what somebody says, with the notifications of it, unless it is there already; see
        `people_chat.add`.

        Raises:
            EventError: the project is gone (`NOT_FOUND`).
        """

        def work(connection: Connection) -> Said:
            said = people_chat.add(connection, message, key)
            if said.is_new:
                for notice in notices_of_it:
                    notices.add(connection, notice)
            return said

        return await self._desk.run(work, sys.getsizeof(message.content))

    async def page(
        self, project_id: str, user_id: str, after: str, limit: int
    ) -> tuple[Page[PeopleMessage], int]:
        """Return a page of what people said in a project, and how much a user has not read."""
        return await self._desk.read(
            lambda c: (
                pages.people(c, project_id, after, limit),
                people_chat.unread(c, project_id, user_id),
            ),
            conversations.MAX_READ,
        )

    async def read(self, project_id: str, user_id: str, message_id: str) -> int:
        """Keep that a user has read a message and those before it; see `people_chat.read`."""
        return await self._desk.run(lambda c: people_chat.read(c, project_id, user_id, message_id))

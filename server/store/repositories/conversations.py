"""The conversation of a project with the assistant, as methods to await."""

from __future__ import annotations

from server.api.records import ChatMessage, Decision
from server.store import conversations, pages
from server.store.connection import Connection
from server.store.database import Desk
from server.store.pages import Page


class Conversations:
    """Keeps the questions and answers of each project."""

    __slots__ = ("_desk",)

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def add(
        self, project_id: str, message: ChatMessage, most_before: int, key: str | None = None
    ) -> list[ChatMessage] | tuple[str, str]:
        """Add a message to a project's chat. Return the last messages before it. If its sender has
        sent one with this `key` before, return the ids of its request and of itself instead.

        Raises:
            EventError: the project is gone (`NOT_FOUND`).
        """

        def work(connection: Connection) -> list[ChatMessage] | tuple[str, str]:
            if key is not None:
                sent = conversations.sent_before(connection, project_id, message.user.id, key)
                if sent is not None:
                    return sent
            before = conversations.latest(connection, project_id, most_before)
            conversations.add(connection, project_id, message, key)
            return before

        return await self._desk.run(work, conversations.MAX_READ)

    async def decide(
        self, project_id: str, request_id: str, action_id: str, decision: Decision
    ) -> bool:
        """Keep what became of an action of an answer; see `conversations.decide`."""
        return await self._desk.run(
            lambda c: conversations.decide(c, project_id, request_id, action_id, decision)
        )

    async def page(self, project_id: str, after: str, limit: int) -> Page[ChatMessage]:
        """Return a page of a project's chat."""
        return await self._desk.read(
            lambda c: pages.chat(c, project_id, after, limit), conversations.MAX_READ
        )

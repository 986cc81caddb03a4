"""An answer that is being made: what there is of it, and which clients hear it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Literal

from server.ai.answer_text import AnswerText
from server.ai.blocks import Begin, Piece
from server.ai.context import Asked
from server.ai.conversation import AiMessagePayload
from server.ai.proposals import Proposals
from server.api.ai_announcements import AiMessage, CodeChunk, CodeStarted
from server.api.announcements import Announcement
from server.api.records import AiContext
from server.api.services import Call
from server.people.room_access import project_room


@dataclass(slots=True)
class AnswerRequest:
    """An answer that is being made. `ending` says why it ends early, if it does."""

    id: str
    call: Call[AiMessagePayload]
    text: AnswerText
    # None without a project.
    proposals: Proposals | None
    asked: Asked
    # The id of the message itself, once it is stored.
    message_id: str | None = None
    context: AiContext | None = None
    chunks: int = 0
    # Characters of proposals that were told while the answer is made.
    proposed: int = 0
    # Whether nothing is added to the answer any more; and when it is stored, or never will be.
    is_over: bool = False
    kept: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None
    begun: bool = False
    ending: Literal["cancelled", "dropped"] | None = None

    @property
    def project_id(self) -> str | None:
        """Return the project that the answer is for."""
        return self.call.payload.project_id

    def end(self, ending: Literal["cancelled", "dropped"]) -> None:
        """Stop the provider, unless the answer has ended already."""
        if self.ending is None:
            self.ending = ending
            # A task that has not begun sees `ending` when it begins. If it was cancelled before, it
            # would neither begin nor end.
            if self.begun and self.task is not None:
                self.task.cancel()

    def tell(self, announcement: Announcement) -> None:
        """Tell the socket that asked, and the project's room."""
        rooms = [self.call.socket.id]
        if self.project_id is not None:
            rooms.append(project_room(self.project_id))
        # The client caused the message; the server makes the rest of it.
        source: Literal["client", "server"] = (
            "client" if isinstance(announcement, AiMessage) else "server"
        )
        self.call.tell(rooms, announcement, project_id=self.project_id, source=source)

    def tell_text(self, piece: Piece | Begin) -> None:
        """Tell the next piece of the text, or that the text of a file begins."""
        if isinstance(piece, Begin):
            self.tell(CodeStarted(request_id=self.id, path=piece.path))
            return
        self.chunks += 1
        chunk = CodeChunk(
            request_id=self.id, content=piece.content, number=self.chunks, path=piece.path
        )
        self.tell(chunk)

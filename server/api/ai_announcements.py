"""The events that the server sends about the assistant: what it is asked, writes and proposes."""

from __future__ import annotations

from typing import Any, Literal

from server.api.announcements import Announcement
from server.api.records import Action, AiContext, AiResponse, Outcome, User


class AiMessage(Announcement, frozen=True):
    """A user has written to the assistant."""

    event = "ai:message"
    heard_by = "the project's room; without a project the sender"

    message: str
    user: User
    request_id: str
    message_id: str


class AiProcessing(Announcement, frozen=True):
    """How far the assistant, or the program that sent `ai:status`, has come. It ends with
    `ai:response`, or with the status `error`. `context` is what the assistant is shown, told once.
    """

    event = "ai:processing"
    heard_by = "the project's room; without a project the sender"

    status: Literal["started", "progress", "completed", "error"]
    request_id: str | None = None
    progress: float | None = None
    message: str | None = None
    error: dict[str, Any] | None = None
    user: User | None = None
    context: AiContext | None = None


class AiResponded(Announcement, frozen=True):
    """The assistant's answer."""

    event = "ai:response"
    heard_by = "the project's room; without a project the sender"

    response: AiResponse
    request_id: str


class AiProposed(Announcement, frozen=True):
    """The assistant proposes to change a file, while its answer goes on. A proposal with the `id`
    of an earlier one takes the place of that, as after each edit of a block. `ai:response` has all
    that hold in the end.
    """

    event = "ai:proposed"
    heard_by = "the project's room"

    request_id: str
    action: Action


class AiApplied(Announcement, frozen=True):
    """Somebody has accepted or rejected what the assistant proposed for a file."""

    event = "ai:applied"
    heard_by = "the project's room"

    request_id: str
    action_id: str
    outcome: Outcome
    user: User


class CodeStarted(Announcement, frozen=True):
    """Text begins to stream. With a `path` it is the text of that file."""

    event = "code:started"
    heard_by = "the project's room; without a project the sender"
    priority = "low"

    request_id: str
    path: str | None = None


class CodeChunk(Announcement, frozen=True):
    """The next piece of the text, the `number`th from 1. With a `path` it is of that file."""

    event = "code:chunk"
    heard_by = "the project's room; without a project the sender"
    priority = "low"

    request_id: str
    content: str
    number: int
    path: str | None = None


class CodeCompleted(Announcement, frozen=True):
    """The whole text; `cancelled` if it was stopped before its end."""

    event = "code:completed"
    heard_by = "the project's room; without a project the sender"

    request_id: str
    content: str
    cancelled: bool


class CodeFailed(Announcement, frozen=True):
    """No more text comes, because the assistant failed."""

    event = "code:error"
    heard_by = "the project's room; without a project the sender"
    priority = "high"

    request_id: str
    error: dict[str, Any]

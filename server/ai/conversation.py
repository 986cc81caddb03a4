"""The conversation with the assistant: `ai:message`, `ai:history`, `ai:cancel`, `ai:applied`,
`ai:status`.

How a message comes to its answer is in `answers`.
"""

from __future__ import annotations

import asyncio
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from server.api.ai_announcements import AiApplied, AiProcessing
from server.api.errors import Code, EventError
from server.api.records import ChatMessage, Decision, Outcome, Role
from server.api.services import Call
from server.api.types import (
    Id,
    Line,
    Note,
    Path,
    Payload,
    Percentage,
    ProjectPagePayload,
    ProjectPayload,
    Range,
    Record,
    Text,
)
from server.people.room_access import project_room, projects_of
from server.store import conversations

MAX_MESSAGE: Final = 32_768
"""Bytes of a message."""


class ChatContext(msgspec.Struct, frozen=True, rename="camel"):
    """What the user is looking at. `selection` is in the current file."""

    current_file: Path | None = None
    selection: Range | None = None
    open_files: Annotated[list[Path], Meta(max_length=20)] | None = None
    language: Line | None = None
    framework: Line | None = None


class AiMessagePayload(Payload, frozen=True, kw_only=True):
    """A message to the assistant. Without a project it is about none.

    `key` is the sender's own name for the message. A message with the same `key` is asked once, so
    it can be sent again when no acknowledgement came. Without a project that holds only while the
    message is answered.
    """

    message: Text
    project_id: Id | None = None
    context: ChatContext | None = None
    key: Id | None = None


class HistoryResult(Record, frozen=True):
    """Messages of the chat, the oldest first; `next` where there are older ones."""

    messages: list[ChatMessage]
    next: str | None = None


class AiCancelPayload(Payload, frozen=True, kw_only=True):
    """Which answer to stop."""

    request_id: Id


class AiAppliedPayload(ProjectPayload, frozen=True, kw_only=True):
    """What became of an action of an answer: all of it is in the file, or nothing, or a part."""

    request_id: Id
    action_id: Id
    outcome: Outcome


class AiStatusPayload(Payload, frozen=True, kw_only=True):
    """How far the work of another program is. Without a project it is told in each project that the
    socket is in and that the user may edit.
    """

    status: Literal["started", "processing", "progress", "completed", "error"]
    progress: Percentage | None = None
    message: Note | None = None
    request_id: Id | None = None
    project_id: Id | None = None


class AiMessageResult(Record, frozen=True):
    """The `requestId` that the answer's events have, and the id of the message itself."""

    request_id: str
    message_id: str


class AiCancelResult(Record, frozen=True):
    """Which answer is stopped; its `ai:response` has what there was."""

    request_id: str


async def message(call: Call[AiMessagePayload]) -> Record:
    """Write to the assistant; the answer comes as events with the acknowledged `requestId`."""
    return await call.services.answers.ask(call)


async def history(call: Call[ProjectPagePayload]) -> HistoryResult:
    """Read the project's chat backwards: 100 messages at once, fewer where they are long."""
    payload = call.payload
    limit = min(payload.limit or conversations.HISTORY, conversations.HISTORY)
    return HistoryResult(
        *await call.store.conversations.page(payload.project_id, payload.after or "", limit)
    )


def cancel(call: Call[AiCancelPayload]) -> AiCancelResult:
    """Stop an answer that one has asked for."""
    request_id = call.payload.request_id
    if not call.services.answers.cancel(request_id, call.user):
        raise EventError(
            Code.NOT_FOUND, f"request {request_id!r}: no answer of yours is being made"
        )
    return AiCancelResult(request_id)


async def applied(call: Call[AiAppliedPayload]) -> None:
    """Say what became of a file that the assistant has proposed to change, so that the change is
    not offered again. The first decision holds. Nothing is written: `file:edit` or `file:change`
    does that.
    """
    payload = call.payload
    project_id, request_id, action_id = payload.project_id, payload.request_id, payload.action_id
    decision = Decision(payload.outcome, call.user)
    if await call.services.answers.decide(call, request_id, action_id, decision):
        told = AiApplied(
            request_id=request_id,
            action_id=action_id,
            outcome=payload.outcome,
            user=call.user,
        )
        call.tell(project_room(project_id), told, project_id=project_id)


async def status(call: Call[AiStatusPayload]) -> None:
    """Tell the others how far another program's work for the project is, as `ai:processing`."""
    payload = call.payload
    announcement = AiProcessing(
        status="progress" if payload.status == "processing" else payload.status,
        request_id=payload.request_id,
        progress=payload.progress,
        message=payload.message,
        user=call.user,
    )
    named = payload.project_id
    for project_id in projects_of(call.socket.rooms) if named is None else [named]:
        role = call.services.directory.role(project_id, call.user.id)
        if role is not None and role.includes(Role.EDITOR):
            call.tell_others(project_room(project_id), announcement, project_id=project_id)
            # There may be a hundred projects, with everybody in them.
            await asyncio.sleep(0)

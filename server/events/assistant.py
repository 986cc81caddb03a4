"""What a client may send to the assistant."""

from __future__ import annotations

from typing import Final

from server.ai import conversation
from server.api.rate_limit import Rate
from server.api.registry import Access, EventSpec
from server.api.types import ProjectPagePayload
from server.live.presence import LIVE

_ASSISTANT: Final = Rate("ai", burst=20, per_second=0.5)

ASSISTANT: Final = (
    EventSpec(
        name="ai:message",
        payload=conversation.AiMessagePayload,
        handler=conversation.message,
        result=conversation.AiMessageResult,
        access=Access.EDITOR,
        rate=_ASSISTANT,
    ),
    EventSpec(
        name="ai:history",
        payload=ProjectPagePayload,
        handler=conversation.history,
        result=conversation.HistoryResult,
        access=Access.VIEWER,
    ),
    EventSpec(
        name="ai:cancel",
        payload=conversation.AiCancelPayload,
        handler=conversation.cancel,
        result=conversation.AiCancelResult,
    ),
    EventSpec(
        name="ai:applied",
        payload=conversation.AiAppliedPayload,
        handler=conversation.applied,
        access=Access.EDITOR,
    ),
    EventSpec(
        name="ai:status",
        payload=conversation.AiStatusPayload,
        handler=conversation.status,
        access=Access.EDITOR,
        rate=LIVE,
    ),
)

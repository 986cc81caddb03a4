"""What a client may send to the assistant."""

from __future__ import annotations

from typing import Final

from server.ai import chat
from server.api.rate_limit import Rate
from server.api.registry import Access, EventSpec
from server.api.types import ProjectPagePayload
from server.live.presence import LIVE

_ASSISTANT: Final = Rate("ai", burst=20, per_second=0.5)

ASSISTANT: Final = (
    EventSpec(
        name="ai:message",
        payload=chat.AiMessagePayload,
        handler=chat.message,
        result=chat.AiMessageResult,
        access=Access.EDITOR,
        rate=_ASSISTANT,
    ),
    EventSpec(
        name="ai:history",
        payload=ProjectPagePayload,
        handler=chat.history,
        result=chat.HistoryResult,
        access=Access.VIEWER,
    ),
    EventSpec(
        name="ai:cancel",
        payload=chat.AiCancelPayload,
        handler=chat.cancel,
        result=chat.AiCancelResult,
    ),
    EventSpec(
        name="ai:applied",
        payload=chat.AiAppliedPayload,
        handler=chat.applied,
        access=Access.EDITOR,
    ),
    EventSpec(
        name="ai:status",
        payload=chat.AiStatusPayload,
        handler=chat.status,
        access=Access.EDITOR,
        rate=LIVE,
    ),
)

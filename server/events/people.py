"""What a client may send to the other people, and about where each of them is."""

from __future__ import annotations

from typing import Final

from server.api.rate_limit import Rate
from server.api.registry import Access, EventSpec
from server.api.types import PagePayload, ProjectPagePayload
from server.live import cursors, presence
from server.live import typing as typing_indicator
from server.live.presence import LIVE
from server.people import chat, notifications, users

_CHAT: Final = Rate("chat", burst=20, per_second=1)
_SEARCH_PEOPLE: Final = Rate("people", burst=40, per_second=4)

PEOPLE: Final = (
    EventSpec(
        name="chat:message",
        payload=chat.ChatMessagePayload,
        handler=chat.message,
        result=chat.ChatMessageResult,
        access=Access.VIEWER,
        rate=_CHAT,
    ),
    EventSpec(
        name="chat:history",
        payload=ProjectPagePayload,
        handler=chat.history,
        result=chat.ChatHistoryResult,
        access=Access.VIEWER,
    ),
    EventSpec(
        name="chat:read",
        payload=chat.ChatReadPayload,
        handler=chat.read,
        result=chat.ChatReadResult,
        access=Access.VIEWER,
    ),
    EventSpec(
        name="user:join",
        payload=users.UserPayload,
        handler=users.join,
        result=users.UserJoinResult,
    ),
    EventSpec(
        name="user:leave",
        payload=users.UserPayload,
        handler=users.leave,
        result=users.UserLeaveResult,
    ),
    EventSpec(
        name="user:search",
        payload=users.UserSearchPayload,
        handler=users.search,
        result=users.UserSearchResult,
        access=Access.OWNER,
        rate=_SEARCH_PEOPLE,
    ),
    EventSpec(
        name="user:presence",
        payload=presence.PresencePayload,
        handler=presence.presence,
        result=presence.PresenceResult,
        rate=LIVE,
    ),
    EventSpec(
        name="user:list",
        payload=ProjectPagePayload,
        handler=presence.list_present,
        result=presence.PresentResult,
        access=Access.VIEWER,
    ),
    EventSpec(
        name="user:typing",
        payload=typing_indicator.TypingPayload,
        handler=typing_indicator.typing,
        access=Access.VIEWER,
        rate=LIVE,
    ),
    EventSpec(
        name="cursor:update",
        payload=cursors.CursorPayload,
        handler=cursors.update,
        access=Access.VIEWER,
        rate=LIVE,
    ),
    EventSpec(
        name="notification:list",
        payload=PagePayload,
        handler=notifications.list_notifications,
        result=notifications.NotificationsResult,
    ),
    EventSpec(
        name="notification:read",
        payload=notifications.NotificationReadPayload,
        handler=notifications.mark_read,
        result=notifications.NotificationReadResult,
    ),
)

"""What a user should know, also one who was not there: `notification:list`, `notification:read`.

A personal notification is stored with the change that causes it, and reaches those of the user's
sockets that are in `user:<id>` or in `notifications`. One for everybody reaches the whole room
`notifications` and is not stored. `about` says what a notification is about, so that a program that
shows it can open just that.
"""

from __future__ import annotations

import secrets
from typing import Annotated

import msgspec
from msgspec import Meta

from server.api import node_events
from server.api.envelope import timestamp
from server.api.people_announcements import NotificationNew, NotificationRead
from server.api.records import About, Notification
from server.api.services import Call, Services
from server.api.types import Id, PagePayload, Payload, Record
from server.people.room_access import NOTIFICATIONS, sockets_room, user_room
from server.store import notices


class NotificationReadPayload(Payload, frozen=True, kw_only=True):
    """Which notifications were read; all, if none are named."""

    ids: Annotated[list[Id], Meta(max_length=notices.MAX_NOTIFICATIONS)] | None = None


class NotificationsResult(Record, frozen=True):
    """The notifications, the newest first. `unread` counts all that are unread. `next` is there if
    there are more.
    """

    notifications: list[Notification]
    unread: int
    next: str | None = None


class NotificationReadResult(Record, frozen=True):
    """How many were unread until now, and how many still are."""

    marked: int
    unread: int


def personal(
    user_id: str | None,
    kind: str,
    title: str,
    message: str,
    project_id: str | None = None,
    about: About | None = None,
) -> Notification:
    """Return a new notification for a user, or for everybody if no user is named."""
    return Notification(
        id=f"notification-{secrets.token_hex(8)}",
        type=kind,
        title=title,
        message=message,
        created_at=timestamp(),
        is_read=False,
        user_id=user_id,
        project_id=project_id,
        about=about,
    )


def deliver(services: Services, notification: Notification) -> None:
    """Send a notification to its user on all nodes, or to everybody on this one."""
    deliver_here(services, notification)
    if notification.user_id is not None:
        told = msgspec.to_builtins(notification)
        services.io.server_side_emit(node_events.NOTIFICATION, told)


def deliver_here(services: Services, notification: Notification) -> None:
    """Send a notification to its user, or to everybody, on this node."""
    rooms: list[str] = [NOTIFICATIONS]
    if notification.user_id is not None:
        own = user_room(notification.user_id)
        sockets = services.sockets.of_user(notification.user_id)
        rooms = [one.id for one in sockets if one.rooms & {own, NOTIFICATIONS}]
    announcement = NotificationNew(notification=notification)
    services.tell(rooms, announcement, project_id=notification.project_id, local=True)


async def list_notifications(call: Call[PagePayload]) -> NotificationsResult:
    """List the user's notifications: all that are kept, unless the payload asks for fewer."""
    payload, user_id = call.payload, call.user.id
    limit = payload.limit or notices.MAX_NOTIFICATIONS
    page, unread = await call.store.notices.page(user_id, payload.after or "", limit)
    return NotificationsResult(page.items, unread, page.next)


async def mark_read(call: Call[NotificationReadPayload]) -> NotificationReadResult:
    """Mark notifications as read; the user's other connections hear of it."""
    user_id, ids = call.user.id, call.payload.ids
    marked, unread = await call.store.notices.mark_read(user_id, ids)
    if marked:
        call.tell_others(sockets_room(user_id), NotificationRead(unread=unread, ids=ids))
    return NotificationReadResult(marked, unread)

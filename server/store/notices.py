"""The notifications of a user."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from server.api.records import Notification
from server.store.connection import ALL, Connection

MAX_NOTIFICATIONS: Final = 200
"""Notifications that are kept for a user."""


def add(connection: Connection, notification: Notification) -> None:
    """Add a notification for its user; the oldest ones make room."""
    connection.execute(
        "INSERT INTO notifications (id, user_id, type, title, message, project_id, created_at) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            notification.id,
            notification.user_id,
            notification.type,
            notification.title,
            notification.message,
            notification.project_id,
            notification.created_at,
        ),
    )
    connection.execute(
        "DELETE FROM notifications WHERE sequence IN (SELECT sequence FROM notifications "
        "WHERE user_id = ? ORDER BY sequence DESC LIMIT ? OFFSET ?)",
        (notification.user_id, ALL, MAX_NOTIFICATIONS),
    )


def notifications(connection: Connection, user_id: str) -> list[Notification]:
    """Return a user's notifications, the newest first."""
    rows = connection.execute(
        "SELECT id, type, title, message, created_at, is_read, user_id, project_id "
        "FROM notifications WHERE user_id = ? ORDER BY sequence DESC",
        (user_id,),
    )
    return [
        Notification(
            id=notification_id,
            type=kind,
            title=title,
            message=message,
            created_at=created_at,
            is_read=bool(is_read),
            user_id=owner,
            project_id=project_id,
        )
        for notification_id, kind, title, message, created_at, is_read, owner, project_id in rows
    ]


def unread(connection: Connection, user_id: str) -> int:
    """Return how many of a user's notifications are unread."""
    row: tuple[int] = connection.execute(
        "SELECT count(*) FROM notifications WHERE user_id = ? AND NOT is_read", (user_id,)
    ).fetchone()
    return row[0]


def mark_read(connection: Connection, user_id: str, ids: Sequence[str] | None) -> int:
    """Mark these of a user's notifications as read, or all; returns how many were unread."""
    if ids is None:
        changed = connection.execute(
            "UPDATE notifications SET is_read = TRUE WHERE user_id = ? AND NOT is_read", (user_id,)
        )
        return changed.rowcount
    return sum(
        connection.execute(
            "UPDATE notifications SET is_read = TRUE WHERE id = ? AND user_id = ? AND NOT is_read",
            (one, user_id),
        ).rowcount
        for one in ids
    )

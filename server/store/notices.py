"""The notifications of a user."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from server.api.records import About, Notification
from server.store.connection import ALL, Connection

MAX_NOTIFICATIONS: Final = 200
"""Notifications that are kept for a user."""
MAX_OF_OTHERS: Final = {"mention": 50, "lock": 50, "bin": 50}
"""How many notifications of a type that others cause as often as they like; the rest keeps its
room.
"""


def add(connection: Connection, notification: Notification) -> None:
    """Add a notification for its user. The oldest ones make room."""
    about = notification.about
    connection.send(
        "INSERT INTO notifications "
        "(id, user_id, type, title, message, project_id, created_at, about) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            notification.id,
            notification.user_id,
            notification.type,
            notification.title,
            notification.message,
            notification.project_id,
            notification.created_at,
            None if about is None else msgspec.json.encode(about).decode(),
        ),
    )
    most = MAX_OF_OTHERS.get(notification.type)
    if most is not None:
        connection.send(
            "DELETE FROM notifications WHERE sequence IN (SELECT sequence FROM notifications "
            "WHERE user_id = ? AND type = ? ORDER BY sequence DESC LIMIT ? OFFSET ?)",
            (notification.user_id, notification.type, ALL, most),
        )
    connection.send(
        "DELETE FROM notifications WHERE sequence IN (SELECT sequence FROM notifications "
        "WHERE user_id = ? ORDER BY sequence DESC LIMIT ? OFFSET ?)",
        (notification.user_id, ALL, MAX_NOTIFICATIONS),
    )


def notifications(connection: Connection, user_id: str) -> list[Notification]:
    """Return a user's notifications, the newest first."""
    rows = connection.execute(
        "SELECT id, type, title, message, created_at, is_read, user_id, project_id, "
        "about FROM notifications WHERE user_id = ? ORDER BY sequence DESC",
        (user_id,),
    )
    found: list[Notification] = []
    for row in rows:
        notification_id, kind, title, message, created_at, is_read, owner, project_id, about = row
        one = Notification(
            id=notification_id,
            type=kind,
            title=title,
            message=message,
            created_at=created_at,
            is_read=bool(is_read),
            user_id=owner,
            project_id=project_id,
            about=None if about is None else msgspec.json.decode(about, type=About),
        )
        found.append(one)
    return found


def unread(connection: Connection, user_id: str) -> int:
    """Return how many of a user's notifications are unread."""
    row: tuple[int] = connection.execute(
        "SELECT count(*) FROM notifications WHERE user_id = ? AND NOT is_read", (user_id,)
    ).fetchone()
    return row[0]


def mark_read(connection: Connection, user_id: str, ids: Sequence[str] | None) -> int:
    """Mark these notifications of a user as read, or all of them. Return how many were unread."""
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

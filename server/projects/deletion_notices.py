"""Notifications of a deletion, for those who changed the deleted files last."""

from __future__ import annotations

from typing import Any, Final

from server.api.records import About, Deletion, FilePlace
from server.api.services import Call
from server.people import notifications

KEPT_DAYS: Final = 30
"""Days that a deletion stays in the bin."""
_TOLD: Final = 20
"""Users who are notified of one deletion."""


async def notify_authors(call: Call[Any], project_id: str, deleted: Deletion) -> None:
    """Notify those other users whose changes are in what was deleted."""
    about = About("bin", place=FilePlace(deleted.path), deletion_id=deleted.id, user=call.user)
    authors = await call.store.bin.authors(project_id, deleted.id, _TOLD)
    members = call.services.directory.members(project_id)
    notices = [
        notifications.personal(
            user_id,
            "bin",
            f"{call.user.name} deleted {deleted.path}",
            f"You changed it last. It is in the bin for {KEPT_DAYS} days",
            project_id,
            about,
        )
        for user_id in authors
        if user_id in members and user_id != call.user.id
    ]
    if notices:
        await call.store.notices.add(notices)
        for notice in notices:
            notifications.deliver(call.services, notice)

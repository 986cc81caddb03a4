"""What clients are told of a changed file, and of the document that people edit together."""

from __future__ import annotations

from typing import Final

from server.api.file_announcements import FileCreated, FileDeleted, FileEdited, FileUpdated
from server.api.records import User
from server.api.services import Services
from server.documents.authority import Update
from server.people.room_access import document_room
from server.store.document_records import Replaced
from server.store.project_files import Change

MAX_ANNOUNCED: Final = 65_536
"""Bytes of a content that everybody is sent with the news of its change."""


def announcement_of(done: Change, content: str | None) -> FileCreated | FileUpdated | FileDeleted:
    """Return the event for a change, with the content if that is short."""
    if done.file is None:
        return FileDeleted(file_path=done.path, revision=done.gone_at)
    shown = content if done.file.size <= MAX_ANNOUNCED else None
    kind = FileCreated if done.created else FileUpdated
    return kind(file=done.file, content=shown)


def edit_announcement(path: str, epoch: str, update: Update) -> FileEdited:
    """Return the event for an update of a document."""
    author = update.author
    return FileEdited(
        file_path=path,
        epoch=epoch,
        version=update.version,
        author=author.id,
        number=update.number,
        user=User(author.user_id, author.user_name),
        change=update.change.json,
    )


def is_over(replaced: Replaced) -> bool:
    """Return whether nobody edits a file together any more: it is gone, or no text."""
    file = replaced.change.file
    return file is None or file.media_type is not None


def close_if_over(services: Services, project_id: str, replaced: Replaced) -> bool:
    """Close the document of a replaced file if it is over; `file:deleted` or `file:updated` tells
    that. Return whether it is over.
    """
    over = is_over(replaced)
    if over:
        services.documents.close((project_id, replaced.change.path))
    return over


def edit_announcements(replaced: Replaced) -> list[tuple[str, FileEdited]]:
    """Return the room of a replaced document, and what it is told, for each update."""
    # Also where only people at other servers have it open.
    room = document_room(replaced.epoch)
    path, epoch = replaced.change.path, replaced.epoch
    return [(room, edit_announcement(path, epoch, update)) for update in replaced.updates]

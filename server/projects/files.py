"""The files of a project: `file:list`, `file:read`, `file:change`."""

from __future__ import annotations

import asyncio
import sys
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from server.api.envelope import timestamp
from server.api.paths import normal
from server.api.rate_limit import Rate
from server.api.records import File
from server.api.services import Call
from server.api.types import (
    Content,
    Id,
    Line,
    Natural,
    Path,
    ProjectPagePayload,
    ProjectPayload,
    Record,
    is_text,
)
from server.api.validation import UNFIT_FIELD, describe, expected, invalid
from server.documents import replacing
from server.documents.announcing import announcement_of, close_if_over, edit_announcements
from server.people.room_access import project_room
from server.projects.deletion_notices import notify_authors
from server.store.connection import Connection
from server.store.document_records import Replaced
from server.store.files import Edit, Moment, deletion
from server.store.project_files import Change

FILES: Final = 1_000
"""Files that one answer lists at the most."""
MAX_PART: Final = 131_072
"""Bytes of a file that one answer has. The loop encodes the answer without a pause: in 3 ms where
JSON escapes every character, and in 0.1 ms otherwise.
"""
CHECKED_AT_ONCE: Final = 262_144
"""Characters of a content that are checked without a pause: 0.4 ms."""
TOLD_AT_ONCE: Final = 25
"""Changed files that everybody hears of before other tasks have a turn."""
PartSize = Annotated[
    # No character has more than four bytes, so every part but the last has at least one.
    int, Meta(ge=4, le=MAX_PART, description="a whole number from 4 to 131072")
]

WRITTEN: Final = Rate("written", burst=16_000_000, per_second=4_000_000)
"""Bytes of contents that a user may write: as many as one connection may send, though a user may
have 20.
"""


class FileReadPayload(ProjectPayload, frozen=True, kw_only=True):
    """Which file to read: as it is, as it was in a version, or as it was at a save. `offset` and
    `limit` are in bytes.
    """

    file_path: Path
    version_id: Id | None = None
    save_id: Id | None = None
    offset: Natural | None = None
    limit: PartSize | None = None


class FileChange(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What happened to a file.

    Without `content` this is news only: the file stays as it is, and a new one is empty. With
    `baseRevision` the change is refused if the file has another revision; 0 stands for no file.
    """

    path: Path
    action: Literal["created", "updated", "deleted"]
    timestamp: Line | None = None
    content: Content | None = None
    base_revision: Natural | None = None

    def __post_init__(self) -> None:
        # Of a longer content `change` checks one part in each turn of the loop.
        if self.content is not None and _is_quick(self.content) and not is_text(self.content):
            raise ValueError(f"{UNFIT_FIELD}content`")


class FileChangePayload(ProjectPayload, frozen=True, kw_only=True):
    """A change. With `lockToken` it is only made if the lock of that token still holds."""

    file: FileChange
    lock_token: Natural | None = None


class FilesResult(Record, frozen=True):
    """The files, by path; `next` where there are more."""

    files: list[File]
    next: str | None = None


class FileReadResult(Record, frozen=True):
    """The content of a file, or a part of it: then `next` is the offset of the part that follows.

    `size` in bytes and `hash` are those of the whole file. If a part has another `hash` than the
    one before, the file has changed meanwhile. `file` is absent for a version.
    """

    file_path: str
    content: str
    size: int
    hash: str
    next: int | None = None
    file: File | None = None


class FileChangeResult(Record, frozen=True):
    """The file as it is now; absent if it was deleted."""

    file_path: str
    file: File | None = None


async def list_files(call: Call[ProjectPagePayload]) -> FilesResult:
    """List the files of a project, up to 1000 at once."""
    payload = call.payload
    limit = payload.limit or FILES
    return FilesResult(*await call.store.files.page(payload.project_id, payload.after or "", limit))


async def read(call: Call[FileReadPayload]) -> FileReadResult:
    """Read a file, up to 131,072 bytes of it at once.

    If the file has moved meanwhile, the details of `NOT_FOUND` have `movedTo`.
    """
    payload = call.payload
    path = normal(payload.file_path)
    part = await call.store.files.read(
        payload.project_id,
        path,
        await asked_moment(call, path),
        payload.offset or 0,
        payload.limit or MAX_PART,
    )
    return FileReadResult(path, *part)


async def asked_moment(call: Call[Any], path: str) -> Moment:
    """Return the moment as of which a file is to be read; save it if that is now, and others are
    editing it. The parts after the first one belong to that state.
    """
    payload = call.payload
    moment = Moment(payload.version_id, payload.save_id)
    if moment == Moment() and not payload.offset:
        await call.services.saver.save_unsaved((payload.project_id, path), call.user.id)
    return moment


async def change(call: Call[FileChangePayload]) -> FileChangeResult:
    """Change a file, and tell the others. Refused while somebody else holds a lock on it.

    If others have the file open, this is one change among theirs: it is merged with what is not
    saved yet.
    """
    payload = call.payload
    path = normal(payload.file.path)
    project_id = payload.project_id
    now = timestamp()
    workspace = call.services.workspace
    workspace.check(project_id, path)

    def check_locks(connection: Connection | None = None) -> None:
        call.services.locks.check(
            connection, project_id, [path], call.socket.id, payload.lock_token
        )

    wanted = payload.file
    if wanted.content is not None:
        await _check_content(wanted.content)
        # Roughly as many as its bytes; to count them exactly takes 4 ms.
        size = sys.getsizeof(wanted.content)
        wait = call.services.rates.spend(call.user.id, WRITTEN, size)
        if wait:
            await asyncio.sleep(wait)
    deleted = None
    if wanted.action == "deleted":
        # The file goes into the bin with all that was typed into it.
        await call.services.saver.save((project_id, path), call.user.id)
        deleted = deletion(path, call.user.id, now)
    edit = Edit(wanted.action, wanted.content, wanted.base_revision, deleted)
    async with workspace.changing(project_id, [path], call.user.id):
        check_locks()
        # Checked again when its turn comes: whoever has got the lock by then has read the file as
        # it is now.
        replaced = await call.store.files.change(
            project_id, path, edit, user=call.user, now=now, check=check_locks
        )
        tell_replaced(call, project_id, replaced)
        await workspace.write(project_id, [(replaced.change, replaced.text)])
    announce(call, project_id, replaced.change, replaced.text)
    if deleted is not None:
        await notify_authors(call, project_id, deleted)
    return FileChangeResult(path, replaced.change.file)


def _is_quick(content: str) -> bool:
    """Return whether a content can be checked within a millisecond."""
    return len(content) <= CHECKED_AT_ONCE or content.isascii()


async def _check_content(content: str) -> None:
    """Check a long content in parts. Other tasks have a turn after each part.

    Raises:
        EventError: it is no text (`VALIDATION_ERROR`).
    """
    if not _is_quick(content):
        for start in range(0, len(content), CHECKED_AT_ONCE):
            if not is_text(content[start : start + CHECKED_AT_ONCE]):
                path = "$.file.content"
                wanted = expected(FileChangePayload, path)
                raise invalid(path, f"is {describe(content)}, expected {wanted}")
            await asyncio.sleep(0)


def tell_replaced(call: Call[Any], project_id: str, replaced: Replaced) -> None:
    """Tell those who have a file open what was done to it from outside."""
    services = call.services
    for room, announcement in edit_announcements(replaced):
        call.tell(room, announcement, project_id=project_id)
    if close_if_over(services, project_id, replaced):
        replacing.tell_nodes(services, project_id, call.user.id, replaced.change.path)


def announce(
    call: Call[Any], project_id: str, done: Change, content: str | None, *, to_all: bool = False
) -> None:
    """Tell the others in the project, or everybody, that a file has changed."""
    room = project_room(project_id)
    announcement = announcement_of(done, content)
    if to_all:
        call.tell(room, announcement, project_id=project_id)
    else:
        call.tell_others(room, announcement, project_id=project_id)

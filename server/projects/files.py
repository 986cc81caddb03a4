"""The files of a project: `file:list`, `file:read`, `file:change`."""

from __future__ import annotations

import sqlite3
from typing import Any, Final, Literal

import msgspec

from server.api.announcements import FileCreated, FileDeleted, FileUpdated
from server.api.envelope import timestamp
from server.api.errors import Code, EventError
from server.api.paths import normal
from server.api.records import File
from server.api.registry import Call
from server.api.types import Content, Id, Line, Natural, Path, ProjectPayload, Record
from server.people.access import project_room
from server.store import contents, snapshots
from server.store.contents import Change

MAX_ANNOUNCED: Final = 65_536
"""Bytes of a content that goes to everybody with the news of its change."""


class FileReadPayload(ProjectPayload, frozen=True, kw_only=True):
    """Which file to read; as it is, or as it was in a version."""

    file_path: Path
    version_id: Id | None = None


class FileChange(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What happened to a file.

    Without `content` this is news only: the file is what it was, or empty if it is new.
    With `baseRevision` the change is refused if the file has another revision (0: if it exists).
    """

    path: Path
    action: Literal["created", "updated", "deleted"]
    timestamp: Line | None = None
    content: Content | None = None
    base_revision: Natural | None = None


class FileChangePayload(ProjectPayload, frozen=True, kw_only=True):
    """A change; with `lockToken` only if the lock of that token still holds."""

    file: FileChange
    lock_token: Natural | None = None


class FilesResult(Record, frozen=True):
    """The files, by path."""

    files: list[File]


class FileReadResult(Record, frozen=True):
    """A file's content. `file` is absent for a version."""

    file_path: str
    content: str
    file: File | None = None


class FileChangeResult(Record, frozen=True):
    """The file as it is now; absent if it was deleted."""

    file_path: str
    file: File | None = None


async def list_files(call: Call[ProjectPayload]) -> FilesResult:
    """List the files of a project."""
    project_id = call.payload.project_id
    return FilesResult(await call.database.run(lambda c: contents.files(c, project_id)))


async def read(call: Call[FileReadPayload]) -> FileReadResult:
    """Read a file."""
    payload = call.payload
    path = normal(payload.file_path)

    def work(connection: sqlite3.Connection) -> FileReadResult:
        if payload.version_id is not None:
            snapshots.version(connection, payload.project_id, payload.version_id)
            stored = snapshots.contents_of(connection, payload.version_id).get(path)
            if stored is None:
                raise missing(path)
            return FileReadResult(path, contents.content(connection, stored.hash))
        file = contents.file(connection, payload.project_id, path)
        if file is None:
            raise missing(path)
        return FileReadResult(path, contents.content(connection, file.hash), file)

    return await call.database.run(work)


async def change(call: Call[FileChangePayload]) -> FileChangeResult:
    """Change a file, and tell the others. Refused while somebody else holds a lock on it."""
    payload, user_id = call.payload, call.user.id
    path = normal(payload.file.path)
    project_id = payload.project_id
    now = timestamp()
    workspace = call.application.workspace
    workspace.check(project_id, path)
    async with workspace.changing(project_id):
        # Handed to the database in the same step: a lock that is granted later comes too late.
        call.application.locks.check(project_id, [path], call.socket.id, payload.lock_token)
        done = await call.database.run(
            lambda c: _change(c, project_id, path, payload.file, user_id=user_id, now=now)
        )
        await workspace.write(project_id, [(done, payload.file.content)])
    announce(call, project_id, done, payload.file.content)
    return FileChangeResult(path, done.file)


def announce(
    call: Call[Any], project_id: str, done: Change, content: str | None, *, to_all: bool = False
) -> None:
    """Tell the others in the project, or all, that a file has changed."""
    room = project_room(project_id)
    announcement = announcement_of(done, content)
    if to_all:
        call.tell(room, announcement, project_id=project_id)
    else:
        call.tell_others(room, announcement, project_id=project_id)


def announcement_of(done: Change, content: str | None) -> FileCreated | FileUpdated | FileDeleted:
    """The event for a change; with the content, if it is short."""
    if done.file is None:
        return FileDeleted(file_path=done.path)
    shown = content if done.file.size <= MAX_ANNOUNCED else None
    kind = FileCreated if done.created else FileUpdated
    return kind(file=done.file, content=shown)


def missing(path: str) -> EventError:
    """The error for a file that is not there."""
    return EventError(Code.NOT_FOUND, f"file {path!r}: the project has no such file")


def _change(
    connection: sqlite3.Connection,
    project_id: str,
    path: str,
    wanted: FileChange,
    *,
    user_id: str,
    now: str,
) -> Change:
    before = contents.file(connection, project_id, path)
    revision = 0 if before is None else before.revision
    if wanted.base_revision not in (None, revision):
        raise EventError(
            Code.VERSION_CONFLICT,
            f"file {path!r} has the revision {revision}, the change is based on "
            f"{wanted.base_revision}: read the file and merge",
            {"revision": revision},
        )
    if wanted.action == "created" and before is not None:
        raise EventError(
            Code.VERSION_CONFLICT,
            f'file {path!r} exists already: send the action "updated"',
            {"revision": revision},
        )
    if wanted.action != "created" and before is None:
        raise missing(path)
    if wanted.action == "deleted":
        return contents.delete(connection, project_id, path)
    if before is None:
        contents.check_place(connection, project_id, path)
    if wanted.content is None and before is not None:
        return contents.put(
            connection, project_id, path, before.hash, before.size, user_id=user_id, now=now
        )
    return contents.write(
        connection, project_id, path, wanted.content or "", user_id=user_id, now=now
    )

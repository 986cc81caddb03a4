"""Files as bytes, whatever they are: `file:upload` and `file:download`.

A short file is one event. A long one comes in parts, each acknowledged before the next. So its
sender can type and hear others in between, and go on after an outage. A file that is UTF-8 is a
text like any other. Every other file has a media type, and is not edited together.
"""

from __future__ import annotations

import asyncio
from typing import Annotated

from msgspec import Meta

from server.api.envelope import timestamp
from server.api.errors import Code, EventError
from server.api.paths import normal
from server.api.records import File
from server.api.services import Call
from server.api.types import Id, Natural, Path, ProjectPayload, Record
from server.api.validation import invalid
from server.projects.files import WRITTEN, announce, asked_moment, tell_replaced
from server.projects.mirroring import mirror
from server.projects.upload_table import Upload
from server.store.connection import Connection
from server.store.contents import PART, Kept
from server.store.project_files import MAX_FILE

FileSize = Annotated[
    int, Meta(ge=0, le=MAX_FILE, description=f"a whole number from 0 to {MAX_FILE} (5 MB)")
]
Data = Annotated[bytes, Meta(max_length=PART, description=f"binary data of at most {PART} bytes")]
DataSize = Annotated[int, Meta(ge=1, le=PART, description=f"a whole number from 1 to {PART}")]


class FileUploadPayload(ProjectPayload, frozen=True, kw_only=True):
    """A file, or a part of it: `data` from `offset` on. `size` is that of the whole file, by
    default that of `data`.

    All parts after the first one have the `uploadId` that the answer to it had. A file at the path
    is replaced with `overwrite`, or if it has the `baseRevision`. With `lockToken` that is only
    done if the lock of that token still holds.
    """

    file_path: Path
    data: Data
    size: FileSize | None = None
    offset: Natural = 0
    upload_id: Id | None = None
    overwrite: bool = False
    base_revision: Natural | None = None
    lock_token: Natural | None = None


class FileUploadResult(Record, frozen=True):
    """The `file` as it is now; or, if there is more to come, the upload, and the offset of the
    `next` part.
    """

    file_path: str
    file: File | None = None
    next: int | None = None
    upload_id: str | None = None


class FileDownloadPayload(ProjectPayload, frozen=True, kw_only=True):
    """Which file to read: as it is, as it was in a version, or as it was at a save. `offset` and
    `limit` are in bytes.
    """

    file_path: Path
    version_id: Id | None = None
    save_id: Id | None = None
    offset: Natural | None = None
    limit: DataSize | None = None


class FileDownloadResult(Record, frozen=True):
    """The bytes of a file, or a part of them: then `next` is the offset of the part that follows.

    `size` in bytes and `hash` are those of the whole file. If a part has another `hash` than the
    one before, the file has changed meanwhile. `file` is absent for a version, `mediaType` for a
    text.
    """

    file_path: str
    data: bytes
    size: int
    hash: str
    next: int | None = None
    file: File | None = None
    media_type: str | None = None


async def download(call: Call[FileDownloadPayload]) -> FileDownloadResult:
    """Read a file of any kind, up to 262,144 bytes of it at once."""
    payload = call.payload
    path = normal(payload.file_path)
    part = await call.store.files.read_raw(
        payload.project_id,
        path,
        await asked_moment(call, path),
        payload.offset or 0,
        payload.limit or PART,
    )
    return FileDownloadResult(path, *part)


async def upload(call: Call[FileUploadPayload]) -> FileUploadResult:
    """Create a file of any kind, or replace one, in parts of up to 262,144 bytes; at most 5 MB.

    Refused while somebody else holds a lock on the file. A part that has come before is not taken
    again: `next` says where to go on, also after an outage of less than a minute.
    """
    payload, services = call.payload, call.services
    path = normal(payload.file_path)
    services.workspace.check(payload.project_id, path)
    services.locks.check(None, payload.project_id, [path], call.socket.id, payload.lock_token)
    wait = services.rates.spend(call.user.id, WRITTEN, len(payload.data))
    if wait:
        await asyncio.sleep(wait)
    upload_id = payload.upload_id
    if upload_id is None:
        size = len(payload.data) if payload.size is None else payload.size
        if payload.offset != 0:
            raise invalid("$.uploadId", "is missing, expected that of the first part's answer")
        if len(payload.data) == size:
            return FileUploadResult(path, await _put(call, path, payload.data))
        begun = Upload(call.user.id, payload.project_id, path, size, call.store.contents.incoming())
        _check_part(begun, payload.data)
        services.uploads.add(begun)
        upload_id = begun.id
    key = (upload_id, call.user.id, payload.project_id, path)
    async with services.uploads.find(*key).turn:
        # The upload may have ended before this turn.
        return await _take(call, services.uploads.find(*key))


async def _take(call: Call[FileUploadPayload], begun: Upload) -> FileUploadResult:
    """Take a part. After the last part, put the file in its place."""
    payload, incoming, uploads = call.payload, begun.incoming, call.services.uploads
    if payload.offset > incoming.size:
        raise EventError(
            Code.VERSION_CONFLICT,
            f"file {begun.path!r}: the part at {incoming.size} comes next, not that at "
            f"{payload.offset}",
            {"next": incoming.size},
        )
    if payload.offset == incoming.size:
        _check_part(begun, payload.data)
        try:
            await incoming.add(payload.data)
        except BaseException:
            # What the database has of the upload and what is counted here may differ now.
            uploads.end(begun)
            raise
    if incoming.size < begun.size:
        return FileUploadResult(begun.path, next=incoming.size, upload_id=begun.id)
    try:
        return FileUploadResult(begun.path, await _put(call, begun.path, await incoming.whole()))
    finally:
        uploads.end(begun)


def _check_part(begun: Upload, data: bytes) -> None:
    left = begun.size - begun.incoming.size
    if not 0 < len(data) <= left:
        raise invalid(
            "$.data", f"is {len(data)} bytes, expected 1 to {left}, of {begun.size} in all"
        )


async def _put(call: Call[FileUploadPayload], path: str, content: bytes | Kept) -> File:
    """Give the file its content, and tell the others."""
    payload, services = call.payload, call.services
    project_id = payload.project_id

    def check_locks(connection: Connection | None = None) -> None:
        services.locks.check(connection, project_id, [path], call.socket.id, payload.lock_token)

    # A file that is replaced is kept in its history with all that was typed into it.
    await services.saver.save((project_id, path), call.user.id)
    async with services.workspace.changing(project_id, [path], call.user.id):
        check_locks()
        replaced = await call.store.files.put(
            project_id,
            path,
            content,
            overwrite=payload.overwrite,
            base_revision=payload.base_revision,
            user=call.user,
            now=timestamp(),
            check=check_locks,
        )
        tell_replaced(call, project_id, replaced)
        await mirror(call, replaced.change)
    announce(call, project_id, replaced.change, replaced.text)
    file = replaced.change.file
    assert file is not None
    return file

"""A file as a client reads it, part by part, and changes it, unless somebody else has before."""

from __future__ import annotations

import codecs
import secrets
from typing import Literal, NamedTuple

from server.api.errors import Code, EventError
from server.api.records import Deletion, File
from server.api.validation import invalid
from server.store import bins, contents, folders, parts, snapshots
from server.store.connection import Connection
from server.store.contents import Change
from server.store.parts import Kept


class FilePart(NamedTuple):
    """A part of a content; `size` in bytes and `hash` are the whole's, `next` is where it goes on.

    `file` is None for a file of a version.
    """

    content: str
    size: int
    hash: str
    next: int | None
    file: File | None


class Edit(NamedTuple):
    """What a client wants done to a file; see `FileChange`."""

    action: Literal["created", "updated", "deleted"]
    content: str | Kept | None
    base_revision: int | None


def read(
    connection: Connection,
    project_id: str,
    path: str,
    version_id: str | None,
    offset: int,
    limit: int,
) -> FilePart:
    """Return a part of a file, as it is or as it was in a version.

    Raises:
        EventError: there is no such file or version (`NOT_FOUND`), or the offset is inside a
        character (`VALIDATION_ERROR`).
    """
    file: File | None = None
    if version_id is None:
        file = contents.file(connection, project_id, path)
        if file is None:
            raise _missing(path)
        content_hash, size = file.hash, file.size
    else:
        snapshots.version(connection, project_id, version_id)
        stored = snapshots.content_of(connection, version_id, path)
        if stored is None:
            raise _missing(path)
        content_hash, size = stored
    part = parts.read(connection, content_hash, offset, limit)
    text, length = _decoded(part, last=offset + len(part) >= size)
    end = offset + length
    return FilePart(text, size, content_hash, end if end < size else None, file)


def change(
    connection: Connection, project_id: str, path: str, edit: Edit, user_id: str, now: str
) -> Change:
    """Change a file.

    Raises:
        EventError: the file is another one than the client thinks (`VERSION_CONFLICT`), it is not
        there (`NOT_FOUND`), or there is no place for it.
    """
    before = contents.file(connection, project_id, path)
    revision = 0 if before is None else before.revision
    if edit.base_revision not in (None, revision):
        raise EventError(
            Code.VERSION_CONFLICT,
            f"file {path!r} has the revision {revision}, the change is based on "
            f"{edit.base_revision}: read the file and merge",
            {"revision": revision},
        )
    if edit.action == "created" and before is not None:
        raise EventError(
            Code.VERSION_CONFLICT,
            f'file {path!r} exists already: send the action "updated"',
            {"revision": revision},
        )
    if edit.action != "created" and before is None:
        raise _missing(path)
    if edit.action == "deleted":
        return bins.throw_file(connection, project_id, deletion(path, user_id, now))
    if before is None:
        contents.check_place(connection, project_id, path)
    if edit.content is None and before is not None:
        return contents.put(
            connection, project_id, path, before.hash, before.size, user_id=user_id, now=now
        )
    return contents.write(
        connection, project_id, path, edit.content or "", user_id=user_id, now=now
    )


def deletion(path: str, user_id: str, now: str, *, is_folder: bool = False) -> Deletion:
    """Return a new deletion; what it counts is not looked at."""
    return Deletion(
        id=f"deletion-{secrets.token_hex(8)}",
        path=path,
        is_folder=is_folder,
        deleted_at=now,
        deleted_by=user_id,
        file_count=0,
        size=0,
    )


def move(
    connection: Connection,
    project_id: str,
    source: str,
    target: str,
    replaced: Deletion | None,
) -> File:
    """Give a file another path; return the file, which stays as it is known. A file at the target
    goes into the bin as `replaced`.

    Raises:
        EventError: there is no such file (`NOT_FOUND`), something is there that may not give way
        (`VERSION_CONFLICT`), or there is no place (`INVALID_FILE_PATH`).
    """
    if contents.file(connection, project_id, source) is None:
        raise folders.missing(source)
    if replaced is not None and contents.file(connection, project_id, target) is not None:
        bins.throw_file(connection, project_id, replaced)
    folders.check_free(connection, project_id, target)
    return contents.move(connection, project_id, source, target)


def copy(
    connection: Connection,
    project_id: str,
    source: str,
    target: str,
    user_id: str,
    now: str,
) -> Change:
    """Make a file with the content of another one.

    Raises:
        EventError: as for `move`; or the project would have too much (`RATE_LIMIT_EXCEEDED`).
    """
    before = contents.file(connection, project_id, source)
    if before is None:
        raise folders.missing(source)
    folders.check_free(connection, project_id, target)
    return contents.put(
        connection, project_id, target, before.hash, before.size, user_id=user_id, now=now
    )


def differs(connection: Connection, project_id: str, path: str, content_hash: str | None) -> bool:
    """Return whether a file has another content than that of this hash, or is there while it is
    None.
    """
    before = contents.file(connection, project_id, path)
    return content_hash != (None if before is None else before.hash)


def take_over(
    connection: Connection,
    project_id: str,
    path: str,
    content: str | Kept | None,
    user_id: str,
    now: str,
) -> Change:
    """Give a file this content, or delete one that is there."""
    if content is None:
        return contents.delete(connection, project_id, path)
    return contents.write(connection, project_id, path, content, user_id=user_id, now=now)


def _decoded(part: bytes, *, last: bool) -> tuple[str, int]:
    """Return the whole characters at the beginning of a part, and how many bytes these are."""
    try:
        return codecs.utf_8_decode(part, "strict", last)
    except UnicodeDecodeError:
        raise invalid(
            "$.offset", "is inside a character, expected 0 or the `next` of the part before"
        ) from None


def _missing(path: str) -> EventError:
    return EventError(Code.NOT_FOUND, f"file {path!r}: the project has no such file")

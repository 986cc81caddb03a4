"""A file as a client reads it, part by part, and as a client changes it."""

from __future__ import annotations

import codecs
import secrets
from typing import Final, Literal, NamedTuple

from server.api.errors import Code, EventError
from server.api.records import Deletion, File
from server.api.validation import invalid
from server.documents.authority import MAX_TEXT
from server.documents.line_ends import document_text
from server.store import bins, contents, folders, history, project_files, snapshots
from server.store.connection import Connection
from server.store.contents import Kept, Stored
from server.store.missing_files import missing, nothing_at
from server.store.project_files import Change, Moved

_MAX_EDITABLE: Final = 4 * MAX_TEXT
"""Bytes of a file that several people can edit at once, at most."""


class Moment(NamedTuple):
    """The time of which a file is read: in a version, at a save of its history, or with neither
    now.
    """

    version_id: str | None = None
    save_id: str | None = None


class FilePart(NamedTuple):
    """A part of a text. `size` in bytes and `hash` are those of the whole, `next` is where it goes
    on.

    `file` is None for a file of a version or of a save.
    """

    content: str
    size: int
    hash: str
    next: int | None
    file: File | None


class RawPart(NamedTuple):
    """A part of a file as bytes, as `FilePart`, with the media type if the file is no text."""

    data: bytes
    size: int
    hash: str
    next: int | None
    file: File | None
    media_type: str | None


class Edit(NamedTuple):
    """What a client wants done to a file; see `FileChange`. `deletion` is what it leaves in the bin
    if it deletes the file.
    """

    action: Literal["created", "updated", "deleted"]
    content: str | bytes | Kept | None
    base_revision: int | None
    deletion: Deletion | None = None


def read(
    connection: Connection,
    project_id: str,
    path: str,
    moment: Moment,
    offset: int,
    limit: int,
) -> FilePart:
    """Return a part of a text, as it is or as it was.

    Raises:
        EventError: there is no such file, version or save (`NOT_FOUND`), it is no text, or the
        offset is inside a character (`VALIDATION_ERROR`).
    """
    file, stored = _found(connection, project_id, path, moment)
    if stored.media_type is not None:
        raise no_text(path, stored.media_type)
    part = contents.read(connection, stored.hash, offset, limit)
    text, length = _decoded(part, last=offset + len(part) >= stored.size)
    end = offset + length
    return FilePart(text, stored.size, stored.hash, end if end < stored.size else None, file)


def read_raw(
    connection: Connection,
    project_id: str,
    path: str,
    moment: Moment,
    offset: int,
    limit: int,
) -> RawPart:
    """Return a part of a file's bytes, as it is or as it was.

    Raises:
        EventError: there is no such file, version or save (`NOT_FOUND`).
    """
    file, stored = _found(connection, project_id, path, moment)
    part = contents.read(connection, stored.hash, offset, limit)
    end = offset + len(part)
    following = end if end < stored.size and part else None
    return RawPart(part, stored.size, stored.hash, following, file, stored.media_type)


def editable_text(connection: Connection, project_id: str, path: str) -> tuple[File, str]:
    """Return a file that several people can edit at once, and its text.

    Raises:
        EventError: there is no such file (`NOT_FOUND`), or it is no text or too long
        (`VALIDATION_ERROR`).
    """
    file = project_files.file(connection, project_id, path)
    if file is None:
        raise missing(connection, project_id, path)
    if file.media_type is not None:
        raise no_text(path, file.media_type)
    text = contents.whole(connection, file.hash) if file.size <= _MAX_EDITABLE else None
    if text is None or len(document_text(text)) > MAX_TEXT:
        raise EventError(
            Code.VALIDATION_ERROR,
            f"file {path!r} is too long to be edited together, which files of at most "
            f"{MAX_TEXT} UTF-16 units can be: read it with file:read",
        )
    return file, text


def no_text(path: str, media_type: str) -> EventError:
    """Return the error for a file that is no text where one is asked for."""
    return EventError(
        Code.VALIDATION_ERROR,
        f"file {path!r} is no text, but {media_type}: read it with file:download",
        {"mediaType": media_type},
    )


def _found(
    connection: Connection, project_id: str, path: str, moment: Moment
) -> tuple[File | None, Stored]:
    """Return a file and where its content is. Of a version or a save return only the latter."""
    version_id, save_id = moment
    if save_id is not None:
        return None, history.content_of(connection, project_id, path, save_id)
    if version_id is None:
        file = project_files.file(connection, project_id, path)
        if file is None:
            raise missing(connection, project_id, path)
        return file, project_files.stored(file)
    snapshots.version(connection, project_id, version_id)
    stored = snapshots.content_of(connection, version_id, path)
    if stored is None:
        raise EventError(Code.NOT_FOUND, f"file {path!r}: the version has no such file")
    return None, stored


def change(
    connection: Connection, project_id: str, path: str, edit: Edit, user_id: str, now: str
) -> Change:
    """Change a file.

    Raises:
        EventError: the file is another one than the client thinks (`VERSION_CONFLICT`), it is not
        there (`NOT_FOUND`), or there is no place for it.
    """
    before = project_files.file(connection, project_id, path)
    revision = _check_base(path, before, edit.base_revision)
    if edit.action == "created" and before is not None:
        raise EventError(
            Code.VERSION_CONFLICT,
            f'file {path!r} exists already: send the action "updated"',
            {"revision": revision},
        )
    if edit.action != "created" and before is None:
        raise missing(connection, project_id, path)
    if edit.action == "deleted":
        deleted = edit.deletion or deletion(path, user_id, now)
        return bins.throw_file(connection, project_id, deleted)
    if before is None:
        project_files.check_creatable(connection, project_id, path)
    if edit.content is None and before is not None:
        return project_files.put(
            connection, project_id, path, project_files.stored(before), user_id=user_id, now=now
        )
    return project_files.write(
        connection, project_id, path, edit.content or "", user_id=user_id, now=now
    )


def put(
    connection: Connection,
    project_id: str,
    path: str,
    content: bytes | Kept,
    *,
    overwrite: bool,
    base_revision: int | None,
    user_id: str,
    now: str,
) -> Change:
    """Create a file, or replace the one at the path if that is allowed. A file that has this
    content already stays as it is: a client that sends it again, because the answer was lost, is
    right.

    Raises:
        EventError: the file is another one than the client thinks, or may not be replaced
        (`VERSION_CONFLICT`), or there is no place for it.
    """
    before = project_files.file(connection, project_id, path)
    content_hash = content.stored.hash if isinstance(content, Kept) else contents.digest(content)
    if before is not None and before.hash == content_hash:
        return Change(path, before, created=False)
    revision = _check_base(path, before, base_revision)
    if before is None:
        project_files.check_creatable(connection, project_id, path)
    elif not overwrite and base_revision is None:
        raise EventError(
            Code.VERSION_CONFLICT,
            f"file {path!r} exists already: send it with overwrite, or to another path",
            {"revision": revision},
        )
    return project_files.write(connection, project_id, path, content, user_id=user_id, now=now)


def _check_base(path: str, before: File | None, base_revision: int | None) -> int:
    """Return the revision of a file, 0 for no file, if it is the one that a change is based on.

    Raises:
        EventError: it is not that one (`VERSION_CONFLICT`).
    """
    revision = 0 if before is None else before.revision
    if base_revision not in (None, revision):
        raise EventError(
            Code.VERSION_CONFLICT,
            f"file {path!r} has the revision {revision}, the change is based on "
            f"{base_revision}: read the file and merge",
            {"revision": revision},
        )
    return revision


def deletion(path: str, user_id: str, now: str, *, is_folder: bool = False) -> Deletion:
    """Return a new deletion. Its count and size are set later."""
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
) -> Moved:
    """Give a file another path; all else of it stays. A file at the target goes into the bin as
    `replaced`.

    Raises:
        EventError: there is no such file (`NOT_FOUND`), something is there that may not give way
        (`VERSION_CONFLICT`), or there is no place (`INVALID_FILE_PATH`).
    """
    file = project_files.file(connection, project_id, source)
    if file is None:
        raise nothing_at(connection, project_id, source)
    # What it has become with many others may not be there yet, and would be looked for at `source`.
    history.remember(connection, project_id, file)
    if replaced is not None and project_files.file(connection, project_id, target) is not None:
        bins.throw_file(connection, project_id, replaced)
    folders.check_free(connection, project_id, target)
    return project_files.move(connection, project_id, source, target)


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
    before = project_files.file(connection, project_id, source)
    if before is None:
        raise nothing_at(connection, project_id, source)
    folders.check_free(connection, project_id, target)
    return project_files.put(
        connection, project_id, target, project_files.stored(before), user_id=user_id, now=now
    )


def restore(
    connection: Connection, project_id: str, path: str, save_id: str, user_id: str, now: str
) -> Change:
    """Make a file what it was at a save of its history, also a file that is gone.

    Raises:
        EventError: there is no such save (`NOT_FOUND`), or no place for it.
    """
    stored = history.content_of(connection, project_id, path, save_id)
    if project_files.file(connection, project_id, path) is None:
        project_files.check_creatable(connection, project_id, path)
    return project_files.put(connection, project_id, path, stored, user_id=user_id, now=now)


def differs(connection: Connection, project_id: str, path: str, content_hash: str | None) -> bool:
    """Return whether a file has another content than that of this hash. None for the hash stands
    for no file.
    """
    before = project_files.file(connection, project_id, path)
    return content_hash != (None if before is None else before.hash)


def _decoded(part: bytes, *, last: bool) -> tuple[str, int]:
    """Return the whole characters at the beginning of a part, and how many bytes they take."""
    try:
        return codecs.utf_8_decode(part, "strict", last)
    except UnicodeDecodeError:
        raise invalid(
            "$.offset", "is inside a character, expected 0 or the `next` of the part before"
        ) from None

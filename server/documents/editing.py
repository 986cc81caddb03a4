"""Several people in one file: `file:open`, `file:edit`, `file:close`.

Whoever has a file open hears each change of it in the order of the commits, with its version. How a
client goes about it is in docs/coediting.md.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from server.api import records
from server.api.envelope import timestamp
from server.api.errors import Code, EventError
from server.api.paths import normal
from server.api.rate_limit import Rate
from server.api.records import User
from server.api.services import Call
from server.api.types import Id, Natural, Path, ProjectPayload, Record
from server.api.validation import invalid
from server.documents.announcing import edit_announcement
from server.documents.authority import Author, Update
from server.documents.change_json import MAX_PARTS, parse
from server.documents.changes import ChangeError
from server.people.room_access import check_room_limit, document_room, project_room
from server.store.connection import Connection
from server.store.document_records import Edit, Key, Opened, Since, conflict

EDITS: Final = Rate("edit", burst=200, per_second=60)
STEPS_OF_AN_EDIT: Final = 1_000
"""Sections that one token of the rate pays for. Large changes that come late cost more tokens."""


class Base(msgspec.Struct, frozen=True, rename="camel"):
    """What a client has of a document."""

    epoch: Id
    version: Natural


class FileOpenPayload(ProjectPayload, frozen=True, kw_only=True):
    """Which file. `since` is what a client that comes back has, and `author` is who edits there."""

    file_path: Path
    since: Base | None = None
    author: Id | None = None


class FileEditPayload(ProjectPayload, frozen=True, kw_only=True):
    """A change of the document at `version`, the `number`th of `author`, counted from 1."""

    file_path: Path
    epoch: Id
    version: Natural
    author: Id
    number: Annotated[int, Meta(ge=1, le=2**53 - 1, description="a whole number from 1")]
    change: Annotated[
        list[Any],
        Meta(max_length=MAX_PARTS, description=f"an array of at most {MAX_PARTS} parts"),
    ]


class FileClosePayload(ProjectPayload, frozen=True, kw_only=True):
    """Which file."""

    file_path: Path


class FileOpenResult(Record, frozen=True):
    """The document: its `content`, whose lines end with "\n", or the `updates` since what the
    client has.

    `filePath` is not the path that was asked for if the document of `since` was moved meanwhile.
    `revision` is that of the last save. `number` is that of the last change of `author` that was
    taken, 0 if there is none.
    """

    file_path: str
    epoch: str
    version: int
    revision: int
    number: int | None = None
    content: str | None = None
    updates: list[records.Update] | None = None


class FileCloseResult(Record, frozen=True):
    """The file is not open any more; `closed` tells whether it was."""

    file_path: str
    closed: bool


async def open_file(call: Call[FileOpenPayload]) -> FileOpenResult:
    """Open a file to edit it together with others, who hear each other's `file:edited`.

    The project must be joined. A user has at most 20 files open.
    """
    payload = call.payload
    key = (payload.project_id, normal(payload.file_path))
    _check_joined(call, payload.project_id)
    call.services.documents.check_limit(key, call.user.id)
    base = payload.since
    since = None if base is None else Since(base.epoch, base.version)
    opened, heard_of = await _open(call, key, since), ""
    # What another server has taken before this one was there to hear of it is not told any more.
    while call.services.settings.shares_database and heard_of != opened.epoch:
        heard_of = opened.epoch
        latest = await call.store.documents.latest(key[0], opened.path)
        if latest != (opened.epoch, opened.version):
            opened = await _open(call, key, since)
    return FileOpenResult(
        opened.path,
        opened.epoch,
        opened.version,
        opened.revision,
        number=None if payload.author is None else opened.number,
        content=opened.text,
        updates=[_record(update) for update in opened.updates] if opened.text is None else None,
    )


async def _open(call: Call[FileOpenPayload], key: Key, since: Since | None) -> Opened:
    """Read a document, and let the socket hear of it from then on."""
    payload, documents = call.payload, call.services.documents
    author = None if payload.author is None else _author(payload.author, call.user)
    opened = await call.store.documents.open(*key, since, author, timestamp())
    path = opened.path
    key = (payload.project_id, path)
    # The user may have left the document meanwhile, or may not be allowed to read it any more.
    call.check_connected()
    _check_joined(call, payload.project_id)
    documents.check_limit(key, call.user.id)
    room = document_room(opened.epoch)
    check_room_limit(call.socket.rooms, room)
    for update in opened.merged:
        call.tell(
            room, edit_announcement(path, opened.epoch, update), project_id=payload.project_id
        )
    documents.add(key, opened.epoch, call.socket, call.user.id)
    return opened


async def edit(call: Call[FileEditPayload]) -> None:
    """Change a file that is open; all who have it open hear it as `file:edited`.

    Refused while somebody else holds an exclusive lock on it (`FILE_LOCKED`). Refused with
    `VERSION_CONFLICT` if the version is not kept any more: open the file again. A change that is
    sent again, with the same `author` and `number` of a user, is taken once.
    """
    payload = call.payload
    path = normal(payload.file_path)
    key = (payload.project_id, path)
    services = call.services
    try:
        change = parse(payload.change)
    except ChangeError as error:
        raise _unfit(error) from None
    if not services.documents.has(key, call.socket.id):
        raise EventError(
            Code.VERSION_CONFLICT, f"file {path!r} is not open on this connection: open it first"
        )
    services.workspace.check(*key)

    def check_locks(connection: Connection | None = None) -> None:
        services.locks.check_edit(connection, *key, call.socket.id)

    check_locks()
    author = _author(payload.author, call.user)
    wanted = Edit(payload.epoch, payload.version, author, payload.number, change)
    try:
        # Checked again when its turn comes: whoever has got a lock by then has read the file as it
        # is now.
        done = await call.store.documents.edit(*key, wanted, check=check_locks)
    except ChangeError as error:
        raise _unfit(error) from None
    services.rates.spend(call.user.id, EDITS, done.steps / STEPS_OF_AN_EDIT)
    if done.is_late:
        raise conflict(path, done.version)
    if done.update is not None:
        services.saver.edited(key, call.user.id, is_overdue=done.unsaved >= 1)
        # Told also if the sender is gone by now: the change is committed.
        room = document_room(payload.epoch)
        call.tell(room, edit_announcement(path, payload.epoch, done.update), project_id=key[0])


def close(call: Call[FileClosePayload]) -> FileCloseResult:
    """Close a file: the client hears no more of its edits."""
    path = normal(call.payload.file_path)
    closed = call.services.documents.remove((call.payload.project_id, path), call.socket)
    return FileCloseResult(path, closed)


def _check_joined(call: Call[FileOpenPayload], project_id: str) -> None:
    if project_room(project_id) not in call.socket.rooms:
        raise EventError(Code.FORBIDDEN, "join the project before opening a file of it")


def _unfit(error: ChangeError) -> EventError:
    return invalid("$.change" + error.path.removeprefix("$"), str(error))


def _author(author: str, user: User) -> Author:
    return Author(author, user.id, user.name)


def _record(update: Update) -> records.Update:
    author = update.author
    return records.Update(
        version=update.version,
        author=author.id,
        number=update.number,
        user=User(author.user_id, author.user_name),
        change=update.change.json,
    )

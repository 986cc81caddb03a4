"""Deleting files and folders, and the bin that has them for 30 days: `file:delete`, `bin:list`,
`bin:restore`.

What other programs delete in a mirrored directory is not in the bin.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

from server.api.envelope import timestamp
from server.api.errors import EventError
from server.api.paths import is_within, normal
from server.api.records import Deletion
from server.api.services import Call
from server.api.types import Id, Natural, Path, ProjectPagePayload, ProjectPayload, Record
from server.documents import replacing
from server.locks.lock_keeper import check_taking
from server.projects import telling
from server.projects.deletion_notices import KEPT_DAYS, notify_authors
from server.projects.files import announce
from server.store.connection import Check, Connection
from server.store.files import deletion
from server.store.project_files import Change

DELETIONS: Final = 200
"""Deletions that one answer lists, if the client does not say how many."""


class FileDeletePayload(ProjectPayload, frozen=True, kw_only=True):
    """Which file or folder. With `lockToken` a file is only deleted if the lock of that token still
    holds.
    """

    file_path: Path
    lock_token: Natural | None = None


class FileDeleteResult(Record, frozen=True):
    """How many files are gone. `deletionId` is what `bin:restore` takes."""

    file_path: str
    deletion_id: str
    count: int


class BinResult(Record, frozen=True):
    """What is in the bin, the newest first; `next` where there is more."""

    deletions: list[Deletion]
    next: str | None = None


class BinRestorePayload(ProjectPayload, frozen=True, kw_only=True):
    """What to restore; `newPath` is for when something is at its own path."""

    deletion_id: Id
    new_path: Path | None = None


class BinRestoreResult(Record, frozen=True):
    """The path that it has again, and how many files it is."""

    file_path: str
    count: int


async def delete(call: Call[FileDeletePayload]) -> FileDeleteResult:
    """Delete a file, or a folder with all that is in it. It stays in the bin for 30 days.

    Refused as a whole while somebody else holds a lock on one of the files. Members who have
    changed it last get a notification. If it has moved meanwhile, the details of `NOT_FOUND` have
    `movedTo`.
    """
    payload, services, store = call.payload, call.services, call.store
    project_id, path = payload.project_id, normal(payload.file_path)
    services.workspace.check(project_id, path)
    is_folder = await store.files.is_folder(project_id, path)
    new = deletion(path, call.user.id, timestamp(), is_folder=is_folder)
    check_locks = partial(
        check_taking, services.locks, project_id, [path], call.socket.id, payload.lock_token
    )
    check_locks()
    # The file goes into the bin with all that was typed into it.
    await services.saver.save_project(project_id, call.user.id, within=path)
    if is_folder:
        changes = await _delete_folder(call, new, check_locks)
    else:
        async with services.workspace.changing(project_id, [path], call.user.id):
            changes = [await store.bin.throw_file(project_id, new, check=check_locks)]
            services.documents.close((project_id, path))
            announce(call, project_id, changes[0], None, to_all=True)
            await services.workspace.write(project_id, [(changes[0], None)])
    replacing.tell_nodes(services, project_id, call.user.id, path)
    await notify_authors(call, project_id, new)
    return FileDeleteResult(path, new.id, len(changes))


async def _delete_folder(
    call: Call[FileDeletePayload], new: Deletion, check_locks: Check
) -> Sequence[Change]:
    """Delete a folder, and tell everybody. Return what has changed."""
    project_id = call.payload.project_id
    async with call.services.workspace.changing_many(project_id) as unwritten:

        def check(connection: Connection, changes: Collection[Change]) -> None:
            check_locks(connection)
            unwritten.expect(changes)

        async with call.store.bin.throw_folder(project_id, new, check=check) as done:
            await telling.leave(call, done.result)
            _close_within(call, new.path)
            done.let_go()
            await telling.tell(call, done.result)
    return done.result


async def list_deletions(call: Call[ProjectPagePayload]) -> BinResult:
    """List what was deleted in the last 30 days, 200 at once unless the payload asks for more."""
    payload = call.payload
    limit = payload.limit or DELETIONS
    return BinResult(
        *await call.store.bin.page(payload.project_id, _since(), payload.after or "", limit)
    )


async def restore(call: Call[BinRestorePayload]) -> BinRestoreResult:
    """Take a file or folder out of the bin again. Refused if something is at its path.

    If it cannot be written to the directory of a mirrored project, all of it stays in the bin.
    """
    payload, services, store = call.payload, call.services, call.store
    project_id = payload.project_id
    deleted = await store.bin.find(project_id, payload.deletion_id)
    target = None if payload.new_path is None else normal(payload.new_path)
    path = target or deleted.path
    services.workspace.check(project_id, path)

    def check_locks(connection: Connection | None = None) -> None:
        services.locks.check_within(connection, project_id, [path], call.socket.id)

    check_locks()
    # Until the directory has the files, so has the bin.
    keeps = services.workspace.mirrors(project_id)
    restored: Sequence[Change] = ()
    try:
        async with services.workspace.changing_many(project_id) as unwritten:

            def check(connection: Connection, changes: Collection[Change]) -> None:
                check_locks(connection)
                unwritten.expect(changes)

            async with store.bin.restore(
                project_id,
                payload.deletion_id,
                target,
                user_id=call.user.id,
                now=timestamp(),
                keeps=keeps,
                check=check,
            ) as done:
                restored = done.result
                await telling.leave(call, restored)
                done.let_go()
                await telling.tell(call, restored)
    except EventError as error:
        if not restored:
            raise
        await services.workspace.take_back(project_id, restored)
        raise EventError(
            error.code,
            f"{error.message}: nothing was restored, and it is still in the bin. See to what is in "
            "the way, or choose a newPath, and restore it again",
        ) from error
    if keeps:
        # A deletion that is left in the bin beside its files does no harm.
        with suppress(EventError):
            await store.bin.forget(project_id, payload.deletion_id)
    return BinRestoreResult(path, len(restored))


def _since() -> str:
    """Return the time since which deletions are in the bin."""
    return timestamp(datetime.now(UTC) - timedelta(days=KEPT_DAYS))


def _close_within(call: Call[FileDeletePayload], folder: str) -> None:
    """Close the documents of a folder that is gone, and tell everybody of their files. Others at
    their paths may be opened next.
    """
    project_id, documents = call.payload.project_id, call.services.documents
    for key in documents.of_project(project_id):
        if is_within(key[1], [folder]):
            documents.close(key)
            call.services.untold.tell(*key)

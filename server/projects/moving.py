"""Files and folders get another path, or a copy: `file:move`, `file:copy`.

All that is known of a file moves with it: its locks, the document that others have open, its
revision. A folder is moved or copied as a whole or not at all. That is done step by step, and
others work meanwhile.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial
from typing import Any

from server.api import node_events
from server.api.envelope import timestamp
from server.api.errors import Code, EventError
from server.api.file_announcements import FileMoved, FileUnlocked
from server.api.paths import is_within, normal
from server.api.records import File
from server.api.services import Call
from server.api.types import Natural, Path, ProjectPayload, Record
from server.locks.lock_keeper import check_taking
from server.people.room_access import project_room
from server.projects import telling
from server.projects.files import announce
from server.projects.mirroring import mirror
from server.store.connection import Connection
from server.store.files import deletion
from server.store.lock_rules import Held
from server.store.project_files import Change


class FileCopyPayload(ProjectPayload, frozen=True, kw_only=True):
    """Which file or folder, and where it goes: the whole path, with the new name."""

    file_path: Path
    new_path: Path


class FileMovePayload(FileCopyPayload, frozen=True, kw_only=True):
    """Which file or folder, and where it goes: the whole path, with the new name.

    With `overwrite` a file replaces a file at the new path; otherwise nothing is done if something
    is there. With `lockToken` a file is only moved if the lock of that token still holds.
    """

    overwrite: bool = False
    lock_token: Natural | None = None


class FileMoveResult(Record, frozen=True):
    """The new path, and how many files were moved; `file` if it is one."""

    file_path: str
    new_path: str
    count: int
    file: File | None = None


class FileCopyResult(FileMoveResult, frozen=True):
    """The path of the copy, and how many files it has; `file` if it is one."""


async def move(call: Call[FileMovePayload]) -> FileMoveResult:
    """Give a file or a folder another path: rename it, or move it elsewhere.

    Refused as a whole while somebody else holds a lock on one of the files. Refused as well if
    something is at the new path; with `overwrite` a file replaces a file there, and never a folder.
    If it has moved meanwhile, the details of `NOT_FOUND` have `movedTo`.
    """
    payload = call.payload
    project_id = payload.project_id
    source, target = _paths(call)
    services, store = call.services, call.store
    is_folder = await store.files.is_folder(project_id, source)
    ended: list[Held] = []
    checking = partial(
        check_taking,
        services.locks,
        project_id,
        [source, target],
        call.socket.id,
        payload.lock_token,
    )

    def check_locks(connection: Connection) -> None:
        checking(connection)
        ended[:] = services.locks.moving(connection, project_id, source, target)

    if payload.overwrite:
        # The file that is replaced is kept in the bin with all that was typed into it.
        await services.saver.save((project_id, target), call.user.id)
    async with services.workspace.changing(project_id, [source, target], call.user.id):
        checking()
        if is_folder:
            async with store.tree.move_folder(
                project_id, source, target, check=check_locks
            ) as done:
                moved = FileMoved(source, target, *done.result)
                _follow(call, moved, ended)
        else:
            replaced = deletion(target, call.user.id, timestamp()) if payload.overwrite else None
            done_to_file = await store.tree.move_file(
                project_id, source, target, replaced=replaced, check=check_locks
            )
            moved = FileMoved(source, target, *done_to_file)
            _follow(call, moved, ended)
        await services.workspace.move(project_id, source, target, overwrite=payload.overwrite)
    return FileMoveResult(source, target, moved.count, moved.file)


async def copy(call: Call[FileCopyPayload]) -> FileCopyResult:
    """Copy a file or a folder, as it is now with all that was typed. Refused if something is at the
    new path. If it has moved meanwhile, the details of `NOT_FOUND` have `movedTo`.
    """
    payload = call.payload
    project_id, user_id = payload.project_id, call.user.id
    source, target = _paths(call)
    services, store = call.services, call.store
    await services.saver.save_project(project_id, user_id, within=source)
    is_folder = await store.files.is_folder(project_id, source)

    def check_locks(connection: Connection | None = None) -> None:
        services.locks.check_within(connection, project_id, [target], call.socket.id)

    check_locks()
    if not is_folder:
        async with services.workspace.changing(project_id, [target], call.user.id):
            change = await store.tree.copy_file(
                project_id, source, target, user_id=user_id, now=timestamp()
            )
            announce(call, project_id, change, None, to_all=True)
            await mirror(call, change)
        return FileCopyResult(source, target, 1, change.file)
    async with services.workspace.changing_many(project_id) as unwritten:

        def check(connection: Connection, changes: Collection[Change]) -> None:
            check_locks(connection)
            unwritten.expect(changes)

        async with store.tree.copy_folder(
            project_id, source, target, user_id=user_id, now=timestamp(), check=check
        ) as done:
            await telling.leave(call, done.result)
            done.let_go()
            await telling.tell(call, done.result)
    return FileCopyResult(source, target, len(done.result))


def _paths(call: Call[Any]) -> tuple[str, str]:
    """Return both paths of a payload, in their normal form.

    Raises:
        EventError: one is no path of a file that clients may change, or the new path is that of
            the file itself or inside of it (`INVALID_FILE_PATH`).
    """
    payload = call.payload
    source, target = normal(payload.file_path), normal(payload.new_path)
    if is_within(target, [source]):
        fault = "it is the same" if source == target else "it would be inside itself"
        raise EventError(
            Code.INVALID_FILE_PATH, f"path {target!r}: {fault}: choose another newPath"
        )
    for path in (source, target):
        call.services.workspace.check(payload.project_id, path)
    return source, target


def _follow(call: Call[FileMovePayload], moved: FileMoved, ended: Sequence[Held]) -> None:
    """Let all that is known of the files in memory follow to the new path. Tell everybody, also of
    the locks that have ended.
    """
    project_id, room = call.payload.project_id, project_room(call.payload.project_id)
    source, target, services = moved.file_path, moved.new_path, call.services
    ended = services.locks.moved(project_id, source, target, ended)
    services.documents.move(project_id, source, target)
    services.saver.move(project_id, source, target)
    services.io.server_side_emit(node_events.FILES_MOVED, project_id, source, target)
    for held in ended:
        unlocked = FileUnlocked(file_path=held.path, token=held.token)
        call.tell([room, held.socket_id], unlocked, project_id=project_id)
    call.tell(room, moved, project_id=project_id)

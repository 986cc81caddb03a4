"""The history of a file: `history:list`, `history:restore`. What a save has is read by `file:read`
and `file:download` with its id.
"""

from __future__ import annotations

from typing import Final

from server.api.envelope import timestamp
from server.api.paths import normal
from server.api.records import File, Save
from server.api.services import Call
from server.api.types import Id, Path, ProjectPagePayload, ProjectPayload, Record
from server.projects.files import announce, tell_replaced
from server.projects.mirroring import mirror
from server.store.connection import Connection

SAVES: Final = 100
"""Saves that one answer lists, if the client does not say how many."""


class FileHistoryPayload(ProjectPagePayload, frozen=True, kw_only=True):
    """Which file, and which part of its history."""

    file_path: Path


class FileHistoryResult(Record, frozen=True):
    """The saves, the last one first; `next` where there are more."""

    saves: list[Save]
    next: str | None = None


class HistoryRestorePayload(ProjectPayload, frozen=True, kw_only=True):
    """Which file, and the save that it is to be like."""

    file_path: Path
    save_id: Id


class HistoryRestoreResult(Record, frozen=True):
    """The file as it is now."""

    file_path: str
    file: File


async def list_saves(call: Call[FileHistoryPayload]) -> FileHistoryResult:
    """List what a file was at its saves, also those under the paths that it had before, 100 at once
    unless the payload asks for up to 1000. The file itself may be gone.
    """
    payload = call.payload
    path = normal(payload.file_path)
    limit = payload.limit or SAVES
    return FileHistoryResult(
        *await call.store.files.saves(payload.project_id, path, payload.after or "", limit)
    )


async def restore(call: Call[HistoryRestorePayload]) -> HistoryRestoreResult:
    """Make a file what it was at a save. If others have the file open, this is one change among
    theirs. What the file was before is in its history. Refused while somebody else has locked the
    file.
    """
    payload, services = call.payload, call.services
    project_id, path = payload.project_id, normal(payload.file_path)
    services.workspace.check(project_id, path)

    def check_locks(connection: Connection | None = None) -> None:
        services.locks.check(connection, project_id, [path], call.socket.id)

    check_locks()
    # What was typed until now is then in the history as well.
    await services.saver.save((project_id, path), call.user.id)
    async with services.workspace.changing(project_id, [path], call.user.id):
        check_locks()
        replaced = await call.store.files.restore_save(
            project_id,
            path,
            payload.save_id,
            user=call.user,
            now=timestamp(),
            check=check_locks,
        )
        tell_replaced(call, project_id, replaced)
        await mirror(call, replaced.change)
    announce(call, project_id, replaced.change, replaced.text, to_all=True)
    file = replaced.change.file
    assert file is not None
    return HistoryRestoreResult(path, file)

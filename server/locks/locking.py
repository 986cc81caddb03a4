"""Locks on files: `file:lock`, `file:unlock`.

A lock belongs to one socket of one user and lives as long as their connection: it is a lease that
the heartbeat renews. When the connection is lost, the lock stays for a grace period, in which the
same user may take it over from another connection; then it is released. The others hear when the
period begins and how it ends. A user who may not change a project any more has no locks in it.

What the tokens of locks are for is in `lock_keeper`. The grace period is measured by `departures`,
and where several servers share the locks also by their rows, `store.postgres_locks`.
"""

from __future__ import annotations

from typing import Final

from server.api.errors import EventError
from server.api.file_announcements import FileLocked, FileUnlocked
from server.api.paths import normal
from server.api.records import Lock, LockType
from server.api.services import Call
from server.api.types import Path, ProjectPagePayload, ProjectPayload, Record
from server.api.validation import position
from server.locks.lock_keeper import LockKeeper
from server.people.room_access import project_room

LOCKS: Final = 200
"""Locks that one answer lists, if the client does not say how many."""


class LockPayload(ProjectPayload, frozen=True, kw_only=True):
    """What to lock, and how: several users may hold shared locks on a file, or one an exclusive
    one.
    """

    file_path: Path
    lock_type: LockType = "exclusive"


class UnlockPayload(ProjectPayload, frozen=True, kw_only=True):
    """What to unlock."""

    file_path: Path


class LockResult(Record, frozen=True):
    """The lock."""

    lock: Lock


class UnlockResult(Record, frozen=True):
    """The file is not locked by this socket; `released` tells whether it was."""

    file_path: str
    released: bool


class LocksResult(Record, frozen=True):
    """The locks, by token; `next` where there are more."""

    locks: list[Lock]
    next: str | None = None


async def list_locks(call: Call[ProjectPagePayload]) -> LocksResult:
    """List the locks of the project, 200 at once unless the payload asks for up to 1000."""
    payload = call.payload
    return await page(call.services.locks, payload.project_id, payload.after, payload.limit)


async def page(
    locks: LockKeeper, project_id: str, after: str | None, limit: int | None
) -> LocksResult:
    """Return a page of a project's locks."""
    shown, last = await locks.page(project_id, position(after), limit or LOCKS)
    return LocksResult(shown, None if last is None else str(last))


async def lock(call: Call[LockPayload]) -> LockResult:
    """Lock a file, which need not exist, until it is unlocked or the connection ends.

    An exclusive lock also keeps others from editing the file together (`file:edit`). What they have
    done before is in the file when the lock is granted.
    """
    payload = call.payload
    project_id, room = payload.project_id, project_room(payload.project_id)
    path = normal(payload.file_path)
    call.check_connected()
    held, is_new, replaced = await call.services.locks.acquire(
        project_id, path, payload.lock_type, call.user, call.socket.id
    )
    if payload.lock_type == "exclusive":
        try:
            # From here on nobody else's edit is taken.
            await call.services.saver.save((project_id, path), call.user.id)
        except EventError:
            await call.services.locks.release(project_id, path, call.socket.id)
            raise
    for orphan in replaced:
        gone = FileUnlocked(file_path=orphan.path, token=orphan.token)
        call.tell_others(room, gone, project_id=project_id)
    if is_new:
        call.tell_others(room, FileLocked(lock=held.record), project_id=project_id)
    return LockResult(held.record)


async def unlock(call: Call[UnlockPayload]) -> UnlockResult:
    """Release a lock. Does nothing if nobody holds one, and is refused if only others do."""
    payload = call.payload
    path = normal(payload.file_path)
    held = await call.services.locks.release(payload.project_id, path, call.socket.id)
    if held is not None:
        unlocked = FileUnlocked(file_path=path, token=held.token)
        call.tell_others(project_room(payload.project_id), unlocked, project_id=payload.project_id)
    return UnlockResult(path, released=held is not None)

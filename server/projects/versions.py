"""Versions of a project: `version:create`, `list`, `compare`, `restore`, `delete`."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterable
from typing import Final

from server.api.envelope import timestamp
from server.api.errors import Code, EventError
from server.api.file_announcements import VersionCreated, VersionDeleted, VersionRestored
from server.api.records import FileDifference, Version
from server.api.services import Call
from server.api.types import Id, Line, Note, ProjectPagePayload, ProjectPayload, Record
from server.background import Worker, WorkFailed
from server.documents import replacing
from server.documents.announcing import MAX_ANNOUNCED
from server.people.room_access import project_room
from server.projects import comparing, telling
from server.projects.files import announce, tell_replaced
from server.store.connection import Connection
from server.store.project_files import Change

VERSIONS: Final = 200
"""Versions that one answer lists, if the client does not say how many."""
MAX_LISTED: Final = 1_000
"""Changed files that the answer to `version:restore` lists."""
MAX_TOLD: Final = 1_000_000
"""Bytes of contents that everybody is sent with the news of a restored version."""


class VersionCreatePayload(ProjectPayload, frozen=True, kw_only=True):
    """What to call the version.

    `key` is its maker's own name for it. A version with the same `key` is not made twice, so it can
    be asked for again when no acknowledgement came.
    """

    name: Line | None = None
    message: Note = ""
    key: Id | None = None


class VersionPayload(ProjectPayload, frozen=True, kw_only=True):
    """Which version."""

    version_id: Id


class VersionComparePayload(VersionPayload, frozen=True, kw_only=True):
    """Which version to compare with another one, or without `otherVersionId` with the files as they
    are.
    """

    other_version_id: Id | None = None


class VersionResult(Record, frozen=True):
    """The version."""

    version: Version


class VersionsResult(Record, frozen=True):
    """The versions, the newest first; `next` where there are more."""

    versions: list[Version]
    next: str | None = None


class VersionCompareResult(Record, frozen=True):
    """The first thousand files that differ, by path, as if the version had become the other one.
    `count` is how many files differ.
    """

    version_id: str
    differences: list[FileDifference]
    count: int
    other_version_id: str | None = None


class VersionRestoreResult(Record, frozen=True):
    """The version; the first thousand of the `changedCount` files that have changed; and the
    version that was made of the files as they were before.
    """

    version: Version
    changed: list[str]
    changed_count: int
    backup: Version | None = None


class VersionDeleteResult(Record, frozen=True):
    """Which version is gone."""

    version_id: str


async def create(call: Call[VersionCreatePayload]) -> VersionResult:
    """Take a snapshot of all files of the project."""
    payload = call.payload
    new = _new(call, payload.name or f"Version of {timestamp()}", payload.message)
    await call.services.saver.save_project(payload.project_id, call.user.id)
    async with call.store.versions.create(new, payload.key) as done:
        if done.result.id == new.id:
            _tell(call, VersionCreated(version=done.result))
    return VersionResult(done.result)


async def list_versions(call: Call[ProjectPagePayload]) -> VersionsResult:
    """List the versions of the project, 200 at once unless the payload asks for up to 1000."""
    payload = call.payload
    limit = payload.limit or VERSIONS
    return VersionsResult(
        *await call.store.versions.page(payload.project_id, payload.after or "", limit)
    )


async def compare(call: Call[VersionComparePayload]) -> VersionCompareResult:
    """Compare a version with another one, or with the files as they are now."""
    payload, store = call.payload, call.store
    if payload.other_version_id is None:
        await call.services.saver.save_project(payload.project_id, call.user.id)

    async def job(worker: Worker) -> tuple[list[FileDifference], int]:
        # Read here and not before: a comparison that waits for its turn holds no texts.
        differing = store.versions.differing(
            payload.project_id, payload.version_id, payload.other_version_id
        )
        return await comparing.compare(worker, store.contents.texts, differing)

    try:
        differences, count = await call.services.background.run(call.user.id, job)
    except WorkFailed as failure:
        raise EventError(
            Code.RATE_LIMIT_EXCEEDED, f"the versions cannot be compared: {failure}"
        ) from failure
    return VersionCompareResult(payload.version_id, differences, count, payload.other_version_id)


async def restore(call: Call[VersionPayload]) -> VersionRestoreResult:
    """Make the files those of a version again. A new version keeps what they were before.

    Refused as a whole while somebody else holds a lock on a file of the project.
    """
    payload, user_id = call.payload, call.user.id
    project_id = payload.project_id
    backup = _new(call, f"Before restoring, {timestamp()}", "")
    locks, workspace = call.services.locks, call.services.workspace

    await call.services.saver.save_project(project_id, user_id)
    locks.check_all(None, project_id, call.socket.id)
    async with workspace.changing_many(project_id) as unwritten:

        def check(connection: Connection, changes: Collection[Change]) -> None:
            locks.check_all(connection, project_id, call.socket.id)
            unwritten.expect(changes)

        # What others change before the last step is in the new version. What they change after it
        # stays, and is told after what the version has changed.
        async with call.store.versions.restore(
            payload.version_id, backup, user_id=user_id, now=timestamp, check=check
        ) as done:
            version, made, changes = done.result
            if made is not None:
                _tell(call, VersionCreated(version=made))
            _tell(call, VersionRestored(version=version))
            await telling.leave(call, changes)
            try:
                unwritten.expect(await _merge(call))
                replacing.tell_nodes(call.services, project_id, user_id)
            finally:
                done.let_go()
                await telling.tell(call, changes, _shown(changes))
    changed = [change.path for change in changes[:MAX_LISTED]]
    return VersionRestoreResult(version, changed, len(changes), made)


async def delete(call: Call[VersionPayload]) -> VersionDeleteResult:
    """Delete a version."""
    payload = call.payload

    await call.store.versions.delete(payload.project_id, payload.version_id)
    _tell(call, VersionDeleted(version_id=payload.version_id))
    return VersionDeleteResult(payload.version_id)


def _shown(changes: Iterable[Change]) -> set[str]:
    """Choose the texts that everybody is sent: a slow client has to hold them all."""
    shown = set()
    left = MAX_TOLD
    for path, file, *_ in changes:
        if file and file.media_type is None and file.size <= min(left, MAX_ANNOUNCED):
            shown.add(path)
            left -= file.size
    return shown


async def _merge(call: Call[VersionPayload]) -> list[Change]:
    """Merge what was edited while the version was restored, and tell those who have the files open.
    Return which of the files have changed by that.
    """
    project_id = call.payload.project_id
    merged = []
    async for replaced in replacing.synchronised(call.services, project_id, call.user):
        tell_replaced(call, project_id, replaced)
        if replaced.text is not None:
            announce(call, project_id, replaced.change, replaced.text, to_all=True)
            merged.append(replaced.change)
    return merged


def _new(
    call: Call[VersionCreatePayload] | Call[VersionPayload], name: str, message: str
) -> Version:
    return Version(
        id=f"version-{secrets.token_hex(8)}",
        project_id=call.payload.project_id,
        name=name,
        message=message,
        created_at=timestamp(),
        created_by=call.user.id,
        file_count=0,
    )


def _tell(
    call: Call[VersionCreatePayload] | Call[VersionPayload],
    announcement: VersionCreated | VersionRestored | VersionDeleted,
) -> None:
    project_id = call.payload.project_id
    call.tell(project_room(project_id), announcement, project_id=project_id)

"""Tell everybody of what was done to many files at once, file by file, while others go on."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from contextlib import suppress
from typing import Any, Final

from server.api.errors import EventError
from server.api.services import Call
from server.projects.files import TOLD_AT_ONCE, announce
from server.store.project_files import Change

AT_ONCE: Final = 100
"""Changed files whose histories and contents are seen to together."""
LEFT_AT_ONCE: Final = 1_000
"""Changed files that are left to be told before other tasks have a turn."""


async def leave(call: Call[Any], changes: Sequence[Change]) -> None:
    """Leave changes that are done for `tell`. Only then may the project's other work go on, whose
    announcements come after those of these changes.
    """
    project_id = call.payload.project_id

    def announce_to_all(change: Change, content: str | None) -> None:
        announce(call, project_id, change, content, to_all=True)

    for start in range(0, len(changes), LEFT_AT_ONCE):
        call.services.untold.add(project_id, changes[start : start + LEFT_AT_ONCE], announce_to_all)
        await asyncio.sleep(0)


async def tell(
    call: Call[Any], changes: Sequence[Change], shown: Collection[str] = frozenset()
) -> None:
    """Tell everybody of changes that were left, those at the paths `shown` with their contents.
    The histories of the files have each change before it is told.
    """
    project_id, services = call.payload.project_id, call.services
    try:
        for start in range(0, len(changes), AT_ONCE):
            part = changes[start : start + AT_ONCE]
            await call.store.files.add_to_histories(
                project_id, [change.path for change in part if change.file is not None]
            )
            texts = await _texts(call, part, shown)
            if services.settings.shares_database:
                for path in await _look_again(call, part):
                    texts.pop(path, None)
            for number, change in enumerate(part, start=1):
                services.untold.tell(project_id, change.path, texts.get(change.path))
                if number % TOLD_AT_ONCE == 0:
                    await asyncio.sleep(0)
    finally:
        # Some are left if the server stops meanwhile.
        for change in changes:
            services.untold.replace(project_id, change.path, None)


async def _texts(
    call: Call[Any], changes: Sequence[Change], shown: Collection[str]
) -> dict[str, str]:
    """Return the contents of the changed files at the paths `shown`, as far as they are texts and
    the database has them.
    """
    hashes = {path: file.hash for path, file, *_ in changes if file is not None and path in shown}
    if not hashes:
        return {}
    texts: dict[str, str] = {}
    with suppress(EventError):
        texts = await call.services.store.of(call.user.id).contents.texts(hashes.values())
    return {path: texts[one] for path, one in hashes.items() if one in texts}


async def _look_again(call: Call[Any], changes: Sequence[Change]) -> list[str]:
    """Take the changes for what the files are by now: another server may have told of something
    later. Return the paths of the files that are not what they were.
    """
    project_id, untold = call.payload.project_id, call.services.untold
    try:
        present = await call.store.files.at(project_id, [change.path for change in changes])
    except EventError:
        return []
    others = []
    for change in changes:
        path, file, *_ = change
        now = present.get(path)
        if (now and now.revision) != (file and file.revision):
            # A file that has come or gone since then is not what this change is about.
            is_there = now is not None and file is not None
            untold.replace(project_id, path, change._replace(file=now) if is_there else None)
            others.append(path)
    return others

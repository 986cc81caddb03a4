"""What is done to many files at once, written to the workspace part by part."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from server.api.registry import Call
from server.store.contents import Change

MAX_AT_ONCE: Final = 4_000_000
"""Bytes of contents that are written at once."""
_FILES_AT_ONCE: Final = 100


async def mirror(call: Call[Any], changes: Sequence[Change]) -> None:
    """Write what has changed to the workspace, if the project is its mirror. That is done part by
    part: it may be 500 MB.

    A change that cannot be written is undone, and the clients are told of that too.
    """
    if not call.services.workspace.mirrors(call.payload.project_id):
        return
    part: list[Change] = []
    size = 0
    for change in (*changes, None):
        if part and (change is None or size > MAX_AT_ONCE or len(part) == _FILES_AT_ONCE):
            hashes = {one.path: one.file.hash for one in part if one.file is not None}
            # Counted for no project, as above.
            found = await call.services.store.of(call.user.id).contents.raw(hashes.values())
            written = [(one, found.get(hashes.get(one.path, ""))) for one in part]
            await call.services.workspace.write(call.payload.project_id, written)
            part, size = [], 0
        if change is not None:
            part.append(change)
            size += 0 if change.file is None else change.file.size

"""What one file has become is written to the workspace, where the content is not at hand."""

from __future__ import annotations

from typing import Any

from server.api.services import Call
from server.store.project_files import Change


async def mirror(call: Call[Any], change: Change) -> None:
    """Write a file that has changed to the workspace, if the project is its mirror. The caller has
    the turn on its path.

    A change that cannot be written is undone, and the clients are told of that too.
    """
    project_id, workspace = call.payload.project_id, call.services.workspace
    if not workspace.mirrors(project_id):
        return
    content = None
    if change.file is not None:
        found = await call.store.contents.raw([change.file.hash])
        content = found.get(change.file.hash)
    await workspace.write(project_id, [(change, content)])

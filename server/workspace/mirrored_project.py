"""The project that is a directory (`--workspace DIR`), whichever way it is mirrored."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Collection
from typing import Final

from server.api.envelope import timestamp
from server.api.errors import Code, EventError
from server.api.records import Project, Role, User
from server.api.services import Services
from server.documents import replacing
from server.documents.announcing import announcement_of, close_if_over, edit_announcements
from server.people.room_access import project_room
from server.projects.files import TOLD_AT_ONCE
from server.store.document_records import Replaced
from server.store.engine import StoreError
from server.workspace.directory_tree import Tree
from server.workspace.mirror_rules import refusal
from server.workspace.mirrored_files import changed_paths

PROJECT_ID: Final = "workspace"
PROGRAM: Final = User("workspace", "workspace")
"""Who has changed what a program has changed in the directory."""
_GATHERING_MILLISECONDS: Final = 100

logger = logging.getLogger("server.workspace")


def check_directory(tree: Tree) -> None:
    """Let a directory be mirrored.

    Raises:
        StoreError: it is none, or a git repository without a work tree.
    """
    if not tree.root.is_dir():
        raise StoreError(f"WORKSPACE: {str(tree.root)!r} is no directory")
    if tree.is_repository():
        raise StoreError(
            f"WORKSPACE: {str(tree.root)!r} is a git repository without a work tree; "
            "choose a directory of files"
        )


async def clean(tree: Tree) -> None:
    """Delete what a kill has left half written in a directory."""
    left = await asyncio.to_thread(tree.clean)
    if left:
        logger.info("deleted %d files in the workspace that a kill had left half written", left)


async def watched(tree: Tree, stop: asyncio.Event) -> AsyncIterator[Collection[str]]:
    """Yield the paths at which a directory has changed, from two turns of the event loop on, until
    `stop` is set.
    """
    # Only a server that mirrors a directory needs it.
    import watchfiles

    async for found in watchfiles.awatch(
        tree.root,
        watch_filter=None,
        debounce=_GATHERING_MILLISECONDS,
        step=_GATHERING_MILLISECONDS // 2,
        stop_event=stop,
    ):
        # For ten thousand changes this takes a tenth of a second.
        yield await asyncio.to_thread(changed_paths, tree, found)


async def add_project(services: Services, tree: Tree) -> None:
    """Make the project of a directory, if there is none yet."""
    now = timestamp()
    project = Project(
        id=PROJECT_ID,
        name=tree.root.name or "workspace",
        description=f"The directory {tree.root.name}",
        type="other",
        members=[],
        created_at=now,
        updated_at=now,
        everyone=Role.EDITOR,
    )
    known = await services.store.projects.found_or_added(project)
    assert known is not None
    services.directory.put_project(known)


def check_path(project_id: str, path: str) -> None:
    """Let a client change a file.

    Raises:
        EventError: it is one that is not mirrored (`INVALID_FILE_PATH`).
    """
    reason = refusal(path) if project_id == PROJECT_ID else ""
    if reason:
        raise EventError(
            Code.INVALID_FILE_PATH, f"path {path!r}: this is not mirrored, because {reason}"
        )


async def told(services: Services, taken_over: AsyncIterator[Replaced]) -> AsyncIterator[Replaced]:
    """Tell everybody in the project of each file that was taken over from the directory, and yield
    it. Other tasks have a turn after some of them.
    """
    number = 0
    async for replaced in taken_over:
        _tell(services, replaced)
        yield replaced
        number += 1
        if number % TOLD_AT_ONCE == 0:
            await asyncio.sleep(0)


def _tell(services: Services, replaced: Replaced) -> None:
    for room, announcement in edit_announcements(replaced):
        services.tell(room, announcement, project_id=PROJECT_ID)
    if close_if_over(services, PROJECT_ID, replaced):
        replacing.tell_nodes(services, PROJECT_ID, PROGRAM.id, replaced.change.path)
    news = announcement_of(replaced.change, replaced.text)
    services.tell(project_room(PROJECT_ID), news, project_id=PROJECT_ID)

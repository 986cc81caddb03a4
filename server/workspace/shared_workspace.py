"""A project that is a directory (`--workspace DIR`), where several servers share the database.

One server mirrors, the one that has the task; the others only take clients' changes
into the database. The one that mirrors hears of each change with its commit, and compares the
project, the directory, and what the directory was last known to have (`server.store.mirrored`).
What clients have changed is written, what programs have changed is taken over. Where both have, the
directory is right, as for a server that is alone; what the client had saved is in the history.

If that server dies, the next one compares everything and goes on. What the former one was in the
middle of is known. If the former one lives on without its lease, the database takes nothing from
it, and before each file that it writes it looks whether it still has the task.

A client's change is acknowledged when it is committed, and on the disk a moment later.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Final

from server.api.envelope import timestamp
from server.api.errors import EventError
from server.api.paths import folders
from server.api.services import Services
from server.store import contents
from server.store.mirrored import OtherMirror
from server.store.project_files import MAX_FILE, Change
from server.workspace.directory_tree import Tree
from server.workspace.left_out import LeftOut
from server.workspace.mirror_rules import refusal
from server.workspace.mirrored_files import all_files, expanded, read_some, survey
from server.workspace.mirrored_project import (
    PROGRAM,
    PROJECT_ID,
    add_project,
    check_directory,
    check_path,
    clean,
    told,
    watched,
)
from server.workspace.unwritten import Unwritten

logger = logging.getLogger("server.workspace")

_AT_ONCE: Final = 100
"""Files that are compared in one piece of work."""
_RETRY_SECONDS: Final = 1.0
_EVERYTHING: Final = ""


class SharedWorkspace:
    """Mirrors a directory, if one is given, while this server `does` so."""

    def __init__(
        self, services: Services, directory: Path | None, does: Callable[[], bool]
    ) -> None:
        self._services = services
        self._tree = None if directory is None else Tree(directory.absolute())
        self._does = does
        self._left_out = LeftOut()
        # Paths of the directory that are to be looked at.
        self._changed: set[str] = set()
        # Whether there may be something to do.
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    # -- its life

    async def start(self) -> None:
        """Mirror the directory as soon as this server is the one that does.

        Raises:
            StoreError: it is no directory, or holds too much.
        """
        if self._tree is None:
            return
        check_directory(self._tree)
        await asyncio.to_thread(all_files, self._tree)
        await add_project(self._services, self._tree)
        self._task = asyncio.create_task(self._run(self._tree))

    async def stop(self) -> None:
        """Mirror no more; what is not on the disk by now is written by another server."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    def look(self) -> None:
        """Look whether there is something to do: files of the project have changed, or who does
        the task.
        """
        self._news.set()

    # -- what events ask

    def mirrors(self, _project_id: str) -> bool:
        """Return False: the server that has made a change does not write it to the directory."""
        return False

    @contextlib.asynccontextmanager
    async def changing(
        self, _project_id: str, _paths: Collection[str], _user_id: str
    ) -> AsyncIterator[None]:
        """Enclose a client's change; nobody waits for the directory."""
        yield

    @contextlib.asynccontextmanager
    async def changing_many(self, _project_id: str) -> AsyncIterator[Unwritten]:
        """Enclose a client's change of many files; they are found in the database."""
        yield Unwritten()

    def check(self, project_id: str, path: str) -> None:
        """Let a client change a file.

        Raises:
            EventError: it is one that is not mirrored (`INVALID_FILE_PATH`).
        """
        check_path(project_id, path)

    async def write(
        self, _project_id: str, _changes: Sequence[tuple[Change, str | bytes | None]]
    ) -> None:
        """Take note of what clients have changed: it is in the database."""

    async def move(self, _project_id: str, _source: str, _target: str, *, overwrite: bool) -> None:
        """Take note of what clients have moved: it is in the database."""

    async def take_back(self, _project_id: str, _made: Sequence[Change]) -> None:
        """Do nothing: what clients make does not fail because of the directory."""

    # -- while this server does the task

    async def _run(self, tree: Tree) -> None:
        while True:
            if not self._does():
                self._news.clear()
                await self._news.wait()
                continue
            try:
                await self._mirror(tree)
            except OtherMirror:
                logger.warning("another server mirrors the workspace by now")
            except EventError as error:
                logger.error("the workspace is not mirrored: %s; trying again", error.message)
            except Exception:
                logger.exception("the workspace is not mirrored; trying again")
            else:
                continue
            await asyncio.sleep(_RETRY_SECONDS)

    async def _mirror(self, tree: Tree) -> None:
        """Mirror until another server does."""
        await self._services.store.mirrored.begin(PROJECT_ID)
        logger.info("this server mirrors the workspace")
        await clean(tree)
        stop = asyncio.Event()
        following = asyncio.create_task(self._follow(tree, stop))
        try:
            # Two turns of the loop and it is watched; what changes while it is read is seen after.
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            self._changed = {_EVERYTHING}
            while self._does() and not following.done():
                self._news.clear()
                changed, self._changed = self._changed, set()
                await self._bring_in(tree, changed)
                await self._bring_out(tree)
                await self._news.wait()
        finally:
            stop.set()
            await asyncio.gather(following, return_exceptions=True)
        # If it has failed, this raises why.
        await following

    async def _follow(self, tree: Tree, stop: asyncio.Event) -> None:
        """Note what changes in the directory."""
        try:
            async for paths in watched(tree, stop):
                self._changed.update(paths)
                self._news.set()
        finally:
            self._news.set()

    async def _bring_in(self, tree: Tree, paths: Collection[str]) -> None:
        """Compare what is at these paths of the directory, or in folders; "" is everything."""
        if not paths:
            return
        if not tree.root.is_dir():
            logger.error("the workspace %s is gone; its project stays as it was", tree.root)
            return
        known = await self._services.store.of(PROGRAM.id).files.paths(PROJECT_ID, paths)
        await self._compare_all(tree, await asyncio.to_thread(expanded, tree, {*paths}, known))
        news = await asyncio.to_thread(survey, tree, self._left_out, paths)
        if news:
            logger.info("the workspace leaves out: %s", news)

    async def _bring_out(self, tree: Tree) -> None:
        """Compare what clients have changed with the directory."""
        store, last = self._services.store.of(PROGRAM.id).mirrored, ""
        while differing := await store.differing(PROJECT_ID, last, _AT_ONCE):
            last = differing[-1]
            if not tree.root.is_dir():
                logger.error("the workspace %s is gone; nothing is written to it", tree.root)
                return
            await self._compare_all(tree, differing)

    async def _compare_all(self, tree: Tree, paths: Sequence[str]) -> None:
        while paths and self._does():
            found, reasons = await asyncio.to_thread(read_some, tree, paths[:_AT_ONCE])
            for path, reason in reasons.items():
                self._left_out.put(path, reason)
            await self._settle(tree, found)
            paths = paths[len(found) :]

    async def _settle(
        self, tree: Tree, found: Mapping[str, str | bytes | None], given_up: Collection[str] = ()
    ) -> None:
        """Make files of the project and the directory the same: `found` is what the latter has."""
        store = self._services.store.of(PROGRAM.id)
        hashes = await asyncio.to_thread(_hashes, found)
        # Versions that an earlier release made may have files that are out of reach now.
        given_up = {*given_up, *filter(refusal, found)}
        compared = await store.mirrored.compare(PROJECT_ID, hashes, given_up)
        outside = {path: found[path] for path in compared.outside}
        taken_over = store.mirrored.take_over(
            PROJECT_ID, outside, hashes, user=PROGRAM, now=timestamp()
        )
        async for _ in told(self._services, taken_over):
            pass
        written, refused = await self._write(tree, compared.inside, hashes)
        if written:
            await store.mirrored.written(PROJECT_ID, written)
        while refused and self._does():
            there, _ = await asyncio.to_thread(read_some, tree, refused)
            await self._settle(tree, there, given_up=refused)
            refused = refused[len(there) :]

    async def _write(
        self, tree: Tree, wanted: Mapping[str, str], before: Mapping[str, str]
    ) -> tuple[dict[str, str], list[str]]:
        """Give files of the directory the contents of these hashes, as long as they have those that
        they had before. Return what was written, and what cannot be.
        """
        contents = self._services.store.of(PROGRAM.id).contents
        written: dict[str, str] = {}
        refused: list[str] = []
        # What is deleted may have to make place for folders.
        for path in sorted(wanted, key=lambda one: (wanted[one] != "", one)):
            content_hash = wanted[path]
            read = await contents.raw([content_hash] if content_hash else [])
            content = read.get(content_hash)
            if content_hash and content is None:
                # The project has another one by now, of which there is news.
                continue
            if not self._does():
                raise OtherMirror
            try:
                if await self._surely_put(tree, path, content, before[path]):
                    written[path] = content_hash
            except OSError as error:
                refused.append(path)
                logger.error(
                    "file %r cannot be written to the workspace: %s; the project has again what "
                    "the directory has",
                    path,
                    error.strerror,
                )
        return written, refused

    async def _surely_put(self, tree: Tree, path: str, content: bytes | None, before: str) -> bool:
        """Give a file a content, or delete it; see `_put`. If something is in the way that clients
        have deleted, it goes.
        """
        if content is not None:
            with contextlib.suppress(OSError):
                return await asyncio.to_thread(_put, tree, path, content, before)
            await self._compare_all(tree, await asyncio.to_thread(_in_the_way, tree, path))
        return await asyncio.to_thread(_put, tree, path, content, before)


def _in_the_way(tree: Tree, path: str) -> list[str]:
    """Return the files that cannot be there together with a file at `path`: files inside it, and
    files in the place of its folders.
    """
    inside = [one for one in expanded(tree, {path}, ()) if one != path]
    return [*folders(path), *inside]


def _hashes(found: Mapping[str, str | bytes | None]) -> dict[str, str]:
    return {path: _hash(content) for path, content in found.items()}


def _hash(content: str | bytes | None) -> str:
    return "" if content is None else contents.digest(content)


def _put(tree: Tree, path: str, content: bytes | None, before: str) -> bool:
    """Give a file a content, or delete it. Return False if it is not what it was before.

    Raises:
        OSError: it cannot be written.
    """
    if content is not None and len(content) > MAX_FILE:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
    if _hash(tree.read(path, MAX_FILE)) != before:
        # The watcher tells of what has changed it.
        return False
    if content is None:
        tree.delete(path)
    else:
        tree.write(path, content, new=before == "")
    return True

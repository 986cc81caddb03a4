"""A project that is a directory on this machine (`--workspace DIR`), for a server that is alone;
several mirror as `shared_workspace` does.

What any program changes in the directory is told to the clients. What clients change is written to
it. The directory is the truth: its files are taken over at the start, and whenever the two differ.
Only one side at a time works on a file: a client's change is in the database and in the directory
before the file is looked at again. Otherwise an older content in the directory would undo the
change.

What a program would run by itself or what is named like a secret is not mirrored, see
`mirror_rules`: a client that could write there could run commands. Neither is what is larger than a
file of a project may be. One line of the log says what is left out, see `left_out`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from pathlib import Path
from typing import Final

from server.api.envelope import timestamp
from server.api.errors import Code, EventError
from server.api.services import Services
from server.store.project_files import Change
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
from server.workspace.path_turns import PathTurns
from server.workspace.unwritten import Unwritten

logger = logging.getLogger("server.workspace")

_AT_ONCE: Final = 100
"""Files that are taken over in one turn on their paths."""
_LANES: Final = 2
"""Turns at once: the files of one are read, and told of, while the database has those of another.
"""
_RETRY_SECONDS: Final = 1.0


class Workspace:
    """Mirrors a directory, if one is given."""

    def __init__(self, services: Services, directory: Path | None) -> None:
        self._services = services
        self._tree = None if directory is None else Tree(directory.absolute())
        self._turns = PathTurns()
        self._unwritten: list[Unwritten] = []
        self._left_out = LeftOut()
        self._stop = asyncio.Event()
        self._watching: asyncio.Task[None] | None = None

    # -- its life

    async def start(self) -> None:
        """Take over the directory's files, and watch the directory.

        Raises:
            StoreError: it is no directory, or holds too much.
        """
        if self._tree is None:
            return
        check_directory(self._tree)
        await clean(self._tree)
        await add_project(self._services, self._tree)
        self._watching = asyncio.create_task(self._watch(self._tree))
        # The directory is watched after two turns of the loop. What changes while it is read is
        # seen afterwards.
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        everything = await asyncio.to_thread(all_files, self._tree)
        await self._take_over(self._tree, everything)

    async def stop(self) -> None:
        """Stop watching."""
        self._stop.set()
        if self._watching is not None:
            await self._watching

    def mirrors(self, project_id: str) -> bool:
        """Return whether a project is the directory."""
        return self._tree is not None and project_id == PROJECT_ID

    # -- from the clients to the directory

    @contextlib.asynccontextmanager
    async def changing(
        self, project_id: str, paths: Collection[str], user_id: str
    ) -> AsyncIterator[None]:
        """Enclose a user's change of these files and folders of a mirrored project.

        Meanwhile they are not looked at in the directory.
        """
        if not self.mirrors(project_id):
            yield
            return
        async with self._turns.of(paths, user_id):
            # A file that is to be moved, for example, has to be in the directory.
            for unwritten in self._unwritten:
                while left := unwritten.first_paths(paths):
                    await self._write_these(unwritten, left)
            yield

    @contextlib.asynccontextmanager
    async def changing_many(self, project_id: str) -> AsyncIterator[Unwritten]:
        """Enclose a client's change of many files. The block puts them into what is yielded.

        Other changes go on meanwhile. At the end of the block these files are written, each as it
        is by then.

        Raises:
            EventError: they cannot be written (`STORAGE_ERROR`); those that are not are again what
            they are in the directory.
        """
        unwritten = Unwritten()
        tree = self._tree
        if tree is None or project_id != PROJECT_ID:
            yield unwritten
            return
        self._unwritten = [*self._unwritten, unwritten]
        try:
            yield unwritten
            await self._write_rest(unwritten)
        except Exception:
            self._forget(unwritten)
            await self._surely_take_over(tree, unwritten.paths)
            raise
        finally:
            self._forget(unwritten)

    async def _write_rest(self, unwritten: Unwritten) -> None:
        while paths := unwritten.first_paths():
            async with self._turns.of(paths):
                # The caller before this one may have written some of them.
                await self._write_these(unwritten, [one for one in paths if unwritten.has(one)])

    async def _write_these(self, unwritten: Unwritten, paths: Sequence[str]) -> None:
        """Write changed files as they are by now. The caller has the turn on their paths."""
        store = self._services.store.of(PROGRAM.id)
        present = await store.files.at(PROJECT_ID, paths)
        found = await store.contents.raw([file.hash for file in present.values()])
        changes: list[tuple[Change, str | bytes | None]] = []
        for path in paths:
            file, change = present.get(path), unwritten.take(path)
            if file is None:
                changes.append((Change(path, None, created=False), None))
            elif file.hash in found:
                # After another such change meanwhile, that one writes the file.
                is_new = change.created and file == change.file
                changes.append((Change(path, file, is_new), found[file.hash]))
        await self.write(PROJECT_ID, changes)

    def _forget(self, unwritten: Unwritten) -> None:
        self._unwritten = [one for one in self._unwritten if one is not unwritten]

    def _is_older(self, path: str) -> bool:
        """Return whether the directory's file is older than the project's. Called on the database's
        thread.
        """
        return any(one.has(path) for one in self._unwritten)

    def check(self, project_id: str, path: str) -> None:
        """Let a client change a file.

        Raises:
            EventError: it is one that is not mirrored (`INVALID_FILE_PATH`).
        """
        check_path(project_id, path)

    async def write(
        self, project_id: str, changes: Sequence[tuple[Change, str | bytes | None]]
    ) -> None:
        """Write what clients have changed: within `changing`, after the commit.

        Raises:
            EventError: it cannot be written (`STORAGE_ERROR`); the project has the directory's
            files again.
        """
        tree = self._tree
        if tree is None or project_id != PROJECT_ID:
            return
        # Versions of an earlier release may have files that are out of reach now.
        refused = [change.path for change, _ in changes if refusal(change.path)]
        wanted = [one for one in changes if one[0].path not in refused]
        failure = await asyncio.to_thread(_write_all, tree, wanted)
        if failure is not None:
            path, error = failure
            left = [one.path for one, _ in changes]
            while left:
                left = left[await self._reconcile(tree, left[:_AT_ONCE]) :]
            raise EventError(
                Code.STORAGE_ERROR,
                f"file {path!r} cannot be written to the workspace: {error.strerror}",
            ) from error
        if refused:
            await self._reconcile(tree, refused)

    async def move(self, project_id: str, source: str, target: str, *, overwrite: bool) -> None:
        """Move a file or folder as clients have done: within `changing`, after the commit.

        Raises:
            EventError: it cannot be moved (`STORAGE_ERROR`); the project has the directory's files
            again.
        """
        tree = self._tree
        if tree is None or project_id != PROJECT_ID:
            return
        try:
            await asyncio.to_thread(tree.move, source, target, overwrite=overwrite)
        except OSError as error:
            known = await self._services.store.of(PROGRAM.id).files.paths(
                PROJECT_ID, [source, target]
            )
            left = await asyncio.to_thread(expanded, tree, {source, target}, known)
            while left:
                left = left[await self._reconcile(tree, left[:_AT_ONCE]) :]
            raise EventError(
                Code.STORAGE_ERROR,
                f"path {source!r} cannot be moved in the workspace: {error.strerror}",
            ) from error

    async def take_back(self, project_id: str, made: Sequence[Change]) -> None:
        """Delete files that a client has made and that cannot all be written, as far as they are
        still as they were made.
        """
        tree = self._tree
        if tree is None or project_id != PROJECT_ID:
            return
        store = self._services.store.of(PROGRAM.id)
        for start in range(0, len(made), _AT_ONCE):
            part = {one.path: one.file for one in made[start : start + _AT_ONCE]}
            async with self._turns.of(part):
                present = await store.files.at(PROJECT_ID, part)
                paths = [path for path, file in part.items() if present.get(path) == file]
                await asyncio.to_thread(_delete_all, tree, paths)
                while paths:
                    paths = paths[await self._reconcile(tree, paths) :]

    # -- from the directory to the clients

    async def _watch(self, tree: Tree) -> None:
        following = asyncio.create_task(self._follow(tree))
        while True:
            try:
                await following
            except Exception:
                logger.exception("watching the workspace failed; trying again")
                await self._pause()
            if self._stop.is_set():
                return
            following = asyncio.create_task(self._follow(tree))
            # It is watched again; what changed in between is taken over too.
            await asyncio.sleep(0)
            await self._surely_take_over(tree, [""])

    async def _follow(self, tree: Tree) -> None:
        async for paths in watched(tree, self._stop):
            await self._surely_take_over(tree, paths)

    async def _surely_take_over(self, tree: Tree, paths: Iterable[str]) -> None:
        """Take over these files. After a failure take over everything, again and again until that
        succeeds.
        """
        while True:
            try:
                await self._take_over(tree, paths)
            except Exception:
                logger.exception("the workspace is not mirrored; trying again")
                await self._pause()
                paths = [""]
            else:
                return
            if self._stop.is_set():
                return

    async def _pause(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_RETRY_SECONDS):
                await self._stop.wait()

    async def _take_over(self, tree: Tree, paths: Iterable[str]) -> None:
        """Take over the files at these paths, and those in folders at them; "" is everything."""
        if not tree.root.is_dir():
            logger.error("the workspace %s is gone; its project stays as it was", tree.root)
            return
        among = set(paths)
        known = await self._services.store.of(PROGRAM.id).files.paths(PROJECT_ID, among)
        wanted = deque(await asyncio.to_thread(expanded, tree, among, known))
        lanes = [self._take_over_parts(tree, wanted) for _ in range(_LANES)]
        for failure in await asyncio.gather(*lanes, return_exceptions=True):
            if failure is not None:
                raise failure
        news = await asyncio.to_thread(survey, tree, self._left_out, among)
        if news:
            logger.info("the workspace leaves out: %s", news)

    async def _take_over_parts(self, tree: Tree, wanted: deque[str]) -> None:
        """Take the first paths out of `wanted` and take over their files, until there are none."""
        while wanted:
            # A save of one of these files has to wait for this part, not for all parts.
            part = [wanted.popleft() for _ in range(min(_AT_ONCE, len(wanted)))]
            async with self._turns.of(part):
                done = await self._reconcile(tree, part)
            wanted.extendleft(reversed(part[done:]))

    async def _reconcile(self, tree: Tree, paths: Sequence[str]) -> int:
        """Make the first of these files of the project what they are in the directory, as many as
        are read at once. Tell the clients. Return how many files it was.
        """
        found, reasons = await asyncio.to_thread(read_some, tree, paths)
        for path, reason in reasons.items():
            self._left_out.put(path, reason)
        merged: dict[str, str] = {}
        taken_over = self._services.store.of(PROGRAM.id).files.take_over(
            PROJECT_ID, found, user=PROGRAM, now=timestamp(), unless=self._is_older
        )
        try:
            async for replaced in told(self._services, taken_over):
                path, text = replaced.change.path, replaced.text
                if text is not None and text != found[path]:
                    merged[path] = text
        except EventError as error:
            logger.error("the workspace is not mirrored: %s", error.message)
        for path, text in merged.items():
            # What users were typing is merged with what the other program has written.
            await asyncio.to_thread(tree.write, path, text.encode(), new=False)
        return len(found)


def _delete_all(tree: Tree, paths: Iterable[str]) -> None:
    """Delete these files, as far as that is possible."""
    unsettled: set[str] = set()
    for path in paths:
        with contextlib.suppress(OSError):
            tree.delete(path, unsettled=unsettled)
    with contextlib.suppress(OSError):
        tree.settle(unsettled)


def _write_all(
    tree: Tree, changes: Iterable[tuple[Change, str | bytes | None]]
) -> tuple[str, OSError] | None:
    """Write what has changed, each folder once to the disk. Return the path of the first file that
    cannot be written, and why.
    """
    unsettled: set[str] = set()
    path = ""
    try:
        # Deletions make place: for a folder, or for a file with the name of a folder.
        for change, text in sorted(changes, key=lambda one: one[0].file is not None):
            path = change.path
            if change.file is None:
                tree.delete(path, unsettled=unsettled)
            elif text is not None or change.created:
                content = text.encode() if isinstance(text, str) else text or b""
                tree.write(path, content, new=change.created, unsettled=unsettled)
        tree.settle(unsettled)
    except OSError as error:
        return path, error
    return None

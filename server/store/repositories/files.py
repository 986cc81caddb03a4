"""The files of projects, each by its path, and what each was before, as methods to await."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from functools import partial

from server.api.errors import EventError
from server.api.records import File, Save, User
from server.store import contents, files, history, missing_files, pages, project_files, taking_over
from server.store.connection import Check, Connection
from server.store.contents import Kept
from server.store.database import Desk
from server.store.document_records import Replaced
from server.store.documents import Documents
from server.store.files import Edit, FilePart, Moment, RawPart
from server.store.pages import Page
from server.store.repositories.contents import Contents
from server.store.taking_over import Found


class _Overtaken(Exception):
    """A file must not be taken over any more."""


class Files:
    """Reads files, and gives them other contents."""

    __slots__ = ("_contents", "_desk", "_documents")

    def __init__(self, desk: Desk, contents: Contents, documents: Documents) -> None:
        self._desk = desk
        self._contents = contents
        self._documents = documents

    async def page(self, project_id: str, after: str, limit: int) -> Page[File]:
        """Return a page of a project's files."""
        return await self._desk.read(lambda c: pages.files(c, project_id, after, limit))

    async def paths(self, project_id: str, among: Collection[str]) -> list[str]:
        """Return the paths of a project's files that are among these or in these folders; see
        `project_files.paths`.
        """
        return await self._desk.read(lambda c: project_files.paths(c, project_id, among))

    async def at(self, project_id: str, among: Collection[str]) -> dict[str, File]:
        """Return the files at these paths, by path."""
        return await self._desk.read(lambda c: project_files.files_at(c, project_id, among))

    async def is_folder(self, project_id: str, path: str) -> bool:
        """Return whether a project has files in a folder."""
        return await self._desk.read(lambda c: project_files.is_folder(c, project_id, path))

    async def nothing_at(self, project_id: str, path: str) -> EventError:
        """Return the error for a path with nothing; see `missing_files.nothing_at`."""
        return await self._desk.read(lambda c: missing_files.nothing_at(c, project_id, path))

    async def read(
        self, project_id: str, path: str, moment: Moment, offset: int, limit: int
    ) -> FilePart:
        """Return a part of a file; see `files.read`."""
        return await self._desk.read(
            lambda c: files.read(c, project_id, path, moment, offset, limit), 4 * limit
        )

    async def read_raw(
        self, project_id: str, path: str, moment: Moment, offset: int, limit: int
    ) -> RawPart:
        """Return a part of a file's bytes; see `files.read_raw`."""
        return await self._desk.read(
            lambda c: files.read_raw(c, project_id, path, moment, offset, limit), limit
        )

    async def change(
        self,
        project_id: str,
        path: str,
        edit: Edit,
        *,
        user: User,
        now: str,
        check: Check,
    ) -> Replaced:
        """Change a file; see `files.change`. `check` is called before, and may refuse it.

        Edits of its document that are not saved are merged; see `Documents.replacing`.
        """

        given = edit.content
        text = given if isinstance(given, str) else None

        def work(connection: Connection, content: str | bytes | Kept | None) -> Replaced:
            check(connection)
            change = partial(
                files.change,
                connection,
                project_id,
                path,
                edit._replace(content=content),
                user.id,
                now,
            )
            return self._documents.replacing(
                connection, (project_id, path), user, now, change, text
            )

        if given is None or isinstance(given, Kept):
            return await self._desk.run(partial(work, content=given))
        async with self._contents.kept(given) as content:
            return await self._desk.run(partial(work, content=content), sys.getsizeof(given))

    async def put(
        self,
        project_id: str,
        path: str,
        content: bytes | Kept,
        *,
        overwrite: bool,
        base_revision: int | None,
        user: User,
        now: str,
        check: Check,
    ) -> Replaced:
        """Create or replace a file; see `files.put` and `Documents.replacing`. `check` may refuse
        it.
        """

        def work(connection: Connection) -> Replaced:
            check(connection)
            change = partial(
                files.put,
                connection,
                project_id,
                path,
                content,
                overwrite=overwrite,
                base_revision=base_revision,
                user_id=user.id,
                now=now,
            )
            return self._documents.replacing(
                connection, (project_id, path), user, now, change, None
            )

        return await self._desk.run(work, sys.getsizeof(content))

    async def take_over(
        self,
        project_id: str,
        found: Found,
        *,
        user: User,
        now: str,
        unless: Callable[[str], bool],
    ) -> AsyncIterator[Replaced]:
        """Give files these contents, and delete those without. Return what has changed by that.
        Nothing is done with a file for which `unless` is true when its turn comes.

        Edits of their documents that are not saved are merged; see `Documents.replacing`.

        Raises:
            EventError: one cannot be taken over; those that were found before are.
        """

        def short_ones(connection: Connection, some: Found) -> list[Replaced]:
            due = {path: content for path, content in some.items() if not unless(path)}
            return taking_over.take_over(connection, self._documents, project_id, due, user, now)

        def differs(connection: Connection, path: str, digest: str) -> bool:
            return not unless(path) and files.differs(connection, project_id, path, digest)

        def long_one(
            connection: Connection, path: str, text: str | bytes, content: str | bytes | Kept
        ) -> Replaced:
            if unless(path):
                raise _Overtaken
            key = (project_id, path)
            return taking_over.take_over_one(
                connection, self._documents, key, content, text, user, now
            )

        pieces, long = taking_over.in_pieces(found)
        for some in pieces:
            for one in await self._desk.run(partial(short_ones, some=some), large=True):
                yield one
        for path, text in long.items():
            digest = await asyncio.to_thread(contents.digest, text)
            if not await self._desk.read(partial(differs, path=path, digest=digest)):
                continue
            with contextlib.suppress(_Overtaken):
                async with self._contents.kept(text) as content:
                    work = partial(long_one, path=path, text=text, content=content)
                    one = await self._desk.run(work)
                yield one

    async def restore_save(
        self,
        project_id: str,
        path: str,
        save_id: str,
        *,
        user: User,
        now: str,
        check: Check,
    ) -> Replaced:
        """Make a file what it was; see `files.restore` and `Documents.replacing`. `check` may
        refuse that.
        """

        def work(connection: Connection) -> Replaced:
            check(connection)
            change = partial(files.restore, connection, project_id, path, save_id, user.id, now)
            return self._documents.replacing(
                connection, (project_id, path), user, now, change, None
            )

        return await self._desk.run(work)

    async def saves(self, project_id: str, path: str, after: str, limit: int) -> Page[Save]:
        """Return a page of a file's history, the last save first."""
        return await self._desk.read(lambda c: pages.saves(c, project_id, path, after, limit))

    async def add_to_histories(self, project_id: str, paths: Sequence[str]) -> None:
        """Add what files have become by work in steps to their histories, piece by piece; see
        `history.keep_many`.

        The change itself is done. What is missing in a history, because the database fails, is
        added with the next save of its file.
        """
        if not paths:
            return
        with contextlib.suppress(EventError):
            for start in range(0, len(paths), history.KEPT_AT_ONCE):
                part = paths[start : start + history.KEPT_AT_ONCE]
                keep = partial(history.keep_many, project_id=project_id, paths=part)
                await self._desk.run(keep, large=True)
            drop = partial(history.drop_some, project_id=project_id)
            while await self._desk.run(drop, large=True):
                pass

    async def thin_history(self, day_ago: str, month_ago: str) -> bool:
        """Drop some saves of whatever files; see `history.thin`."""
        return await self._desk.run(lambda c: history.thin(c, day_ago, month_ago))

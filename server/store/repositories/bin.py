"""The bin of each project, as methods to await."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from functools import partial

from server.api.records import Deletion
from server.store import bins, pages, project_files
from server.store.connection import Check, Connection
from server.store.database import Desk, Done
from server.store.documents import Documents
from server.store.missing_files import nothing_at
from server.store.pages import Page
from server.store.project_files import Change, CheckMany


class Bin:
    """Keeps what was deleted, for as long as it may come back."""

    __slots__ = ("_desk", "_documents")

    def __init__(self, desk: Desk, documents: Documents) -> None:
        self._desk = desk
        self._documents = documents

    async def throw_file(self, project_id: str, new: Deletion, *, check: Check) -> Change:
        """Put a file into the bin, and forget its document. `check` may refuse it.

        Raises:
            EventError: there is no such file (`NOT_FOUND`).
        """

        def work(connection: Connection) -> Change:
            check(connection)
            if project_files.file(connection, project_id, new.path) is None:
                raise nothing_at(connection, project_id, new.path)
            self._documents.delete(connection, (project_id, new.path))
            return bins.throw_file(connection, project_id, new)

        return await self._desk.run(work)

    @asynccontextmanager
    async def throw_folder(
        self, project_id: str, new: Deletion, *, check: CheckMany
    ) -> AsyncIterator[Done[list[Change]]]:
        """Put a folder into the bin, and forget its documents, in steps; see `bins.throw_folder`
        and `Desk.in_steps`. `check` may refuse it in the last step.
        """
        # The project's other work waits after the last step. This work goes on.
        beside = replace(self._desk, project_id=None)
        forget = partial(self._documents.forget_some, project_id=project_id, folder=new.path)
        async with self._desk.in_steps(
            lambda c: bins.throw_folder(c, project_id, new, partial(check, c))
        ) as done:
            while await beside.run(forget):
                pass
            yield done

    def restore(
        self,
        project_id: str,
        deletion_id: str,
        target: str | None,
        *,
        user_id: str,
        now: str,
        keeps: bool,
        check: CheckMany,
    ) -> AbstractAsyncContextManager[Done[list[Change]]]:
        """Take a deletion out of the bin, in steps; see `bins.restore` and `Desk.in_steps`. The
        histories of its files do not tell of that yet.
        """
        return self._desk.in_steps(
            lambda c: bins.restore(
                c,
                project_id,
                deletion_id,
                target,
                user_id=user_id,
                now=now,
                keeps=keeps,
                done=partial(check, c),
            )
        )

    async def forget(self, project_id: str, deletion_id: str) -> None:
        """Take a deletion that was restored out of the bin; see `bins.forget`."""
        await self._desk.run(lambda c: bins.forget(c, project_id, deletion_id))

    async def expire(self, since: str) -> bool:
        """Forget some deletions from before a time; see `bins.expire`."""
        return await self._desk.run(lambda c: bins.expire(c, since))

    async def find(self, project_id: str, deletion_id: str) -> Deletion:
        """Return what is in the bin under an id; see `bins.deletion`."""
        return await self._desk.read(lambda c: bins.deletion(c, project_id, deletion_id))

    async def authors(self, project_id: str, deletion_id: str, most: int) -> list[str]:
        """Return who was the last to change the files of a deletion; see `bins.authors`."""
        return await self._desk.read(lambda c: bins.authors(c, project_id, deletion_id, most))

    async def page(self, project_id: str, since: str, after: str, limit: int) -> Page[Deletion]:
        """Return a page of what is in a project's bin since a time."""
        return await self._desk.read(lambda c: pages.deletions(c, project_id, since, after, limit))

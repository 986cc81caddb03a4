"""Files and folders that are moved and copied, as methods to await."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import replace
from functools import partial

from server.api.errors import EventError
from server.api.records import Deletion
from server.store import files, folders
from server.store.connection import Check, Connection
from server.store.database import Desk, Done
from server.store.documents import Documents
from server.store.project_files import Change, CheckMany, Moved
from server.store.trees import Steps


class ProjectTree:
    """Gives files and folders other paths, and makes copies of them."""

    __slots__ = ("_desk", "_documents")

    def __init__(self, desk: Desk, documents: Documents) -> None:
        self._desk = desk
        self._documents = documents

    async def move_file(
        self,
        project_id: str,
        source: str,
        target: str,
        *,
        replaced: Deletion | None,
        check: Check,
    ) -> Moved:
        """Give a file, with its document, another path; see `files.move`. `check` may refuse it."""

        def work(connection: Connection) -> Moved:
            check(connection)
            moved = files.move(connection, project_id, source, target, replaced)
            self._documents.move(connection, project_id, source, target)
            return moved

        return await self._desk.run(work)

    @asynccontextmanager
    async def move_folder(
        self, project_id: str, source: str, target: str, *, check: Check
    ) -> AsyncIterator[Done[Moved]]:
        """Give a folder, with its documents, another path, in steps; see `folders.move`,
        `document_moves` and `Desk.in_steps`. `check` may refuse it in the last step.
        """

        def work(connection: Connection) -> Steps[Moved]:
            def done() -> None:
                check(connection)
                self._documents.move_folder(connection, project_id, source, target)

            # What a former move has left on its way would be much to do in the last step.
            while self._documents.go_on_moving(connection, project_id):
                yield
            return (yield from folders.move(connection, project_id, source, target, done))

        # Documents of former files would be much to delete in the last step.
        forget = partial(self._documents.forget_some, project_id=project_id, folder=target)
        while await self._desk.run(forget):
            pass
        # The project's other work waits after the last step. This work goes on.
        beside = replace(self._desk, project_id=None)
        go_on = partial(self._documents.go_on_moving, project_id=project_id)
        async with self._desk.in_steps(work) as done:
            # If this fails, the next work that uses such a document does it.
            with suppress(EventError):
                while await beside.run(go_on):
                    pass
            yield done

    async def copy_file(
        self, project_id: str, source: str, target: str, *, user_id: str, now: str
    ) -> Change:
        """Copy a file; see `files.copy`."""
        return await self._desk.run(
            lambda c: files.copy(c, project_id, source, target, user_id, now)
        )

    def copy_folder(
        self,
        project_id: str,
        source: str,
        target: str,
        *,
        user_id: str,
        now: str,
        check: CheckMany,
    ) -> AbstractAsyncContextManager[Done[list[Change]]]:
        """Copy a folder, in steps; see `folders.copy` and `Desk.in_steps`. The histories of the
        copies do not begin with that yet.
        """
        return self._desk.in_steps(
            lambda c: folders.copy(
                c, project_id, source, target, user_id=user_id, now=now, done=partial(check, c)
            )
        )

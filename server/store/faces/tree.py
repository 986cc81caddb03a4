"""Files and folders that are moved and copied, as methods to await."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from functools import partial

from server.api.records import Deletion, File
from server.store import files, folders
from server.store.connection import Check, Connection
from server.store.contents import Change
from server.store.database import Desk
from server.store.documents import Documents
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
    ) -> File:
        """Give a file, with its document, another path; see `files.move`. `check` may refuse it."""

        def work(connection: Connection) -> File:
            check(connection)
            file = files.move(connection, project_id, source, target, replaced)
            self._documents.move(connection, project_id, source, target)
            return file

        return await self._desk.run(work)

    def move_folder(
        self, project_id: str, source: str, target: str, *, check: Check
    ) -> AbstractAsyncContextManager[int]:
        """Give a folder, with its documents, another path, in steps; see `folders.move` and
        `Desk.in_steps`. `check` may refuse it in the last step.
        """

        def work(connection: Connection) -> Steps[int]:
            def done() -> None:
                check(connection)
                self._documents.move(connection, project_id, source, target)

            return folders.move(connection, project_id, source, target, done)

        return self._desk.in_steps(work)

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
        check: Check,
    ) -> AbstractAsyncContextManager[list[Change]]:
        """Copy a folder, in steps; see `folders.copy` and `Desk.in_steps`."""
        return self._desk.in_steps(
            lambda c: folders.copy(
                c, project_id, source, target, user_id=user_id, now=now, done=partial(check, c)
            )
        )

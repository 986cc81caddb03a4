"""Files that several people edit at once, as methods to await."""

from __future__ import annotations

import sys

from server.api.records import User
from server.documents.authority import Author
from server.store import journals
from server.store.connection import Check, Connection
from server.store.database import Desk
from server.store.document_records import Edit as DocumentEdit
from server.store.document_records import Edited, Opened, Replaced, Since
from server.store.documents import Documents
from server.store.project_files import Change


class SharedDocuments:
    """Takes the changes of documents, and saves them in their files."""

    __slots__ = ("_desk", "_documents")

    def __init__(self, desk: Desk, documents: Documents) -> None:
        self._desk = desk
        self._documents = documents

    async def open(
        self, project_id: str, path: str, since: Since | None, author: Author | None, now: str
    ) -> Opened:
        """Return a document, or what is new of it; see `Documents.open`. As long as nothing has to
        be written for it, that waits for no other server.
        """
        key = (project_id, path)
        opened = await self._desk.read(lambda c: self._documents.opened(c, key, since, author))
        if opened is not None:
            return opened
        return await self._desk.run(lambda c: self._documents.open(c, key, since, author, now))

    async def latest(self, project_id: str, path: str) -> Since | None:
        """Return the epoch and the version of a document, None if there is none."""
        row = await self._desk.read(lambda c: journals.row(c, (project_id, path)))
        return None if row is None or row.id is None else Since(row.epoch, row.version)

    async def edit(self, project_id: str, path: str, edit: DocumentEdit, *, check: Check) -> Edited:
        """Take a change; see `Documents.edit`. `check` is called before, and may refuse it."""

        def work(connection: Connection) -> Edited:
            check(connection)
            return self._documents.edit(connection, (project_id, path), edit)

        size = sum(sys.getsizeof(text) for _, text in edit.change.sections)
        return await self._desk.run(work, size)

    async def save(self, project_id: str, path: str, now: str) -> tuple[Change, str] | None:
        """Save a document in its file; see `Documents.save`."""
        return await self._desk.run(lambda c: self._documents.save(c, (project_id, path), now))

    async def synchronise(self, project_id: str, path: str, *, user: User, now: str) -> Replaced:
        """Merge what a file has become into its document; see `Documents.synchronise`."""
        return await self._desk.run(
            lambda c: self._documents.synchronise(c, (project_id, path), user, now)
        )

    async def unsaved_of(self, project_id: str) -> list[tuple[str, str]]:
        """Return the project and the path of each of its documents that has unsaved edits."""
        return await self._desk.run(lambda c: self._documents.unsaved_of(c, project_id))

    async def unsaved(self) -> list[tuple[str, str]]:
        """Return the project and the path of each document that has unsaved edits."""
        return await self._desk.run(self._documents.unsaved)

"""Documents: files that several people edit at once, with the journal of their edits.

A file is the checkpoint of its document: what was saved last. The journal has the edits since then,
and some before for clients that come late. A document is loaded from both when it is first needed,
and then stays in memory, on the database's thread, until others need the room. Each time it is
used, it is compared with the tables: what other servers have done since is read from the journal.
If a transaction was undone, the document is loaded again.

Rejected: one server as the authority of a document, to which the others send edits. Each edit would
wait for another server, and all edits for the next authority when it dies. The transactions have an
order anyway, and the few updates that are missing are read by their primary key.

Whoever gives a file another content does so within `Documents.replacing`, which merges what was not
saved. Any other change of the file is merged as soon as the document is used.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection
from typing import Final

from server.api.errors import Code, EventError
from server.api.paths import bounds
from server.api.records import User
from server.documents.authority import MAX_TEXT, Author, Authority, Gone, Update
from server.documents.line_ends import document_text, line_end_of
from server.documents.utf16 import plain, without_halves
from server.store import contents, document_moves, files, journals, project_files
from server.store.connection import Connection, each
from server.store.document_records import Edit, Edited, Key, Opened, Replaced, Since, conflict
from server.store.loaded_documents import MAX_LOADED, Document, LoadedDocuments

MOST_UNSAVED: Final = 4.0
"""How much may be unsaved, as multiples of what makes a save overdue; see `Authority.unsaved`."""


class Documents:
    """The documents of a database, for its thread alone. At most `most` UTF-16 units are in memory.

    All methods but `move_folder` raise `StepsFirst` while many documents of the project have not
    followed a moved folder yet; see `document_moves`.
    """

    def __init__(self, most: int = MAX_LOADED) -> None:
        self._loaded = LoadedDocuments(most)

    def open(
        self,
        connection: Connection,
        key: Key,
        since: Since | None,
        author: Author | None,
        now: str,
    ) -> Opened:
        """Return a document. If there is none yet, it is made from its file. A document that the
        client has had open before is found where it was moved to.

        Raises:
            EventError: there is no such file (`NOT_FOUND`), or it is too long (`VALIDATION_ERROR`).
        """
        if since is not None:
            document_moves.ready(connection, key[0])
            key = journals.moved(connection, key, since.epoch)
        document, merged = self._present(connection, key, now)
        if document is None:
            document = self._made(connection, key)
        return _opened(connection, key, document, since, author, merged)

    def opened(
        self, connection: Connection, key: Key, since: Since | None, author: Author | None
    ) -> Opened | None:
        """Return what `open` does, or None if it would have to write: to make the document, to
        merge what the file has become, or to let documents follow a moved folder.

        Raises:
            EventError: as for `open`.
        """
        row = journals.row(connection, key)
        if row is not None and row.moving is None and since is not None:
            key = journals.moved(connection, key, since.epoch)
            row = journals.row(connection, key)
        if row is None or row.moving is not None:
            return None
        if row.id is None:
            files.editable_text(connection, *key)
            return None
        if row.file_hash is None or row.file_hash != row.hash:
            return None
        return _opened(connection, key, self._loaded_as(connection, key, row), since, author, [])

    def edit(self, connection: Connection, key: Key, edit: Edit) -> Edited:
        """Take a client's change.

        Raises:
            ChangeError: it does not fit the version.
            EventError: the document is another one (`VERSION_CONFLICT`), or too much is not saved.
        """
        document = self._known(connection, key)
        if (
            document is None
            or document.authority.epoch != edit.epoch
            or document.file_hash != document.hash
        ):
            raise conflict(key[1])
        authority = document.authority
        if edit.number <= authority.number(edit.author):
            return Edited(None, authority.version, 0, authority.unsaved)
        if authority.unsaved >= MOST_UNSAVED:
            raise EventError(
                Code.RATE_LIMIT_EXCEEDED,
                f"file {key[1]!r}: too much of it is not saved yet: try again in a second",
                {"retryAfter": 1},
            )
        try:
            update, steps = authority.rebased(edit.version, edit.author, edit.number, edit.change)
        except Gone as gone:
            return Edited(None, authority.version, gone.steps, authority.unsaved, is_late=True)
        journals.take(connection, document, update)
        return Edited(update, authority.version, steps, authority.unsaved)

    def save(
        self, connection: Connection, key: Key, now: str
    ) -> tuple[project_files.Change, str] | None:
        """Give the file the present text. Return the change and the content, or None if the file
        has the text already.

        Raises:
            EventError: the project's files would be too large (`RATE_LIMIT_EXCEEDED`).
        """
        document, _ = self._present(connection, key, now)
        if document is None or document.authority.is_saved:
            return None
        return self._save(connection, key, document, now)

    def replacing(
        self,
        connection: Connection,
        key: Key,
        user: User,
        now: str,
        work: Callable[[], project_files.Change],
        text: str | None,
    ) -> Replaced:
        """Let `work` give a file another content, or delete it. Merge the document's unsaved edits.

        text: the new content if it is a text and at hand.

        A document whose text gets too long is forgotten, and nobody is told of its updates.
        """
        document = self._known(connection, key)
        change = work()
        if change.file is None:
            self.delete(connection, key)
        elif change.file.media_type is not None:
            # Nobody edits the file together any more.
            self.delete(connection, key)
            return Replaced(change, None, "", [])
        if document is None or change.file is None or change.file.hash == document.hash:
            return Replaced(change, text, "", [])
        content = contents.whole(connection, change.file.hash) if text is None else text
        authority = document.authority
        wanted = document_text(content)
        if "\n" in wanted:
            document.line_end = line_end_of(content)
        updates = authority.replaced(wanted, Author("", user.id, user.name))
        is_too_long = len(wanted) > MAX_TEXT
        for update in updates:
            if is_too_long:
                authority.take(update)
            else:
                journals.take(connection, document, update)
        if authority.text == wanted:
            journals.mark_saved(connection, document, change.file.hash, None)
        else:
            saved = self._save(connection, key, document, now)
            change, text = saved[0]._replace(created=change.created), saved[1]
        if is_too_long:
            # Nobody edits the file together any more. What was typed is in the file.
            self.delete(connection, key)
            return Replaced(change, text, "", [])
        self._loaded.keep(key, document)
        return Replaced(change, text, authority.epoch, updates)

    def synchronise(self, connection: Connection, key: Key, user: User, now: str) -> Replaced:
        """Merge the present content of a file with what is not saved."""

        def nothing() -> project_files.Change:
            return project_files.Change(key[1], project_files.file(connection, *key), created=False)

        return self.replacing(connection, key, user, now, nothing, None)

    def unsaved_of(self, connection: Connection, project_id: str) -> list[Key]:
        """Return the documents of a project that have unsaved edits, whichever server took them."""
        document_moves.ready(connection, project_id)
        rows = connection.execute(
            "SELECT d.path FROM projects p JOIN documents d ON d.space = p.documents "
            "WHERE p.id = ? AND d.version > d.saved_version",
            (project_id,),
        )
        return [(project_id, path) for (path,) in rows]

    def unsaved(self, connection: Connection) -> list[Key]:
        """Return the documents that have unsaved edits."""
        document_moves.all_ready(connection)
        rows = connection.execute(
            "SELECT (SELECT p.id FROM projects p WHERE p.documents = d.space), d.path "
            "FROM documents d WHERE d.version > d.saved_version"
        )
        # Those of no project are leftovers.
        return [(project_id, path) for project_id, path in rows if project_id is not None]

    def among(self, connection: Connection, project_id: str, paths: Collection[str]) -> set[str]:
        """Return the paths among these that have a document, of the file there or a former one."""
        document_moves.ready(connection, project_id)
        (space,) = connection.execute(
            "SELECT documents FROM projects WHERE id = ?", (project_id,)
        ).fetchone()
        if space is None:
            return set()
        body = "SELECT path FROM documents WHERE space = ?1 AND path = {}"
        rows = connection.execute(each(body, paths, 1), (space, *paths))
        return {path for (path,) in rows}

    def delete(self, connection: Connection, key: Key) -> None:
        """Forget a document, whose file is gone."""
        document_moves.ready(connection, key[0])
        self._loaded.unload(key)
        connection.execute(
            "DELETE FROM documents WHERE space = (SELECT documents FROM projects WHERE id = ?) "
            "AND path = ?",
            key,
        )

    def forget_some(self, connection: Connection, project_id: str, folder: str) -> bool:
        """Forget some documents of files that were in a folder and are gone. Return whether there
        may be more. A document that is left is forgotten as soon as it is used.
        """
        document_moves.ready(connection, project_id)
        self._loaded.unload_within(project_id, [folder])
        return journals.put_aside(connection, project_id, folder)

    def move(self, connection: Connection, project_id: str, source: str, target: str) -> None:
        """Let the document of a file have another path."""
        document_moves.ready(connection, project_id)
        space = self._make_room(connection, project_id, target)
        connection.execute(
            "UPDATE documents SET path = ? WHERE space = ? AND path = ?", (target, space, source)
        )
        self._loaded.unload_within(project_id, (source, target))

    def move_folder(
        self, connection: Connection, project_id: str, source: str, target: str
    ) -> None:
        """Note that the documents of the files in a folder follow it to another path. Calls of
        `go_on_moving` then move them. Documents that have not followed an earlier move yet do so
        at once.
        """
        document_moves.finish(connection, project_id)
        space = self._make_room(connection, project_id, target)
        document_moves.note(connection, space, source, target)
        self._loaded.unload_within(project_id, (source, target))

    def go_on_moving(self, connection: Connection, project_id: str) -> bool:
        """Move some documents of a project. Return whether there may be more."""
        return document_moves.go_on(connection, project_id)

    def _make_room(self, connection: Connection, project_id: str, target: str) -> int:
        """Delete the documents of former files at a path, and those that have to make room. Return
        the number of the project's documents.
        """
        space = journals.space_of(connection, project_id)
        connection.execute(
            # With OR, all documents of the project would be looked at.
            "DELETE FROM documents WHERE id IN "
            "(SELECT id FROM documents WHERE space = ?1 AND path = ?2 UNION ALL "
            "SELECT id FROM documents WHERE space = ?1 AND path >= ?3 AND path < ?4)",
            (space, target, *bounds(target)),
        )
        return space

    # -- in memory and in the tables

    def _known(self, connection: Connection, key: Key) -> Document | None:
        """Return a document, None if there is none. Changes that others have made to its file since
        the last save are not merged into it yet.
        """
        row = journals.row(connection, key)
        if row is not None and row.moving is not None:
            document_moves.ready(connection, key[0])
            return self._known(connection, key)
        if row is None or row.id is None:
            self._loaded.unload(key)
            return None
        if row.file_hash is None:
            # The file that the document was of is gone.
            self.delete(connection, key)
            return None
        return self._loaded_as(connection, key, row)

    def _loaded_as(self, connection: Connection, key: Key, row: journals.Row) -> Document:
        """Return a document that has this row, and keep it in memory."""
        _, document_id, epoch, version, saved_version, chain, content_hash, line_end, file_hash = (
            row
        )
        assert document_id is not None
        document = self._loaded.get(key)
        if (
            document is None
            or (document.id, document.authority.epoch) != (document_id, epoch)
            or not journals.catch_up(connection, document, version, saved_version, chain)
        ):
            authority = journals.restored(
                connection, document_id, epoch, saved_version, content_hash
            )
            document = Document(document_id, chain, authority, content_hash, line_end, file_hash)
        document.hash, document.line_end = content_hash, line_end
        document.file_hash = file_hash
        self._loaded.keep(key, document)
        return document

    def _present(
        self, connection: Connection, key: Key, now: str
    ) -> tuple[Document | None, list[Update]]:
        """Return a document with all changes of its file merged, and the updates that did so."""
        document = self._known(connection, key)
        if document is None or document.file_hash == document.hash:
            return document, []
        file = project_files.file(connection, *key)
        assert file is not None
        user = User(file.updated_by, file.updated_by)
        updates = self.synchronise(connection, key, user, now).updates
        return self._known(connection, key), updates

    def _made(self, connection: Connection, key: Key) -> Document:
        """Return the document of a file that has none yet."""
        file, content = files.editable_text(connection, *key)
        text, line_end = document_text(content), line_end_of(content)
        epoch = secrets.token_hex(8)
        row = connection.execute(
            "INSERT INTO documents (space, path, epoch, version, saved_version, hash, length, "
            "line_end) VALUES (?, ?, ?, 0, 0, ?, ?, ?) RETURNING id",
            (journals.space_of(connection, key[0]), key[1], epoch, file.hash, len(text), line_end),
        ).fetchone()
        document = Document(row[0], "", Authority(epoch, 0, text), file.hash, line_end, file.hash)
        self._loaded.keep(key, document)
        return document

    def _save(
        self, connection: Connection, key: Key, document: Document, now: str
    ) -> tuple[project_files.Change, str]:
        authority = document.authority
        exact = plain(authority.text)
        # If the file cannot have the text as it is, the journal still begins with the text.
        text = without_halves(exact)
        content = text.replace("\n", document.line_end)
        change = project_files.write(
            connection,
            *key,
            content,
            user_id=authority.last_user,
            now=now,
            edited=True,
        )
        assert change.file is not None
        journals.mark_saved(
            connection,
            document,
            change.file.hash,
            None if text == exact else exact.encode("utf-8", "surrogatepass"),
        )
        return change, content


def _opened(
    connection: Connection,
    key: Key,
    document: Document,
    since: Since | None,
    author: Author | None,
    merged: list[Update],
) -> Opened:
    """Return what a client is told of a document that it opens."""
    authority = document.authority
    updates = None
    if since is not None and since.epoch == authority.epoch:
        updates = authority.since(since.version)
    file = project_files.file(connection, *key)
    return Opened(
        key[1],
        authority.epoch,
        authority.version,
        0 if file is None else file.revision,
        plain(authority.text) if updates is None else None,
        updates or [],
        0 if author is None else authority.number(author),
        merged,
    )

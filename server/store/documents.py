"""Documents: files that several people edit at once, with the journal of their edits.

A file is the checkpoint of its document: what was saved last. The journal has the edits since then,
and some before for clients that come late. A document is loaded from both when it is first needed,
and then stays in memory, on the database's thread, until others need the room. What is in memory is
compared with the tables each time it is used: if a transaction was undone, it is loaded again.

Whoever gives a file another content does so within `Documents.replacing`, which merges what was not
saved. What has slipped through is merged as soon as the document is used.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple

from server.api.errors import Code, EventError
from server.api.paths import is_within
from server.api.records import User
from server.documents.authority import MAX_TEXT, Author, Authority, Gone, Update
from server.documents.change_json import read
from server.documents.changes import Change
from server.documents.line_ends import document_text, line_end_of
from server.documents.utf16 import has_halves, plain, units
from server.store import contents, counters, files, parts
from server.store.connection import Connection

MAX_LOADED: Final = 64_000_000
"""UTF-16 units of all documents in memory, beyond the last one that was used."""
MOST_UNSAVED: Final = 4.0
"""Of what makes a save overdue: more is not taken before it is done."""
_MAX_BYTES: Final = 4 * MAX_TEXT
_AT: Final = "(path = ? OR (path >= ? AND path < ?))"
_HALVES: Final = re.compile("[\ud800-\udfff]")

Key = tuple[str, str]
"""A project's id and a path."""


@dataclass(slots=True)
class _Document:
    """A document in memory.

    hash: of the content that the file had when it was saved. file_hash: of the one that it has,
    None if it is gone. size: as it was counted.
    """

    id: int
    authority: Authority
    hash: str
    line_end: str
    file_hash: str | None
    size: int = 0


class Since(NamedTuple):
    """What a client has of a document."""

    epoch: str
    version: int


class Opened(NamedTuple):
    """A document as a client gets it: all of its text, or the updates since what the client has.

    path: of the file by now. number: of the last change of the client's editor. merged: updates
    that nobody has heard of.
    """

    path: str
    epoch: str
    version: int
    revision: int
    text: str | None
    updates: list[Update]
    number: int
    merged: list[Update]


class Edited(NamedTuple):
    """What an edit has become: no update if it was done before, or is too late.

    version: the present one. steps: sections that were gone through. unsaved: see `Authority`.
    """

    update: Update | None
    version: int
    steps: int
    unsaved: float
    is_late: bool = False


class Replaced(NamedTuple):
    """A file that was given another content, and the updates that this is for its document.

    text: the content as it is now, None if it has not changed or the file is gone. It is not what
    was given where something was not saved.
    """

    change: contents.Change
    text: str | None
    epoch: str
    updates: list[Update]


class Edit(NamedTuple):
    """What a client sends: a change of a document at a version, the `number`th of its author."""

    epoch: str
    version: int
    author: Author
    number: int
    change: Change


class Documents:
    """The documents of a database, for its thread alone; in memory are `most` units of them."""

    def __init__(self, most: int = MAX_LOADED) -> None:
        self._most = most
        self._loaded: dict[Key, _Document] = {}
        self._size = 0

    def open(
        self,
        connection: Connection,
        key: Key,
        since: Since | None,
        author: Author | None,
        now: str,
    ) -> Opened:
        """Return a document, which is made of its file if there is none yet. What a client has had
        open before is found where it was moved to.

        Raises:
            EventError: there is no such file (`NOT_FOUND`), or it is too long (`VALIDATION_ERROR`).
        """
        if since is not None:
            key = _moved(connection, key, since.epoch)
        document, merged = self._present(connection, key, now)
        if document is None:
            document = self._made(connection, key)
        authority = document.authority
        updates = None
        if since is not None and since.epoch == authority.epoch:
            updates = authority.since(since.version)
        file = contents.file(connection, *key)
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
            update, steps = authority.made(edit.version, edit.author, edit.number, edit.change)
        except Gone as gone:
            return Edited(None, authority.version, gone.steps, authority.unsaved, is_late=True)
        self._take(connection, document, update)
        return Edited(update, authority.version, steps, authority.unsaved)

    def save(
        self, connection: Connection, key: Key, now: str
    ) -> tuple[contents.Change, str] | None:
        """Give the file the present text; return the change and the content, None if it has it.

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
        work: Callable[[], contents.Change],
        text: str | None,
    ) -> Replaced:
        """Let `work` give a file another content, `text`, or delete it; merge what is not saved."""
        document = self._known(connection, key)
        change = work()
        if change.file is None:
            self.delete(connection, key)
        elif change.file.media_type is not None:
            # Nobody edits it together any more.
            self.delete(connection, key)
            return Replaced(change, None, "", [])
        if document is None or change.file is None or change.file.hash == document.hash:
            return Replaced(change, text, "", [])
        content = parts.whole(connection, change.file.hash) if text is None else text
        authority = document.authority
        wanted = document_text(content)
        if "\n" in wanted:
            document.line_end = line_end_of(content)
        updates = authority.replaced(wanted, Author("", user.id, user.name))
        for update in updates:
            self._take(connection, document, update)
        if authority.text == wanted:
            self._mark_saved(connection, document, change.file.hash, None)
        else:
            saved = self._save(connection, key, document, now)
            change, text = saved[0]._replace(created=change.created), saved[1]
        self._keep(key, document)
        return Replaced(change, text, authority.epoch, updates)

    def synchronise(self, connection: Connection, key: Key, user: User, now: str) -> Replaced:
        """Merge what a file has become with what is not saved."""

        def nothing() -> contents.Change:
            return contents.Change(key[1], contents.file(connection, *key), created=False)

        return self.replacing(connection, key, user, now, nothing, None)

    def unsaved(self, connection: Connection) -> list[Key]:
        """Return the documents of which something is not saved."""
        rows = connection.execute(
            "SELECT p.id, d.path FROM documents d CROSS JOIN projects p "
            "WHERE d.version > d.saved_version AND p.documents = d.space"
        )
        return [(project_id, path) for project_id, path in rows]

    def delete(self, connection: Connection, key: Key) -> None:
        """Forget a document, whose file is gone."""
        self._unload(key)
        connection.execute(
            "DELETE FROM documents WHERE space = (SELECT documents FROM projects WHERE id = ?) "
            "AND path = ?",
            key,
        )

    def forget(self, connection: Connection, project_id: str, path: str) -> None:
        """Forget the document of a file, or those of the files in a folder, which are gone."""
        connection.execute(
            f"DELETE FROM documents WHERE space = ? AND {_AT}",
            (_space(connection, project_id), *_at(path)),
        )
        for key in list(self._loaded):
            if key[0] == project_id and is_within(key[1], [path]):
                self._unload(key)

    def move(self, connection: Connection, project_id: str, source: str, target: str) -> None:
        """Let the document of a file, or those of the files in a folder, have another path."""
        space = _space(connection, project_id)
        # Documents of files that were there once, or that give way.
        connection.execute(
            f"DELETE FROM documents WHERE space = ? AND {_AT}", (space, *_at(target))
        )
        connection.execute(
            "UPDATE documents SET path = ? || substr(path, CAST(? AS INTEGER)) "
            f"WHERE space = ? AND {_AT}",
            (target, len(source) + 1, space, *_at(source)),
        )
        for key in list(self._loaded):
            if key[0] == project_id and is_within(key[1], (source, target)):
                self._unload(key)

    # -- in memory and in the tables

    def _known(self, connection: Connection, key: Key) -> _Document | None:
        """Return a document as it is without what its file has become; None if there is none."""
        row = connection.execute(
            "SELECT d.id, d.epoch, d.version, d.saved_version, d.hash, d.line_end, f.hash "
            "FROM projects p JOIN documents d ON d.space = p.documents AND d.path = ?2 "
            "LEFT JOIN tree_files f ON f.tree = p.tree AND f.path = ?2 WHERE p.id = ?1",
            key,
        ).fetchone()
        if row is None:
            self._unload(key)
            return None
        document_id, epoch, version, saved_version, content_hash, line_end, file_hash = row
        document = self._loaded.get(key)
        if document is not None:
            authority = document.authority
            here = (document.id, authority.version, authority.saved_version, document.hash)
            if here != (document_id, version, saved_version, content_hash):
                document = None
        if document is None:
            authority = _restored(connection, document_id, epoch, saved_version, content_hash)
            document = _Document(document_id, authority, content_hash, line_end, file_hash)
        document.file_hash = file_hash
        self._keep(key, document)
        return document

    def _present(
        self, connection: Connection, key: Key, now: str
    ) -> tuple[_Document | None, list[Update]]:
        """Return a document with what its file has become, and the updates that this is."""
        document = self._known(connection, key)
        if document is None or document.file_hash == document.hash:
            return document, []
        file = contents.file(connection, *key)
        if file is None:
            self.delete(connection, key)
            return None, []
        user = User(file.updated_by, file.updated_by)
        updates = self.synchronise(connection, key, user, now).updates
        return self._known(connection, key), updates

    def _made(self, connection: Connection, key: Key) -> _Document:
        """Return the document of a file that has none yet."""
        file = contents.file(connection, *key)
        if file is None:
            raise EventError(Code.NOT_FOUND, f"file {key[1]!r}: the project has no such file")
        if file.media_type is not None:
            raise files.no_text(key[1], file.media_type)
        content = parts.whole(connection, file.hash) if file.size <= _MAX_BYTES else None
        text = "" if content is None else document_text(content)
        if content is None or len(text) > MAX_TEXT:
            raise EventError(
                Code.VALIDATION_ERROR,
                f"file {key[1]!r} is too long to be edited together, which files of at most "
                f"{MAX_TEXT} UTF-16 units can be: read it with file:read",
            )
        epoch, line_end = secrets.token_hex(8), line_end_of(content)
        row = connection.execute(
            "INSERT INTO documents (space, path, epoch, version, saved_version, hash, length, "
            "line_end) VALUES (?, ?, ?, 0, 0, ?, ?, ?) RETURNING id",
            (_space(connection, key[0]), key[1], epoch, file.hash, len(text), line_end),
        ).fetchone()
        document = _Document(row[0], Authority(epoch, 0, text), file.hash, line_end, file.hash)
        self._keep(key, document)
        return document

    def _take(self, connection: Connection, document: _Document, update: Update) -> None:
        """Make a change the next one of a document, in memory and in the tables."""
        author = update.author
        forgotten = document.authority.take(update)
        connection.execute(
            "UPDATE documents SET version = ? WHERE id = ?",
            (document.authority.version, document.id),
        )
        connection.execute(
            "INSERT INTO edits VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                document.id,
                update.version,
                author.id,
                update.number,
                author.user_id,
                author.user_name,
                # As ASCII, in which half of a surrogate pair can be written as an escape.
                json.dumps(update.change.json, separators=(",", ":")),
            ),
        )
        if update.number:
            connection.execute(
                "INSERT INTO authors VALUES (?, ?, ?, ?, ?) ON CONFLICT "
                "(document, user_id, author) DO UPDATE "
                "SET number = excluded.number, version = excluded.version",
                (document.id, author.user_id, author.id, update.number, update.version),
            )
        if forgotten is not None:
            connection.execute(
                "DELETE FROM authors WHERE document = ? AND user_id = ? AND author = ?",
                (document.id, *forgotten),
            )

    def _save(
        self, connection: Connection, key: Key, document: _Document, now: str
    ) -> tuple[contents.Change, str]:
        authority = document.authority
        exact = plain(authority.text)
        # Where a file cannot have the text as it is, the journal still begins with it.
        text = _HALVES.sub("\ufffd", exact) if has_halves(exact) else exact
        content = text.replace("\n", document.line_end)
        before = contents.file(connection, *key)
        change = contents.write(
            connection,
            *key,
            content,
            user_id=authority.last_user or ("" if before is None else before.updated_by),
            now=now,
            edited=True,
        )
        assert change.file is not None
        self._mark_saved(
            connection,
            document,
            change.file.hash,
            None if text == exact else exact.encode("utf-8", "surrogatepass"),
        )
        return change, content

    def _mark_saved(
        self,
        connection: Connection,
        document: _Document,
        content_hash: str,
        exact: bytes | None,
    ) -> None:
        """Count the present text as that of the file, whose content has this hash."""
        document.authority.save()
        document.hash = document.file_hash = content_hash
        connection.execute(
            "UPDATE documents SET saved_version = version, hash = ?, length = ?, line_end = ?, "
            "exact = ? WHERE id = ?",
            (
                content_hash,
                len(document.authority.text),
                document.line_end,
                exact,
                document.id,
            ),
        )
        connection.execute(
            "DELETE FROM edits WHERE document = ? AND version < ?",
            (document.id, document.authority.first_kept),
        )

    def _keep(self, key: Key, document: _Document) -> None:
        """Keep a document in memory, and let those go that were not used for longest."""
        self._unload(key)
        self._loaded[key] = document
        # Twice where something is not saved.
        document.size = len(document.authority.text) + len(document.authority.saved)
        self._size += document.size
        while self._size > self._most and len(self._loaded) > 1:
            self._unload(next(iter(self._loaded)))

    def _unload(self, key: Key) -> None:
        document = self._loaded.pop(key, None)
        if document is not None:
            self._size -= document.size


def _moved(connection: Connection, key: Key, epoch: str) -> Key:
    """Return where the document of this epoch is by now; the same place if there is none."""
    row = connection.execute(
        "SELECT path FROM documents WHERE space = (SELECT documents FROM projects WHERE id = ?) "
        "AND epoch = ?",
        (key[0], epoch),
    ).fetchone()
    return key if row is None else (key[0], row[0])


def _at(path: str) -> tuple[str, str, str]:
    """Return the values of `_AT` for a file, and the files in a folder, of that path."""
    return path, f"{path}/", f"{path}0"


def _space(connection: Connection, project_id: str) -> int:
    """Return the number of a project's documents; a project that has none yet gets one."""
    (space,) = connection.execute(
        "SELECT documents FROM projects WHERE id = ?", (project_id,)
    ).fetchone()
    if space is None:
        space = counters.increment(connection, "documents")
        connection.execute("UPDATE projects SET documents = ? WHERE id = ?", (space, project_id))
    number: int = space
    return number


def _restored(
    connection: Connection,
    document_id: int,
    epoch: str,
    saved_version: int,
    content_hash: str,
) -> Authority:
    """Return the authority of the checkpoint and the journal."""
    length, exact = connection.execute(
        "SELECT length, exact FROM documents WHERE id = ?", (document_id,)
    ).fetchone()
    try:
        saved = (
            document_text(parts.whole(connection, content_hash))
            if exact is None
            else units(bytes(exact).decode("utf-8", "surrogatepass"))
        )
    except LookupError:
        # The file has another content by now, and all of this one goes when the two are merged.
        saved = "\0" * length
    authority = Authority(epoch, saved_version, saved)
    rows = connection.execute(
        "SELECT version, author, user_id, user_name, number, change FROM edits "
        "WHERE document = ? ORDER BY version",
        (document_id,),
    )
    numbers = connection.execute(
        "SELECT author, user_id, number FROM authors WHERE document = ? ORDER BY version",
        (document_id,),
    )
    authority.restore(
        (
            Update(version, Author(author, *user), number, read(json.loads(change)))
            for version, author, *user, number, change in rows
        ),
        ((Author(author, user_id, ""), number) for author, user_id, number in numbers),
    )
    return authority


def conflict(path: str, version: int | None = None) -> EventError:
    """Return the error for a change that cannot be taken; `version` is the present one."""
    return EventError(
        Code.VERSION_CONFLICT,
        f"file {path!r}: the version that the change was made of is gone: open the file again",
        None if version is None else {"version": version},
    )

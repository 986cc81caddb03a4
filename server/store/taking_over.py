"""Files that a program has changed in a directory are taken over, many in one piece of work.

The 12 statements and more that each file would take are done once for all files of a piece of work:
one finds out what they are, one gives them their revisions, one counts their bytes. What is left
for each file are the rows that are written: the content, the file, its history.

Files that several people edit are taken over one by one: what they type is merged.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final, NamedTuple

from server.api.records import File, User
from server.store import contents, history, project_files, trees
from server.store.connection import Connection
from server.store.contents import Kept, Prepared
from server.store.document_records import Replaced
from server.store.documents import Documents
from server.store.project_files import Change

AT_ONCE: Final = 50
"""Files that one piece of work takes over, in about 6 ms."""

Found = Mapping[str, str | bytes | None]
"""What files are in the directory, by path. None stands for no file."""


def in_pieces(found: Found) -> tuple[list[Found], dict[str, str | bytes]]:
    """Return short contents, as many together as one piece of work takes over, and the long ones.

    Saves of others come in between.
    """
    long = {path: one for path, one in found.items() if one is not None and contents.is_long(one)}
    short = [(path, one) for path, one in found.items() if path not in long]
    return [dict(short[first : first + AT_ONCE]) for first in range(0, len(short), AT_ONCE)], long


class _Present(NamedTuple):
    """A file as it is, and the hash of the last content in its history, None if there is none."""

    file: File
    remembered: str | None


def take_over(
    connection: Connection,
    documents: Documents,
    project_id: str,
    found: Found,
    user: User,
    now: str,
) -> list[Replaced]:
    """Give files the contents that they were found with, none of them a long one. Delete those
    without. Return what has changed by that, in the order of `found`.

    Raises:
        EventError: the project has too many files, or too large ones (`RATE_LIMIT_EXCEEDED`).
    """
    wanted = _differing(_present(connection, project_id, found), found)
    opened = documents.among(connection, project_id, wanted) if wanted else set()
    closed = {path: one for path, one in wanted.items() if path not in opened}
    done = {change.path: change for change in _put(connection, project_id, closed, user.id, now)}
    return [
        Replaced(done[path], _text(found[path]), "", [])
        if path in done
        else take_over_one(
            connection, documents, (project_id, path), found[path], found[path], user, now
        )
        for path in wanted
    ]


def take_over_one(
    connection: Connection,
    documents: Documents,
    key: tuple[str, str],
    content: str | bytes | Kept | None,
    found: str | bytes | None,
    user: User,
    now: str,
) -> Replaced:
    """Give a file the content that was found, which may be stored already. Without one delete the
    file, which is there. Edits that are not saved are merged; see `Documents.replacing`.

    Raises:
        EventError: as for `take_over`.
    """

    def work() -> Change:
        if content is None:
            return project_files.delete(connection, *key)
        return project_files.write(connection, *key, content, user_id=user.id, now=now)

    return documents.replacing(connection, key, user, now, work, _text(found))


def _text(content: str | bytes | None) -> str | None:
    return content if isinstance(content, str) else None


class _Wanted(NamedTuple):
    """What a file is, and what it becomes; None stands for no file."""

    before: _Present | None
    content: Prepared | None


def _differing(present: Mapping[str, _Present], found: Found) -> dict[str, _Wanted]:
    """Return the files that are not what they were found as."""
    wanted = {}
    for path, content in found.items():
        one = _Wanted(present.get(path), None if content is None else contents.prepare(content))
        before = None if one.before is None else one.before.file.hash
        if before != (None if one.content is None else one.content.stored.hash):
            wanted[path] = one
    return wanted


def _present(
    connection: Connection, project_id: str, paths: Collection[str]
) -> dict[str, _Present]:
    if not paths:
        return {}
    last = history.last_of(connection, project_id, paths)
    files = project_files.files_at(connection, project_id, paths)
    return {path: _Present(file, last.get(path, (None,))[0]) for path, file in files.items()}


def _put(
    connection: Connection,
    project_id: str,
    wanted: Mapping[str, _Wanted],
    user_id: str,
    now: str,
) -> list[Change]:
    """Give files that nobody edits their contents, and delete those without. Their histories have
    what they were, and what they are.
    """
    if not wanted:
        return []
    tree, last = project_files.count_changes(connection, project_id, len(wanted))
    changes: list[Change] = []
    remembered: list[File] = []
    count = size = 0
    for revision, (path, (present, content)) in enumerate(
        wanted.items(), start=last - len(wanted) + 1
    ):
        if present is not None:
            count, size = count - 1, size - present.file.size
            if present.remembered != present.file.hash:
                remembered.append(present.file)
        file = None
        if content is not None:
            found = content.stored
            count, size = count + 1, size + found.size
            file = project_files.from_row(
                (path, found.size, found.hash, revision, now, user_id, found.media_type)
            )
            remembered.append(file)
        is_new = file is not None and present is None
        changes.append(Change(path, file, is_new, gone_at=0 if file else revision))
    project_files.grow(connection, tree, count, size)
    contents.add_all(
        connection, [one.content for one in wanted.values() if one.content is not None]
    )
    project_files.put_rows(connection, tree, [one.file for one in changes if one.file is not None])
    project_files.delete_rows(connection, tree, [one.path for one in changes if one.file is None])
    trees.touch_all(connection, project_id, wanted)
    # With that, no content loses its last user: what the files were is in their histories.
    history.add(connection, project_id, remembered)
    return changes

"""The history of files: what each was whenever it was saved, and by whom.

Each content that a file gets has a row, which keeps the content. What several people type together
is saved every few seconds: such saves that follow each other are one row for five minutes, with the
content at the end of them. What is done to thousands of files at once adds their rows piece by
piece, after it is done and before anybody is told. A save that comes first adds the missing row of
its file, and so does the next one if the server is killed in between.

A row has the path that the file had. When a file or folder gets another path, one row of `moves`
says so, however many files it has. Whoever asks for a history goes back through those rows.

Of the last day all rows stay, then the last one of each hour, after 30 days the last one of each
day. A project has at most `MOST` rows, of `MAX_SIZE` bytes: the oldest are dropped first.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from server.api.errors import Code, EventError
from server.api.paths import is_within, moved
from server.api.records import File, Save
from server.store import counters, trees
from server.store.connection import FUTURE, Connection, add_rows, each
from server.store.contents import Stored
from server.store.leftovers import release, release_all

MOST: Final = 50_000
"""Rows of one project."""
MAX_SIZE: Final = 500_000_000
"""Bytes of all contents of a project's rows."""
MAX_MOVES: Final = 300
"""Moves of one project that are remembered. What was before the oldest move is not found any
more.
"""
GROUP: Final = timedelta(minutes=5)
MAX_USERS: Final = 20
"""Users that one save names."""
KEPT_AT_ONCE: Final = 50
"""Rows that one piece of work adds for what was done to many files."""
_THINNED_AT_ONCE: Final = 100
_DROPPED_AT_ONCE: Final = 4
"""Rows that are dropped for each new row, where there are too many."""
_DROPPED_AFTER_MANY: Final = 50
"""Rows that one piece of work drops, where there are too many after many new ones."""

_SELECT: Final = (
    "SELECT sequence, path, hash, size, media_type, saved_at, saved_by, users, saves FROM saves "
)
# PostgreSQL chooses an index once, maybe while the table is empty and all look alike. Only the one
# that begins with the project and the path has rows in this order.
_BETWEEN: Final = (
    "project_id = ?1 AND (path, sequence) > ({0}, {1}) AND (path, sequence) <= ({0}, {2})"
)
_LATEST_FIRST: Final = "ORDER BY path DESC, sequence DESC"
_INSERT: Final = (
    "INSERT INTO saves (sequence, project_id, path, hash, size, media_type, begun_at, saved_at, "
    "saved_by, users, saves, is_edited, level) VALUES {}"
)
_HOUR: Final = 13
_DAY: Final = 10
"""Characters of a time that say in which hour, and on which day, it is."""


_Kept = tuple[int, int]
"""How many rows a project has, and how many bytes their contents have."""


class _Last(NamedTuple):
    """The last row of a file."""

    sequence: int
    hash: str
    size: int
    begun_at: str
    saved_at: str
    is_edited: bool
    users: str


def keep(
    connection: Connection, project_id: str, before: File | None, file: File, *, edited: bool
) -> None:
    """Add what a file has become to its history. `edited`: by people who type together."""
    last = _last(connection, project_id, file.path)
    goes_on = last is not None and before is not None and last.hash == before.hash
    if before is not None and not goes_on:
        _remember(connection, project_id, before)
    if last is not None and goes_on and edited and _is_in_group(last, file.updated_at):
        users = json.loads(last.users)
        if file.updated_by not in users and len(users) < MAX_USERS:
            users.append(file.updated_by)
        connection.execute(
            "UPDATE saves SET hash = ?, size = ?, saved_at = ?, saved_by = ?, users = ?, "
            "saves = saves + 1 WHERE sequence = ?",
            (
                *(file.hash, file.size, file.updated_at, file.updated_by, json.dumps(users)),
                last.sequence,
            ),
        )
        release(connection, last.hash)
        kept = _count(connection, project_id, 0, file.size - last.size)
    else:
        kept = _insert(connection, project_id, [file], is_edited=edited)
    _drop_oldest(connection, project_id, kept)


def keep_many(connection: Connection, project_id: str, paths: Sequence[str]) -> None:
    """Add what files have become, at most `KEPT_AT_ONCE`, to their histories. Files that are gone,
    and files that have their row already, are left out.
    """
    body = (
        "SELECT path, size, hash, revision, updated_at, updated_by, media_type FROM tree_files "
        "WHERE tree = ?1 AND path = {}"
    )
    tree = trees.of_project(connection, project_id)
    rows = connection.execute(each(body, paths, 1), (tree, *paths)).fetchall()
    last = last_of(connection, project_id, paths)
    # The last row of a file is the one for what it has become, if it has its content and time.
    due = [row for row in sorted(rows) if last.get(row[0]) != (row[2], row[4])]
    new = [File(path, "", *columns) for path, *columns in due]
    if new:
        _insert(connection, project_id, new)


def add(connection: Connection, project_id: str, files: Sequence[File]) -> None:
    """Add a row for each of these files, as they are or were. The last rows of the files are other
    ones.
    """
    if files:
        kept = _insert(connection, project_id, files)
        _drop_oldest(connection, project_id, kept, _DROPPED_AT_ONCE * len(files))


def last_of(
    connection: Connection, project_id: str, paths: Collection[str]
) -> dict[str, tuple[str, str]]:
    """Return the hash and the time of the last row of each of these files, by path."""
    body = (
        f"SELECT * FROM (SELECT path, hash, saved_at FROM saves "
        f"WHERE {_BETWEEN.format('{0}', 0, FUTURE)} {_LATEST_FIRST} LIMIT 1) AS last_row"
    )
    rows = connection.execute(each(body, paths, 1), (project_id, *paths))
    return {path: (content_hash, saved_at) for path, content_hash, saved_at in rows}


def drop_some(connection: Connection, project_id: str) -> bool:
    """Drop some of the oldest rows of a project that has too many. Return whether there are more
    to drop.
    """
    kept: _Kept | None = connection.execute(
        "SELECT row_count, size FROM histories WHERE project_id = ?", (project_id,)
    ).fetchone()
    return kept is not None and _drop_oldest(connection, project_id, kept, _DROPPED_AFTER_MANY)


def remember(connection: Connection, project_id: str, file: File) -> None:
    """Add what a file is to its history, unless its last save has the content already. If that save
    was under another path, the content gets a second row; `saves` lists it once.
    """
    last = _last(connection, project_id, file.path)
    if last is None or last.hash != file.hash:
        _remember(connection, project_id, file)


def move(connection: Connection, project_id: str, source: str, target: str) -> None:
    """Let the history of a file, or of those in a folder, be found under another path."""
    # Rows and moves are counted together: what was saved before has a smaller number.
    number = counters.increment(connection, "saves")
    connection.execute(
        "INSERT INTO moves (project_id, number, source, target) VALUES (?, ?, ?, ?)",
        (project_id, number, source, target),
    )
    connection.execute(
        "DELETE FROM moves WHERE number = (SELECT number FROM moves WHERE project_id = ? "
        "ORDER BY number DESC LIMIT 1 OFFSET ?)",
        (project_id, MAX_MOVES),
    )


def saves(
    connection: Connection, project_id: str, path: str, before: int, most: int
) -> list[tuple[int, Save]]:
    """Return the last saves of a file whose numbers are less than `before`, at most `most`, also
    those under paths that it had before. A save that has two rows is listed once.
    """
    found: list[tuple[int, Save]] = []
    row = connection.execute(
        _SELECT + "WHERE sequence = ? AND project_id = ?", (before, project_id)
    ).fetchone()
    later = None if row is None else _from_row(row)
    for place, first, last in _stays(connection, project_id, path):
        rows = connection.execute(
            f"{_SELECT} WHERE {_BETWEEN.format('?2', '?3', '?4')} {_LATEST_FIRST} LIMIT ?5",
            # One more than are missing: the first row may be the same save as the one after it.
            (project_id, place, first, min(last, before - 1), most - len(found) + 1),
        )
        for number, save in [(row[0], _from_row(row)) for row in rows]:
            if later is None or (later.hash, later.saved_at) != (save.hash, save.saved_at):
                found.append((number, save))
            later = save
        if len(found) >= most:
            break
    return found[:most]


def content_of(connection: Connection, project_id: str, path: str, save_id: str) -> Stored:
    """Return where the content of a row in the history of a file is.

    Raises:
        EventError: it is not there any more, or is another file's (`NOT_FOUND`).
    """
    number = save_id.removeprefix("save-")
    row = None
    if number.isascii() and number.isdigit() and len(number) <= len(str(FUTURE)):
        row = connection.execute(
            "SELECT path, hash, size, media_type FROM saves WHERE sequence = ? AND project_id = ?",
            (int(number), project_id),
        ).fetchone()
    if row is None or row[0] != _place_at(connection, project_id, path, int(number)):
        raise EventError(
            Code.NOT_FOUND,
            f"save {save_id!r}: it is not in the history of {path!r}, or not any more",
        )
    return Stored(*row[1:])


def _place_at(connection: Connection, project_id: str, path: str, number: int) -> str | None:
    """Return where a file was when the row of that number was written. Return None if the file came
    to its path later.
    """
    for place, first, last in _stays(connection, project_id, path, number):
        if first < number <= last:
            return place
    return None


def _stays(
    connection: Connection, project_id: str, path: str, since: int = 0
) -> Iterator[tuple[str, int, int]]:
    """Yield `path, first, last` for each path that a file has had since a row, the present one
    first: the file's rows under that path have numbers with `first < number <= last`.
    """
    place, last = path, FUTURE
    for number, source, target in connection.execute(
        "SELECT number, source, target FROM moves WHERE project_id = ? AND number > ? "
        "ORDER BY number DESC",
        (project_id, since),
    ).fetchall():
        origin = moved(place, target, source)
        if origin is not None:
            yield place, number, last
            place, last = origin, number
        elif is_within(place, [source]):
            # Another file that was here before has moved away.
            yield place, number, last
            return
    yield place, 0, last


def thin(connection: Connection, day_ago: str, month_ago: str) -> bool:
    """Drop some rows that have a later row in the same hour, or after a month on the same day.
    Return whether there may be more.
    """
    hourly = _thin(connection, 0, day_ago, _HOUR)
    daily = _thin(connection, 1, month_ago, _DAY)
    return hourly or daily


def _thin(connection: Connection, level: int, end: str, length: int) -> bool:
    rows = connection.execute(
        "SELECT sequence, project_id, path, saved_at FROM saves WHERE level = ? AND saved_at < ? "
        "ORDER BY saved_at LIMIT ?",
        (level, end, _THINNED_AT_ONCE),
    ).fetchall()
    for sequence, project_id, path, saved_at in rows:
        following = connection.execute(
            f"SELECT saved_at FROM saves WHERE {_BETWEEN.format('?2', '?3', FUTURE)} "
            "ORDER BY path, sequence LIMIT 1",
            (project_id, path, sequence),
        ).fetchone()
        if following is not None and following[0][:length] == saved_at[:length]:
            _drop(connection, project_id, sequence)
        else:
            connection.execute(
                "UPDATE saves SET level = ? WHERE sequence = ?", (level + 1, sequence)
            )
    return len(rows) == _THINNED_AT_ONCE


def _remember(connection: Connection, project_id: str, file: File) -> None:
    kept = _insert(connection, project_id, [file])
    _drop_oldest(connection, project_id, kept)


def _last(connection: Connection, project_id: str, path: str) -> _Last | None:
    row = connection.execute(
        "SELECT sequence, hash, size, begun_at, saved_at, is_edited, users FROM saves "
        f"WHERE {_BETWEEN.format('?2', 0, FUTURE)} {_LATEST_FIRST} LIMIT 1",
        (project_id, path),
    ).fetchone()
    return None if row is None else _Last(*row)


def _is_in_group(last: _Last, now: str) -> bool:
    if not last.is_edited:
        return False
    try:
        return datetime.fromisoformat(now) - datetime.fromisoformat(last.begun_at) < GROUP
    except (ValueError, TypeError):
        return False


def _insert(
    connection: Connection, project_id: str, files: Sequence[File], *, is_edited: bool = False
) -> _Kept:
    first = counters.increment(connection, "saves", len(files)) - len(files) + 1
    add_rows(
        connection,
        _INSERT,
        [
            (
                *(number, project_id, file.path, file.hash, file.size, file.media_type),
                *(file.updated_at, file.updated_at, file.updated_by),
                *(json.dumps([file.updated_by]), 1, int(is_edited), 0),
            )
            for number, file in enumerate(files, start=first)
        ],
    )
    return _count(connection, project_id, len(files), sum(file.size for file in files))


def _count(connection: Connection, project_id: str, rows: int, size: int) -> _Kept:
    """Add rows and bytes, which may be negative, to the counts of a project. Return the counts."""
    kept: _Kept = connection.execute(
        "INSERT INTO histories VALUES (?1, ?2, ?3) ON CONFLICT (project_id) DO UPDATE "
        "SET row_count = histories.row_count + ?2, size = histories.size + ?3 "
        "RETURNING row_count, size",
        (project_id, rows, size),
    ).fetchone()
    return kept


def _drop_oldest(
    connection: Connection, project_id: str, kept: _Kept, most: int = _DROPPED_AT_ONCE
) -> bool:
    """Drop the oldest rows of a project, which has `kept`, until it has not too many; at most
    `most` rows. Return whether it still has too many.
    """
    if not _are_too_many(kept):
        return False
    count, size = kept
    dropped: list[tuple[int]] = []
    hashes: list[str] = []
    for sequence, content_hash, its_size in connection.execute(
        "SELECT sequence, hash, size FROM saves WHERE project_id = ? ORDER BY sequence LIMIT ?",
        (project_id, most),
    ).fetchall():
        if not _are_too_many((count, size)):
            break
        count, size = count - 1, size - its_size
        dropped.append((sequence,))
        hashes.append(content_hash)
    connection.executemany("DELETE FROM saves WHERE sequence = ?", dropped)
    kept = _count(connection, project_id, count - kept[0], size - kept[1])
    release_all(connection, hashes)
    return _are_too_many(kept)


def _are_too_many(kept: _Kept) -> bool:
    count, size = kept
    return count > MOST or size > MAX_SIZE


def _drop(connection: Connection, project_id: str, sequence: int) -> None:
    content_hash, size = connection.execute(
        "DELETE FROM saves WHERE sequence = ? RETURNING hash, size", (sequence,)
    ).fetchone()
    _count(connection, project_id, -1, -size)
    release(connection, content_hash)


def _from_row(row: tuple[int, str, str, int, str | None, str, str, str, int]) -> Save:
    sequence, path, content_hash, size, media_type, saved_at, saved_by, users, count = row
    return Save(
        id=f"save-{sequence}",
        file_path=path,
        size=size,
        hash=content_hash,
        saved_at=saved_at,
        saved_by=saved_by,
        users=json.loads(users),
        count=count,
        media_type=media_type,
    )

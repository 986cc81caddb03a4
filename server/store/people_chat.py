"""What people say to each other in a project, and how much of it each has read."""

from __future__ import annotations

from typing import Final, NamedTuple

import msgspec

from server.api.errors import Code, EventError
from server.api.records import FilePlace, PeopleMessage, User
from server.store.connection import ALL, FUTURE, Connection
from server.store.conversations import MAX_READ

MAX_MESSAGES: Final = 10_000
"""Messages that are kept for a project."""
MAX_READERS: Final = 100
"""Users of a project whose last read message is remembered. Those who have read least recently make
room.
"""
MAX_UNREAD: Final = 100
"""Unread messages that are counted."""


class Said(NamedTuple):
    """A message as it is kept, and whether it was not there before."""

    message: PeopleMessage
    is_new: bool


class _Details(msgspec.Struct, omit_defaults=True):
    """What only few messages have, with the names that users had then."""

    mentions: list[User] = msgspec.field(default_factory=list)
    place: FilePlace | None = None


_COLUMNS: Final = (
    "SELECT t.sequence, t.id, t.user_id, coalesce(u.name, t.user_id), t.content, t.details, "
    "t.created_at FROM talk t LEFT JOIN users u ON u.id = t.user_id "
)
_Row = tuple[int, str, str, str, str, str, str]


def add(connection: Connection, message: PeopleMessage, key: str | None) -> Said:
    """Add a message, unless its sender has sent one with this `key` to the project before. The
    oldest message makes room. The sender has then read all messages.

    Raises:
        EventError: there is no such project (`NOT_FOUND`).
    """
    project_id, user_id = message.project_id, message.user.id
    if key is not None:
        row = connection.execute(
            f"{_COLUMNS} WHERE t.project_id = ? AND t.user_id = ? AND t.client_key = ?",
            (project_id, user_id, key),
        ).fetchone()
        if row is not None:
            return Said(_message(project_id, row), False)
    counted = connection.execute(
        "UPDATE projects SET talk_count = talk_count + 1 WHERE id = ? RETURNING talk_count",
        (project_id,),
    ).fetchone()
    if counted is None:
        raise EventError(Code.NOT_FOUND, f"project {project_id!r}: no such project")
    details = _Details(message.mentions, message.place)
    (sequence,) = connection.execute(
        "INSERT INTO talk (id, project_id, user_id, client_key, content, details, created_at) "
        "VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING sequence",
        (
            message.id,
            project_id,
            user_id,
            key,
            message.content,
            msgspec.json.encode(details).decode(),
            message.created_at,
        ),
    ).fetchone()
    _read_until(connection, project_id, user_id, sequence)
    if counted[0] > MAX_MESSAGES:
        connection.send(
            "DELETE FROM talk WHERE sequence = (SELECT sequence FROM talk "
            "WHERE project_id = ? ORDER BY sequence LIMIT 1)",
            (project_id,),
        )
        connection.send(
            "UPDATE projects SET talk_count = talk_count - 1 WHERE id = ?", (project_id,)
        )
    return Said(message, True)


def latest(
    connection: Connection, project_id: str, most: int, before: int = FUTURE
) -> list[tuple[int, PeopleMessage]]:
    """Return the last messages before that one, each with its number, the oldest first; fewer if
    they are long.
    """
    rows = connection.execute(
        f"{_COLUMNS} WHERE t.project_id = ? AND t.sequence < ? ORDER BY t.sequence DESC LIMIT ?",
        (project_id, before, most),
    )
    found: list[tuple[int, PeopleMessage]] = []
    left = MAX_READ
    for row in rows:
        left -= len(row[4]) + len(row[5])
        if found and left < 0:
            break
        found.append((row[0], _message(project_id, row)))
    return found[::-1]


def unread(connection: Connection, project_id: str, user_id: str) -> int:
    """Return how many of a project's messages a user has not read, counted up to `MAX_UNREAD`."""
    found = connection.execute(
        "SELECT 1 FROM talk WHERE project_id = ?1 AND sequence > coalesce("
        "(SELECT sequence FROM talk_reads WHERE project_id = ?1 AND user_id = ?2), 0) LIMIT ?3",
        (project_id, user_id, MAX_UNREAD),
    )
    return len(found.fetchall())


def read(connection: Connection, project_id: str, user_id: str, message_id: str) -> int:
    """Remember that a user has read a message and those before it. Return how many are unread.

    Raises:
        EventError: there is no such message in the project (`NOT_FOUND`).
    """
    row = connection.execute(
        "SELECT sequence FROM talk WHERE id = ? AND project_id = ?", (message_id, project_id)
    ).fetchone()
    if row is None:
        raise EventError(Code.NOT_FOUND, f"message {message_id!r}: no such message in the project")
    _read_until(connection, project_id, user_id, row[0])
    return unread(connection, project_id, user_id)


def _read_until(connection: Connection, project_id: str, user_id: str, sequence: int) -> None:
    known = connection.execute(
        "SELECT sequence FROM talk_reads WHERE project_id = ? AND user_id = ?",
        (project_id, user_id),
    ).fetchone()
    if known is not None:
        connection.send(
            "UPDATE talk_reads SET sequence = ? WHERE project_id = ? AND user_id = ?",
            (max(known[0], sequence), project_id, user_id),
        )
        return
    connection.send("INSERT INTO talk_reads VALUES (?, ?, ?)", (project_id, user_id, sequence))
    connection.send(
        "DELETE FROM talk_reads WHERE project_id = ?1 AND user_id IN (SELECT user_id "
        "FROM talk_reads WHERE project_id = ?1 ORDER BY sequence DESC LIMIT ?2 OFFSET ?3)",
        (project_id, ALL, MAX_READERS),
    )


def _message(project_id: str, row: _Row) -> PeopleMessage:
    _, message_id, user_id, name, content, details, created_at = row
    found = msgspec.json.decode(details, type=_Details)
    return PeopleMessage(
        id=message_id,
        project_id=project_id,
        user=User(user_id, name),
        content=content,
        created_at=created_at,
        mentions=found.mentions,
        place=found.place,
    )

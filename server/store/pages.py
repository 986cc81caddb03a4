"""Long lists, page by page: no answer, and no step of the database, grows with what there is. A
page ends after so many items, or after so many bytes of them: clients choose how long names are.

A page goes on where the page before ended, `after` the `next` of that page, whatever was added or
deleted in between. `next` is None on the last page. What it looks like is of no concern to clients.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, Generic, NamedTuple, TypeVar

from server.api.records import (
    ChatMessage,
    Deletion,
    File,
    Notification,
    PeopleMessage,
    Project,
    Save,
    Version,
)
from server.api.validation import position
from server.api.weights import encoded_size
from server.store import (
    bins,
    conversations,
    membership,
    notices,
    people_chat,
    project_files,
    snapshots,
)
from server.store import history as histories
from server.store.connection import FUTURE, Connection

T = TypeVar("T")

MAX_MEMBERS: Final = 1_000
"""Members of the projects on one page, besides those of the last project."""
MAX_SIZE: Final = 500_000
"""Bytes of the items on one page as JSON, besides the last item: a thousand ordinary files, in 2 ms
of the loop. A thousand paths of 1 KB took it 9 ms.
"""


class Page(NamedTuple, Generic[T]):
    """Some items, and where the list goes on."""

    items: list[T]
    next: str | None


def files(connection: Connection, project_id: str, after: str, limit: int) -> Page[File]:
    """Return a page of the files of a project, by path."""
    found = project_files.files(connection, project_id, after, limit + 1)
    return _page(found, limit, lambda file: file.path)


def versions(connection: Connection, project_id: str, after: str, limit: int) -> Page[Version]:
    """Return a page of the versions of a project, the newest first.

    Raises:
        EventError: `after` is no `next` of this list (`VALIDATION_ERROR`).
    """
    rows = connection.execute(
        "SELECT sequence, id FROM versions WHERE project_id = ? AND sequence < ? "
        "ORDER BY sequence DESC LIMIT ?",
        (project_id, _before(after), limit + 1),
    ).fetchall()
    # Read one by one: those that the page has no room for are not.
    found = ((number, snapshots.version(connection, project_id, one)) for number, one in rows)
    page = _page(found, limit, lambda row: str(row[0]))
    return Page([row[1] for row in page.items], page.next)


def deletions(
    connection: Connection, project_id: str, since: str, after: str, limit: int
) -> Page[Deletion]:
    """Return a page of what is in a project's bin since a time, the newest first.

    Raises:
        EventError: `after` is no `next` of this list (`VALIDATION_ERROR`).
    """
    found = bins.deletions(connection, project_id, since, _before(after), limit + 1)
    page = _page(found, limit, lambda row: str(row[0]))
    return Page([row[1] for row in page.items], page.next)


def saves(connection: Connection, project_id: str, path: str, after: str, limit: int) -> Page[Save]:
    """Return a page of the history of a file, the last save first.

    Raises:
        EventError: `after` is no `next` of this list (`VALIDATION_ERROR`).
    """
    found = histories.saves(connection, project_id, path, _before(after), limit + 1)
    page = _page(found, limit, lambda row: str(row[0]))
    return Page([row[1] for row in page.items], page.next)


def projects(connection: Connection, user_id: str, after: str, limit: int) -> Page[Project]:
    """Return a page of the projects that a user may see, by name. A page of large projects is
    short.
    """
    # No name has a line break, and every other character comes after it.
    name, _, project_id = after.partition("\n")
    rows = connection.execute(
        "SELECT name, id FROM projects WHERE (name, id) > (?, ?) AND id IN ("
        "SELECT project_id FROM members WHERE user_id = ? "
        "UNION SELECT id FROM projects WHERE everyone IS NOT NULL) ORDER BY name, id LIMIT ?",
        (name, project_id, user_id, limit + 1),
    ).fetchall()
    found: list[Project] = []
    looked_at = members = size = 0
    for _, shown_id in rows[:limit]:
        project = membership.project(connection, shown_id)
        looked_at += 1
        if project is not None:
            found.append(project)
            members += len(project.members)
            size += encoded_size(project)
        if members >= MAX_MEMBERS or size >= MAX_SIZE:
            break
    return Page(found, "\n".join(rows[looked_at - 1]) if looked_at < len(rows) else None)


def notifications(
    connection: Connection, user_id: str, after: str, limit: int
) -> Page[Notification]:
    """Return a page of a user's notifications, the newest first."""
    kept = notices.notifications(connection, user_id)
    if after:
        # The oldest are deleted first: if the last one seen is gone, so are all that came before
        # it.
        ids = [one.id for one in kept]
        kept = kept[ids.index(after) + 1 :] if after in ids else []
    return _page(kept[: limit + 1], limit, lambda one: one.id)


def chat(connection: Connection, project_id: str, after: str, limit: int) -> Page[ChatMessage]:
    """Return a page of a project's chat, the last page first, each with the oldest message first.

    Raises:
        EventError: `after` is no `next` of this list (`VALIDATION_ERROR`).
    """
    found = conversations.latest(connection, project_id, limit, _before(after))
    if not found:
        return Page([], None)
    (oldest,) = connection.execute(
        "SELECT sequence FROM messages WHERE id = ?", (found[0].id,)
    ).fetchone()
    more = connection.execute(
        "SELECT 1 FROM messages WHERE project_id = ? AND sequence < ? LIMIT 1", (project_id, oldest)
    ).fetchone()
    return Page(found, None if more is None else str(oldest))


def people(connection: Connection, project_id: str, after: str, limit: int) -> Page[PeopleMessage]:
    """Return a page of what people said in a project, the last page first, as `chat` does.

    Raises:
        EventError: `after` is no `next` of this list (`VALIDATION_ERROR`).
    """
    found = people_chat.latest(connection, project_id, limit, _before(after))
    if not found:
        return Page([], None)
    oldest = found[0][0]
    more = connection.execute(
        "SELECT 1 FROM talk WHERE project_id = ? AND sequence < ? LIMIT 1", (project_id, oldest)
    ).fetchone()
    return Page([said for _, said in found], None if more is None else str(oldest))


def _page(items: Iterable[T], limit: int, key: Callable[[T], str]) -> Page[T]:
    shown: list[T] = []
    left = MAX_SIZE
    for item in items:
        if len(shown) == limit or left <= 0:
            return Page(shown, key(shown[-1]))
        shown.append(item)
        left -= encoded_size(item)
    return Page(shown, None)


def _before(after: str) -> int:
    return position(after) if after else FUTURE

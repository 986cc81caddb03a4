"""What the store is asked about documents, and what it answers."""

from __future__ import annotations

from typing import NamedTuple

from server.api.errors import Code, EventError
from server.documents.authority import Author, Update
from server.documents.changes import Change
from server.store import project_files

Key = tuple[str, str]
"""A project's id and a path."""


class Since(NamedTuple):
    """What a client has of a document."""

    epoch: str
    version: int


class Opened(NamedTuple):
    """A document as a client gets it: all of its text, or the updates since what the client has.

    path: the present path of the file. number: the number of the last change by the client's
    editor. merged: updates of which nobody was told yet.
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
    """The result of an edit. It has no update if the edit was done before, or comes too late.

    version: the present version. steps: how many sections were gone through. unsaved: see
    `Authority.unsaved`.
    """

    update: Update | None
    version: int
    steps: int
    unsaved: float
    is_late: bool = False


class Replaced(NamedTuple):
    """A file that was given another content, and the updates of its document by that.

    text: the content as it is now, None if it has not changed, is no text at hand, or the file is
    gone. It differs from the given content if unsaved edits were merged into it.
    """

    change: project_files.Change
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


def conflict(path: str, version: int | None = None) -> EventError:
    """Return the error for a change that cannot be taken; `version` is the present one."""
    return EventError(
        Code.VERSION_CONFLICT,
        f"file {path!r}: the version that the change was made of is gone: open the file again",
        None if version is None else {"version": version},
    )

"""The authority of one document: it puts everybody's changes in one order.

A change names the version that it was made at. The authority maps it over each update since then,
one by one, and what comes out is the next update: with it the document is at the next version. The
last updates are kept, for changes that come late and clients that come back. An author, who is one
open editor of a user, counts the changes, so that one that is sent again is known.

A change from outside replaces the text of the last save. What differs is an update as well, made at
the version of that save, so it is merged with what is not saved yet.

The same updates lead to the same text, whoever applies them: memory may be lost at any time and
come back from the checkpoint and the updates since.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from server.documents.changes import Change, ChangeError, replacement
from server.documents.difference import difference

MAX_TEXT: Final = 1_048_576
"""UTF-16 units of a document."""
MAX_KEPT: Final = 1_000
"""Updates that are kept."""
MAX_KEPT_SIZE: Final = 262_144
"""Size of all updates that are kept, beyond the last one; see `Update.size`."""
MAX_AUTHORS: Final = 1_000
"""Authors whose last number is known."""
MAX_UNSAVED_SIZE: Final = 1_048_576
"""Size of all updates since the last save above which the next save is overdue."""
MAX_STEPS: Final = 50_000
"""Sections that one late change may be mapped over: 100 ms."""


class Gone(Exception):
    """A change cannot be brought up to date any more: its author has to open the document again.

    steps: how many sections were gone through to find that out.
    """

    def __init__(self, message: str, steps: int = 0) -> None:
        super().__init__(message)
        self.steps = steps


@dataclass(frozen=True, slots=True)
class Author:
    """One open editor of a user. `id` is the client's own choice; other clients may choose the
    same.
    """

    id: str
    user_id: str
    user_name: str


@dataclass(frozen=True, slots=True)
class Update:
    """A change in its place: of the document at `version`, as the `number`th of its author."""

    version: int
    author: Author
    number: int
    change: Change

    @property
    def size(self) -> int:
        """Return about how many bytes the update takes."""
        return sum(8 + len(text or "") for _, text in self.change.sections)


class Authority:
    """One document: its present `text`, in UTF-16 units, at `version`.

    saved: the text of the last save, at `saved_version`. The updates since then lead to `text`.
    epoch: the name of this document; one that is made anew from its file has another name.
    """

    def __init__(self, epoch: str, version: int, text: str) -> None:
        self._numbers: dict[tuple[str, str], int] = {}
        self.epoch = epoch
        self.version = version
        self.text = text
        self.saved = text
        self.saved_version = version
        self._updates: deque[Update] = deque()
        self._size = 0
        self._unsaved_sections = self._unsaved_size = 0

    @property
    def first_kept(self) -> int:
        """Return the lowest version since which all updates are kept."""
        return self.version - len(self._updates)

    @property
    def is_saved(self) -> bool:
        """Return whether nothing has changed since the last save."""
        return self.saved_version == self.version

    @property
    def unsaved(self) -> float:
        """Return how much is unsaved, as a multiple of what makes a save overdue. The more is
        unsaved, the longer a change from outside takes, and the start after a kill.
        """
        return max(self._unsaved_sections / (MAX_STEPS // 2), self._unsaved_size / MAX_UNSAVED_SIZE)

    @property
    def last_user(self) -> str:
        """Return the id of the user of the last update, "" if none is kept."""
        return self._updates[-1].author.user_id if self._updates else ""

    def restore(self, updates: Iterable[Update], numbers: Iterable[tuple[Author, int]]) -> None:
        """Take over the updates and the last numbers of the authors, both in their order, of an
        authority that was lost. This authority is at the version of the last save.
        """
        for author, number in numbers:
            self._count(author, number)
        for update in updates:
            if update.version >= self.version:
                self.text = update.change.applied(self.text)
                self.version += 1
            self._keep(update)

    def number(self, author: Author) -> int:
        """Return the number of an author's last change. Return 0 if there is none, or none for a
        long time.
        """
        return self._numbers.get((author.user_id, author.id), 0)

    def since(self, version: int) -> list[Update] | None:
        """Return the updates since a version. Return None if they are not kept, or if there is no
        such version yet.
        """
        if not self.first_kept <= version <= self.version:
            return None
        # From the end: most changes are only a few versions late.
        return [self._updates[-back] for back in range(self.version - version, 0, -1)]

    def rebased(
        self, version: int, author: Author, number: int, change: Change
    ) -> tuple[Update, int]:
        """Return the next update: a change of the document at `version`, mapped over the updates
        since. Return also how many sections were gone through for it. Nothing changes before
        `take`.

        Raises:
            ChangeError: the change is for a text of another length, or makes the text too long.
            Gone: the change comes too late, or `version` is not reached yet.
        """
        missed = self.since(version)
        if missed is None:
            raise Gone(f"version {version} is gone")
        length = missed[0].change.length if missed else len(self.text)
        if change.length != length:
            raise ChangeError(
                f"is for a text of {change.length} units, version {version} has {length}"
            )
        steps = len(missed)
        # The change may get more sections on the way, but nearly every change with too many has
        # them at the beginning.
        ahead = sum(len(change.sections) + len(update.change.sections) for update in missed)
        for update in missed:
            if max(ahead, steps) > MAX_STEPS:
                raise Gone(f"version {version} is too long ago for so large a change", steps)
            steps += len(change.sections) + len(update.change.sections)
            change = change.mapped(update.change)
        if change.new_length > max(MAX_TEXT, change.length):
            raise ChangeError(f"makes the text longer than {MAX_TEXT} UTF-16 units")
        return Update(self.version, author, number, change), steps

    def take(self, update: Update) -> tuple[str, str] | None:
        """Apply the next update. Return the user's id and the id of an author that is forgotten."""
        self.text = update.change.applied(self.text)
        self.version += 1
        self._keep(update)
        return self._count(update.author, update.number) if update.number else None

    def replaced(self, text: str, author: Author) -> list[Update]:
        """Return the updates that put a text, in units, in the place of the saved one. Unsaved
        edits stay. Nothing changes before `take`. Texts longer than `MAX_TEXT` are not compared:
        all of the saved text is replaced.
        """
        change = replacement(0, len(self.saved), text, len(self.saved))
        unsaved = self.since(self.saved_version) or []
        if max(len(self.saved), len(text)) <= MAX_TEXT:
            finer = difference(self.saved, text)
            if len(finer.sections) * len(unsaved) <= MAX_STEPS:
                change = finer
        for update in unsaved:
            change = change.mapped(update.change)
        return [] if change.is_empty else [Update(self.version, author, 0, change)]

    def save(self) -> None:
        """Count the present text as saved."""
        self.saved, self.saved_version = self.text, self.version
        self._unsaved_sections = self._unsaved_size = 0
        self._forget()

    def _count(self, author: Author, number: int) -> tuple[str, str] | None:
        key = (author.user_id, author.id)
        # The order is that of the last changes.
        self._numbers.pop(key, None)
        self._numbers[key] = number
        if len(self._numbers) <= MAX_AUTHORS:
            return None
        longest_ago = next(iter(self._numbers))
        del self._numbers[longest_ago]
        return longest_ago

    def _keep(self, update: Update) -> None:
        self._updates.append(update)
        self._size += update.size
        if update.version >= self.saved_version:
            self._unsaved_sections += len(update.change.sections)
            self._unsaved_size += update.size
        self._forget()

    def _forget(self) -> None:
        while (
            len(self._updates) > 1
            and (len(self._updates) > MAX_KEPT or self._size > MAX_KEPT_SIZE)
            and self._updates[0].version < self.saved_version
        ):
            self._size -= self._updates.popleft().size

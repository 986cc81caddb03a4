"""Changes of a text, as CodeMirror has them: its JSON form of a ChangeSet, and what can be done
with one.

A change goes through the whole text, part by part: a number keeps so many units, `[n]` deletes n,
and `[n, line, …]` puts lines in the place of n. `[5, [2, "a", "b"], 1]` keeps 5, puts "a", a line
break and "b" in the place of 2, and keeps 1. Lengths count UTF-16 units, see `utf16`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from server.documents.mapping import composed, mapped
from server.documents.sections import Section, SectionBuilder, Sections
from server.documents.utf16 import plain


class ChangeError(ValueError):
    """A value is no change, or does not fit a text. `path` leads to the fault, from "$"."""

    def __init__(self, message: str, path: str = "$") -> None:
        super().__init__(message)
        self.path = path


# No slots: the lengths are computed once.
@dataclass(frozen=True)
class Change:
    """A change of a text; the sections go through all of it."""

    sections: Sections

    @cached_property
    def length(self) -> int:
        """Return the length of a text that the change applies to, in UTF-16 units."""
        return sum(length for length, _ in self.sections)

    @cached_property
    def new_length(self) -> int:
        """Return the length of the text after the change, in UTF-16 units."""
        return sum(length if text is None else len(text) for length, text in self.sections)

    @property
    def is_empty(self) -> bool:
        """Return whether the change leaves every text as it is."""
        return all(text is None for _, text in self.sections)

    def applied(self, text: str) -> str:
        """Return a text, as units, after the change.

        Raises:
            ChangeError: it is for a text of another length.
        """
        _fit(self.length, len(text))
        pieces = []
        at = 0
        for length, inserted in self.sections:
            pieces.append(text[at : at + length] if inserted is None else inserted)
            at += length
        return "".join(pieces)

    def composed(self, other: Change) -> Change:
        """Return the change that does what this one and then `other` do.

        Raises:
            ChangeError: `other` is for a text of another length than this one leaves.
        """
        _fit(other.length, self.new_length)
        if self.is_empty:
            return other
        return self if other.is_empty else Change(composed(self.sections, other.sections))

    def mapped(self, other: Change, *, before: bool = False) -> Change:
        """Return what this change is after `other`, which was made of the same text.

        Where both insert at one place, the text of `other` comes first, unless `before`.

        Raises:
            ChangeError: `other` is for a text of another length.
        """
        _fit(other.length, self.length)
        return self if other.is_empty else Change(mapped(self.sections, other.sections, before))

    @property
    def json(self) -> list[Any]:
        """Return the JSON value of the change."""
        parts: list[Any] = []
        for length, text in self.sections:
            if text is None:
                parts.append(length)
            elif text:
                parts.append([length, *plain(text).split("\n")])
            else:
                parts.append([length])
        return parts


def replacement(at: int, length: int, inserted: str, whole: int) -> Change:
    """Return the change that puts units in the place of `length` ones at a place in a text of
    `whole` units.
    """
    builder = SectionBuilder()
    builder.keep(at)
    builder.replace(length, inserted)
    builder.keep(whole - at - length)
    return Change(builder.sections())


def joined(sections: Iterable[Section]) -> Change:
    """Return the change of these sections, with those joined that belong together."""
    builder = SectionBuilder()
    for length, text in sections:
        if text is None:
            builder.keep(length)
        else:
            builder.replace(length, text)
    return Change(builder.sections())


def _fit(length: int, other: int) -> None:
    if length != other:
        raise ChangeError(f"is for a text of {length} units, the text has {other}")

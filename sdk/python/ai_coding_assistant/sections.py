"""The sections of a change, as they are added and as they are gone through."""

from __future__ import annotations

from typing import Final

Section = tuple[int, str | None]
"""How many units, and what takes their place; None if they stay."""
Sections = tuple[Section, ...]
"""The sections of a change; they go through all of a text."""
KEPT: Final = -1
END: Final = -2


class SectionBuilder:
    """Collects sections. A section is joined with the one before it if the two are one."""

    __slots__ = ("_sections",)

    def __init__(self) -> None:
        self._sections: list[Section] = []

    def __len__(self) -> int:
        return len(self._sections)

    def keep(self, length: int) -> None:
        """Keep units."""
        if length == 0:
            return
        sections = self._sections
        if sections and sections[-1][1] is None:
            sections[-1] = (sections[-1][0] + length, None)
        else:
            sections.append((length, None))

    def replace(self, length: int, text: str, *, join: bool = False) -> None:
        """Put a text in the place of units. With `join` this is one section with the last one."""
        if length == 0 and not text:
            return
        sections = self._sections
        if sections:
            last_length, last = sections[-1]
            if last is not None and (
                join or (not text and not last) or (length == 0 and last_length == 0)
            ):
                sections[-1] = (last_length + length, last + text)
                return
        sections.append((length, text))

    def sections(self) -> Sections:
        """Return all that was added."""
        return tuple(self._sections)


class SectionReader:
    """Goes through sections, also by pieces of them.

    length: what is left of the section, in the text before. inserted: how many units take its
    place, or with `forward_new` what is left of them; `KEPT` for a section that stays, `END` after
    the last one. text: all that takes its place. offset: how far the reader is in the section.
    index: which section it is.
    """

    __slots__ = ("_sections", "index", "inserted", "length", "offset", "text")

    def __init__(self, sections: Sections) -> None:
        self._sections = sections
        self.index = -1
        self.next()

    def next(self) -> None:
        """Go to the next section."""
        self.index += 1
        self.offset = 0
        if self.index < len(self._sections):
            self.length, text = self._sections[self.index]
            self.text = "" if text is None else text
            self.inserted = KEPT if text is None else len(text)
        else:
            self.length, self.inserted, self.text = 0, END, ""

    def forward(self, length: int) -> None:
        """Go on in the text before."""
        if length == self.length:
            self.next()
        else:
            self.length -= length
            self.offset += length

    def forward_new(self, length: int) -> None:
        """Go on in the text after."""
        if self.inserted == KEPT:
            self.forward(length)
        elif length == self.inserted:
            self.next()
        else:
            self.inserted -= length
            self.offset += length

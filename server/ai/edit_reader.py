"""The edits of a block, read line by line: each edit is known with its own last line."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

MAX_EDITS: Final = 200
"""Edits of a block."""

_SEARCH: Final = re.compile(r"<{5,9} ?SEARCH\s*")
_DIVIDER: Final = re.compile(r"={5,9}\s*")
_REPLACE: Final = re.compile(r">{5,9} ?REPLACE\s*")


class Edit(NamedTuple):
    """Whole lines, and what takes their place; each line has its end."""

    search: str
    replace: str


class EditReader:
    """Reads the lines of one block. The block has edits if its first line that is not empty is a
    SEARCH marker.

    is_of_edits: None until that line is there. count: edits that were found. fault: why no more
    edits can be read, None while they can.
    """

    def __init__(self) -> None:
        self.is_of_edits: bool | None = None
        self.count = 0
        self.fault: str | None = None
        self._expected = _SEARCH
        self._part: list[str] = []
        self._search = ""

    def take(self, line: str) -> Edit | None:
        """Take the next line, with its end. Return the edit that it ends."""
        text = line.removesuffix("\n").removesuffix("\r")
        if self.is_of_edits is None and text.strip():
            self.is_of_edits = _SEARCH.fullmatch(text) is not None
        if not self.is_of_edits or self.fault is not None:
            return None
        if self._expected.fullmatch(text):
            return self._take_marker()
        if self._expected is not _SEARCH:
            self._part.append(text + "\n")
        elif text.strip():
            self.fault = "there is text between its edits"
        return None

    def end(self) -> None:
        """Take the end of the block."""
        if self.is_of_edits and self.fault is None and self._expected is not _SEARCH:
            self.fault = "its last edit has no end"

    def _take_marker(self) -> Edit | None:
        part, self._part = "".join(self._part), []
        if self._expected is _SEARCH:
            self._expected = _DIVIDER
        elif self._expected is _DIVIDER:
            self._search, self._expected = part, _REPLACE
        else:
            self._expected = _SEARCH
            if self.count < MAX_EDITS:
                self.count += 1
                return Edit(self._search, part)
            self.fault = f"a block may have {MAX_EDITS} edits"
        return None

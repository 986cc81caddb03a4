"""Changes as JSON values: what clients send, in the form in which CodeMirror writes it."""

from __future__ import annotations

import re
from typing import Any, Final

from server.documents.changes import Change, ChangeError
from server.documents.sections import Section
from server.documents.utf16 import units

MAX_PARTS: Final = 1_000
MAX_SIZE: Final = 65_536
"""The most that a change may weigh: its characters, and `LINE` for each part and line."""
LINE: Final = 8
"""What a part or a line weighs: a change stays below the 10,000 values of an event."""
_UNFIT: Final = re.compile("[\0\n\r]")


def parse(value: Any) -> Change:
    """Return the change of a JSON value.

    Only what CodeMirror writes is taken: no empty part, and no two that would be one.

    Raises:
        ChangeError: it is no change, or too large.
    """
    if not isinstance(value, list):
        raise ChangeError("is no array, expected the parts of a change")
    if len(value) > MAX_PARTS:
        raise ChangeError(f"has {len(value)} parts, expected at most {MAX_PARTS}")
    sections: list[Section] = []
    left = MAX_SIZE - LINE * len(value)
    for index, part in enumerate(value):
        path = f"$[{index}]"
        if isinstance(part, list):
            section, size = _replacement(part, path, left)
            left -= size
        else:
            section = (_length(part, path, "expected a whole number from 0, or an array"), None)
        if _is_needless(section) or (sections and _belong_together(sections[-1], section)):
            raise ChangeError(
                "is empty, or one with the part before it, expected the form of CodeMirror", path
            )
        sections.append(section)
    return Change(tuple(sections))


def read(value: list[Any]) -> Change:
    """Return the change whose JSON value this is; nothing is checked."""
    return Change(
        tuple(
            (part, None) if isinstance(part, int) else (part[0], units("\n".join(part[1:])))
            for part in value
        )
    )


def _replacement(part: list[Any], path: str, most: int) -> tuple[Section, int]:
    """Return the section of a part, and the size of its lines."""
    if not part:
        raise ChangeError("is empty, expected a length", path)
    length = _length(part[0], f"{path}[0]", "expected a whole number from 0")
    lines = part[1:]
    size = LINE * len(lines)
    for index, line in enumerate(lines, start=1):
        if not isinstance(line, str):
            raise ChangeError("is no line, expected a string", f"{path}[{index}]")
        size += len(line)
        if size > most:
            raise ChangeError(f"has more than {MAX_SIZE} bytes: send it in several changes")
        if _UNFIT.search(line) is not None:
            raise ChangeError(
                "has a line break or U+0000, expected a line without", f"{path}[{index}]"
            )
    return (length, units("\n".join(lines))), size


def _length(value: Any, path: str, expectation: str) -> int:
    # A bool is an int in Python, and no length in JSON.
    if type(value) is not int or not 0 <= value < 2**32:
        raise ChangeError(f"is no length, {expectation}", path)
    return value


def _is_needless(section: Section) -> bool:
    length, text = section
    return length == 0 and not text


def _belong_together(one: Section, other: Section) -> bool:
    if None in (one[1], other[1]):
        return one[1] is other[1]
    return (not one[1] and not other[1]) or (one[0] == 0 and other[0] == 0)

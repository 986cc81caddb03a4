"""What a file becomes by the edits of an answer. Done by a worker: see `background`.

The lines of a SEARCH part must be in the file exactly once, to the letter or but for the spaces at
the ends of lines. Anything else would be a guess: such an edit is refused, and the answer says so.
"""

from __future__ import annotations

from typing import Any, Final

from server.documents.change_json import read
from server.documents.difference import difference
from server.documents.line_ends import document_text, line_end_of, plain_ends
from server.documents.utf16 import units

MAX_LENGTH: Final = 1_000_000
"""Characters of a file that is edited, and of what it becomes."""


def resolve(
    present: str | None,
    base: str | None,
    content: str | None,
    edits: list[tuple[str, str]],
    inverse: list[Any] | None = None,
    first: int = 1,
) -> dict[str, Any]:
    """Return what a file that is `present` becomes: `content`, or `base` after the edits, of which
    the first one has the number `first`.

    `present` and `base` are None for no file. If the `inverse` of the base is given, the result is
    made from the text that the base was made from, and not from the present text: what others have
    typed since must not be taken away.

    The result has the new `content` with the line ends of the file, or None if it would be too
    long; the `inverse`, which is the change from the content back to the text that it was made
    from; how many characters of that text were `removed`; and the `faults` of edits that cannot be
    done.
    """
    faults: list[str] = []
    new = plain_ends(base or "") if content is None else content
    if content is not None and present and not present.endswith(("\n", "\r")):
        # A block cannot say that the last line of a file has no end.
        new = new.removesuffix("\n")
    for number, (search, replace) in enumerate(edits, start=first):
        changed, fault = _edited(new, search, replace)
        if fault:
            faults.append(f"edit {number}: {fault}")
        else:
            new = changed
        if len(new) > MAX_LENGTH:
            return {"content": None, "faults": faults}
    if present is None:
        return {"content": new, "inverse": None, "removed": 0, "faults": faults}
    origin = document_text(present)
    if inverse is not None:
        origin = read(inverse).applied(units(plain_ends(base or "")))
    back = difference(units(new), origin)
    return {
        "content": new.replace("\n", line_end_of(present)),
        "inverse": back.json,
        "removed": sum(len(inserted or "") for _, inserted in back.sections),
        "faults": faults,
    }


def _edited(text: str, search: str, replace: str) -> tuple[str, str]:
    """Return a text after an edit, and what keeps the edit from being done, or ""."""
    if not search.strip():
        if text.strip():
            return text, "its SEARCH part has no lines, and the file has some"
        return replace, ""
    # A newline before both texts is the end of the line before: only whole lines match.
    ended = text if text.endswith("\n") or not text else text + "\n"
    found = _places("\n" + ended, "\n" + search)
    if not found:
        found = _places("\n" + _trimmed(ended), "\n" + _trimmed(search))
    if not found:
        return text, "the lines of its SEARCH part are not in the file"
    if len(found) > 1:
        return text, "the lines of its SEARCH part are in the file more than once"
    lines = ended.split("\n")
    first, last = found[0], found[0] + search.count("\n")
    rest = "\n".join(lines[last:])
    start = "\n".join(lines[:first]) + ("\n" if first else "")
    changed = start + replace + rest
    if ended != text and changed.endswith("\n"):
        changed = changed[:-1]
    return changed, ""


def _places(text: str, searched: str) -> list[int]:
    """Return the numbers of the lines at which `searched` begins, the first two at most."""
    first = text.find(searched)
    if first < 0:
        return []
    second = text.find(searched, first + 1)
    return [text.count("\n", 0, at) for at in (first, second) if at >= 0]


def _trimmed(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.split("\n"))

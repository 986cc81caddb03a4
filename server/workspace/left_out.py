"""What the mirror of a directory leaves out, and why: one line of the log, written again when it
changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from server.api.paths import folders
from server.workspace.mirror_rules import refusal

MAX_NAMED: Final = 5
"""Names that the line has for one reason. Of the other names it says how many there are."""
MAX_KNOWN: Final = 10_000
"""Paths that are remembered as left out."""
_LONGEST: Final = 100

TOO_LONG: Final = "longer than 5 MB"
NO_FILE: Final = "a link, or no regular file"
TWICE: Final = "another file has the same name with its accents composed (NFC), which is mirrored"


class LeftOut:
    """The files and folders that are left out, with the reason of each."""

    def __init__(self) -> None:
        self._reasons: dict[str, str] = {}
        self._told = ""

    def put(self, path: str, reason: str) -> None:
        """Count a path as left out for a reason, or with "" as mirrored."""
        if not reason:
            self._reasons.pop(path, None)
        elif path in self._reasons or len(self._reasons) < MAX_KNOWN:
            self._reasons[path] = reason

    def keep(self, is_there: Callable[[str], bool], among: Iterable[str] | None = None) -> None:
        """Forget the paths that are gone: of all, or of those that are `among` these or in a folder
        of these.
        """
        if among is None:
            looked_at = list(self._reasons)
        else:
            looked_at = [one for path in among for one in (*folders(path), path)]
        for path in looked_at:
            if path in self._reasons and not is_there(path):
                del self._reasons[path]

    def news(self) -> str:
        """Return the line that says what is left out; "" if it would be the line of before."""
        by_reason: dict[str, list[str]] = {}
        for path, reason in sorted(self._reasons.items()):
            by_reason.setdefault(reason, []).append(path)
        parts = []
        for reason, paths in sorted(by_reason.items()):
            named = ", ".join(repr(path[:_LONGEST])[1:-1] for path in paths[:MAX_NAMED])
            more = len(paths) - MAX_NAMED
            parts.append(f"{named}{f' and {more} more' if more > 0 else ''} ({reason})")
        line = "; ".join(parts)
        if line == self._told:
            return ""
        self._told = line
        return line or "nothing"


def left_out_part(path: str) -> tuple[str, str]:
    """Return the outermost part of a path whose name is left out, and why; ("", "") if no part
    is.
    """
    for part in (*folders(path), path):
        reason = refusal(part)
        if reason:
            # Without the name, so that all names with this reason are told of together.
            return part, reason.replace(repr(part.rpartition("/")[2]), "this")
    return "", ""

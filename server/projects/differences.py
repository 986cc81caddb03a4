"""What differs between two texts, as a unified diff, at a bounded cost.

difflib is quick with texts as people write them. With lines that repeat it is not: two files of
5,000 lines, each line 50 times, take it 2 seconds, and whoever may write files may have hundreds of
such pairs compared. So one comparison, of any number of files, has a bound on the lines that it
looks at times those that they are compared with.
"""

from __future__ import annotations

import difflib
from typing import Final

MAX_DIFF: Final = 20_000
"""Characters of a file's diff; what is longer is cut."""
MAX_COMPARED_LINES: Final = 5_000
"""Lines of a file up to which it is compared: the time grows with their square."""
MAX_PAIRS: Final = 50_000_000
"""Pairs of lines in one comparison, leaving out how files begin and end alike."""


class Comparison:
    """Compares files one after the other."""

    def __init__(self) -> None:
        self._pairs_left = MAX_PAIRS

    def unified_diff(self, path: str, old: str | None, new: str | None) -> str:
        """The lines that differ; cut, or left out, where there are too many. None is no file."""
        before = (old or "").splitlines(keepends=True)
        after = (new or "").splitlines(keepends=True)
        if max(len(before), len(after)) > MAX_COMPARED_LINES:
            return f"(not compared: more than {MAX_COMPARED_LINES} lines)\n"
        pairs = _pairs(before, after)
        if pairs > self._pairs_left:
            return "(not compared: too many lines differ)\n"
        self._pairs_left -= pairs
        lines = difflib.unified_diff(
            before,
            after,
            "/dev/null" if old is None else f"a/{path}",
            "/dev/null" if new is None else f"b/{path}",
        )
        diff = ""
        for line in lines:
            diff += line if line.endswith("\n") else line + "\n\\ No newline at end of file\n"
            if len(diff) > MAX_DIFF:
                return diff[:MAX_DIFF] + "\n(cut: the diff is longer)\n"
        return diff


def _pairs(before: list[str], after: list[str]) -> int:
    """How many pairs of lines there are where the two differ."""
    shorter = min(len(before), len(after))
    start = 0
    while start < shorter and before[start] == after[start]:
        start += 1
    end = 0
    while end < shorter - start and before[-1 - end] == after[-1 - end]:
        end += 1
    return (len(before) - start - end) * (len(after) - start - end)

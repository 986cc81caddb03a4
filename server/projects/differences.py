"""What differs between two texts, as a unified diff, at a bounded cost.

difflib is quick with texts as people write them. With lines that repeat it is not: two files of
5,000 lines, each line 50 times, take it 2 seconds, and whoever may write files may have hundreds of
such pairs compared. So each comparison has a bound, over all its files: on the lines before times
the lines after that they are compared with. It is done by a worker (`server.background`).
"""

from __future__ import annotations

import difflib
from typing import Final

MAX_DIFF: Final = 20_000
"""Characters of a file's diff; a longer one is cut."""
MAX_COMPARED_LINES: Final = 5_000
"""Lines of a file; a longer file is not compared, because the time grows with the square of the
lines.
"""
MAX_PAIRS: Final = 50_000_000
"""Pairs of lines in one comparison, without the lines at both ends that are the same."""


def unified_diff(path: str, old: str | None, new: str | None, most: int) -> tuple[str, int]:
    """Return the lines that differ, and how many pairs of lines were looked at for them.

    Lines are cut off where they are too many. There are none where they would take more than `most`
    pairs. None stands for no file.
    """
    before = (old or "").splitlines(keepends=True)
    after = (new or "").splitlines(keepends=True)
    if max(len(before), len(after)) > MAX_COMPARED_LINES:
        return f"(not compared: more than {MAX_COMPARED_LINES} lines)\n", 0
    pairs = _pairs(before, after)
    if pairs > most:
        return "(not compared: too many lines differ)\n", 0
    lines = difflib.unified_diff(
        before,
        after,
        "/dev/null" if old is None else f"a/{path}",
        "/dev/null" if new is None else f"b/{path}",
    )
    diff: list[str] = []
    length = 0
    for line in lines:
        diff.append(line if line.endswith("\n") else line + "\n\\ No newline at end of file\n")
        length += len(diff[-1])
        if length > MAX_DIFF:
            return "".join(diff)[:MAX_DIFF] + "\n(cut: the diff is longer)\n", pairs
    return "".join(diff), pairs


def _pairs(before: list[str], after: list[str]) -> int:
    """Count the pairs of lines between the ends that are the same."""
    shorter = min(len(before), len(after))
    start = 0
    while start < shorter and before[start] == after[start]:
        start += 1
    end = 0
    while end < shorter - start and before[-1 - end] == after[-1 - end]:
        end += 1
    return (len(before) - start - end) * (len(after) - start - end)

"""The change between two texts: what a program did that put a whole new text in a file's place.

Lines that are the same in both, and once in each, hold the two together where they have one order;
what is between them is replaced, but for its equal beginning and end. A word is replaced as a
whole: if "w1" in the place of "w0" were a change of a digit, and somebody deletes "w0" meanwhile,
the digit would be left of it. Of more lines than `MAX_LINES` it is one replacement: the cost is
bounded, and so is the number of parts.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Final

from ai_coding_assistant.changes import Change, joined
from ai_coding_assistant.sections import Section

MAX_LINES: Final = 5_000
"""Lines of both texts, without those that both begin and end with; 10 ms."""
MAX_PARTS: Final = 400
_LONGEST_WORD: Final = 64


def difference(before: str, after: str) -> Change:
    """Return the change that makes one text of units the other."""
    # Whole lines, so that a removed line is shown as that line, and not as parts of two.
    start = before.rfind("\n", 0, _common(before, after)) + 1
    end = _common_end(before[start:], after[start:])
    line_end = before.find("\n", len(before) - end)
    end = 0 if line_end < 0 else len(before) - line_end - 1
    old = before[start : len(before) - end]
    new = after[start : len(after) - end]
    return joined([(start, None), *_by_lines(old, new), (end, None)])


def _by_lines(old: str, new: str) -> list[Section]:
    if old.count("\n") + new.count("\n") > MAX_LINES:
        return _trimmed(old, new)
    old_lines, new_lines = _lines(old), _lines(new)
    old_at = [0, *accumulate(map(len, old_lines))]
    new_at = [0, *accumulate(map(len, new_lines))]
    sections: list[Section] = []
    old_end = new_end = 0
    for one, other in (*_anchors(old_lines, new_lines), (len(old_lines), len(new_lines))):
        sections += _trimmed(old[old_end : old_at[one]], new[new_end : new_at[other]])
        if one == len(old_lines):
            break
        old_end, new_end = old_at[one + 1], new_at[other + 1]
        sections.append((old_end - old_at[one], None))
    return sections if len(joined(sections).sections) <= MAX_PARTS else _trimmed(old, new)


def _trimmed(old: str, new: str) -> list[Section]:
    start = _common(old, new)
    least = max(0, start - _LONGEST_WORD)
    while start > least and (_cuts_a_word(old, start) or _cuts_a_word(new, start)):
        start -= 1
    end = _common_end(old[start:], new[start:])
    least = max(0, end - _LONGEST_WORD)
    while end > least and (_cuts_a_word(old, len(old) - end) or _cuts_a_word(new, len(new) - end)):
        end -= 1
    if start == 0 and end == 1 and old[-1] == "\n":
        # Another line altogether.
        end = 0
    return [
        (start, None),
        (len(old) - start - end, new[start : len(new) - end]),
        (end, None),
    ]


def _cuts_a_word(text: str, at: int) -> bool:
    return 0 < at < len(text) and text[at - 1].isalnum() and text[at].isalnum()


def _anchors(old: Sequence[str], new: Sequence[str]) -> list[tuple[int, int]]:
    """Return the places of lines that are once in each, as many as have the same order in both."""
    counts, others = Counter(old), Counter(new)
    places = {line: index for index, line in enumerate(new)}
    pairs = [
        (index, places[line])
        for index, line in enumerate(old)
        if counts[line] == 1 and others[line] == 1
    ]
    # The longest increasing row of places: of each length the smallest end, and where it came from.
    ends: list[int] = []
    last: list[int] = []
    came_from: list[int] = []
    for number, (_, place) in enumerate(pairs):
        length = bisect_left(ends, place)
        came_from.append(last[length - 1] if length else -1)
        ends[length : length + 1] = [place]
        last[length : length + 1] = [number]
    return list(_row(pairs, came_from, last[-1] if last else -1))[::-1]


def _row(
    pairs: Sequence[tuple[int, int]], came_from: Sequence[int], number: int
) -> Iterator[tuple[int, int]]:
    while number >= 0:
        yield pairs[number]
        number = came_from[number]


def _lines(text: str) -> list[str]:
    *lines, rest = text.split("\n")
    return [*(line + "\n" for line in lines), rest]


def _common(one: str, other: str) -> int:
    """Return how many units two texts have in common at the beginning, without half a pair."""
    low, high = 0, min(len(one), len(other))
    # A comparison of slices goes at the speed of memory.
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low - 1 if low and "\ud800" <= one[low - 1] <= "\udbff" else low


def _common_end(one: str, other: str) -> int:
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[len(one) - middle : len(one) - low] == other[len(other) - middle : len(other) - low]:
            low = middle
        else:
            high = middle - 1
    return low - 1 if low and "\udc00" <= one[len(one) - low] <= "\udfff" else low

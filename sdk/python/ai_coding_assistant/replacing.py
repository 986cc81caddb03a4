"""Putting what was found in a text into it, where it still is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ai_coding_assistant.events import Place, SearchHit
from ai_coding_assistant.utf16 import plain, units

_LINE_END: Final = "\n"


def put_in(text: str, hits: Sequence[SearchHit]) -> tuple[str, int]:
    """Return a text with the `replacement` of each hit that is where it was found, and how many.

    Hits are those of `project:search`: their places are a line and a column in UTF-16 units.
    """
    lines = text.split(_LINE_END)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line) + 1)
    pieces: list[str] = []
    at = count = 0
    for hit in sorted(hits, key=lambda one: (one["start"]["line"], one["start"]["column"])):
        start, end = (_offset(lines, starts, place) for place in (hit["start"], hit["end"]))
        if start is None or end is None or start < at or text[start:end] != hit["match"]:
            continue
        pieces += [text[at:start], hit["replacement"]]
        at = end
        count += 1
    return "".join([*pieces, text[at:]]), count


def _offset(lines: list[str], starts: list[int], place: Place) -> int | None:
    """Return the character at a place; None if there is no such line."""
    if place["line"] >= len(lines):
        return None
    line = lines[place["line"]]
    return starts[place["line"]] + len(plain(units(line)[: place["column"]]))

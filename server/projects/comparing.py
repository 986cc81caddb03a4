"""Compare two states of a project's files: show the lines of those that differ.

The texts of each file are read when a worker comes to it, two at a time: comparisons that wait hold
no text, however many they are.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Awaitable, Callable, Mapping, Sequence
from typing import Final

from server.api.records import FileDifference
from server.background import Worker, WorkFailed
from server.projects.differences import MAX_PAIRS, unified_diff
from server.store.contents import Stored
from server.store.snapshots import Differing

MAX_LISTED: Final = 1_000
"""Files that one comparison lists."""
MAX_COMPARED_FILES: Final = 200
"""Files that one comparison shows the lines of."""
MAX_COMPARED_SIZE: Final = 1_000_000
"""Bytes of a file; a larger file is not compared."""
MAX_COMPARED_TOTAL: Final = 20_000_000
"""Bytes of all files that one comparison reads, of both states."""
MAX_SHOWN: Final = 1_000_000
"""Characters of all that one comparison shows."""

Read = Callable[[Sequence[str]], Awaitable[Mapping[str, str]]]
"""Read contents by their hashes; those that are gone are left out."""


async def compare(
    worker: Worker, read: Read, differing: AsyncIterable[Differing]
) -> tuple[list[FileDifference], int]:
    """Return the first files that differ, and how many differ. Where there is too much to show, a
    file comes without its lines.

    Raises:
        WorkFailed: all together takes too long.
    """
    count = 0
    pairs_left, bytes_left, shown_left = MAX_PAIRS, MAX_COMPARED_TOTAL, MAX_SHOWN
    differences: list[FileDifference] = []
    async for path, old, new in differing:
        count += 1
        if count > MAX_LISTED:
            continue
        sides = [one for one in (old, new) if one is not None]
        size = sum(one.size for one in sides)
        if len(differences) >= MAX_COMPARED_FILES:
            diff = f"(not compared: more than {MAX_COMPARED_FILES} files differ)\n"
        elif any(one.media_type is not None for one in sides):
            diff = (
                f"(not compared: no text, {_described(old)} before and {_described(new)} after)\n"
            )
        elif max(one.size for one in sides) > MAX_COMPARED_SIZE:
            diff = f"(not compared: more than {MAX_COMPARED_SIZE} bytes)\n"
        elif size > bytes_left or shown_left <= 0:
            diff = "(not compared: too much differs)\n"
        else:
            bytes_left -= size
            texts = await read([one.hash for one in sides])
            old_text = None if old is None else texts.get(old.hash)
            new_text = None if new is None else texts.get(new.hash)
            if len({one.hash for one in sides} - texts.keys()):
                diff = "(not compared: the file was changed meanwhile)\n"
            else:
                try:
                    diff, pairs = await worker.call(
                        unified_diff, path, old_text, new_text, pairs_left
                    )
                    pairs_left -= pairs
                except WorkFailed as failure:
                    diff = f"(not compared: {failure})\n"
            shown_left -= len(diff)
        differences.append(
            FileDifference(
                path=path,
                status="created" if old is None else "deleted" if new is None else "updated",
                diff=diff,
            )
        )
    return differences, count


def _described(stored: Stored | None) -> str:
    if stored is None:
        return "nothing"
    return f"{stored.media_type or 'a text'} of {stored.size} bytes"

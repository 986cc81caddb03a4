"""What versions that were gone back to have changed, and the directory does not have yet.

One part at a time is written, and others change files meanwhile: until a file is written, what the
directory has of it is older than the project, and is not taken over.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

from server.store.contents import Change

AT_ONCE: Final = 100
BYTES_AT_ONCE: Final = 4_000_000
"""Files, and bytes of them, that are written in one turn on their paths."""


class Restoration:
    """The changes of a version that was gone back to, as long as they are not written."""

    __slots__ = ("_changes",)

    def __init__(self) -> None:
        self._changes: dict[str, Change] = {}

    def expect(self, changes: Iterable[Change]) -> None:
        """Add changes, before the database has them: any thread may."""
        self._changes.update((change.path, change) for change in changes)

    def has(self, path: str) -> bool:
        """Return whether a file is not written yet: any thread may ask."""
        return path in self._changes

    @property
    def paths(self) -> list[str]:
        """Return the paths of all files that are not written yet."""
        return list(self._changes)

    def first_paths(self, among: Collection[str] | None = None) -> list[str]:
        """Return the paths of those that are written next, of all or `among` these; none at the
        end.
        """
        paths: list[str] = []
        left = BYTES_AT_ONCE
        for path, change in self._changes.items():
            if among is not None and path not in among:
                continue
            paths.append(path)
            left -= 0 if change.file is None else change.file.size
            if left <= 0 or len(paths) == AT_ONCE:
                break
        return paths

    def take(self, path: str) -> Change:
        """Return the change of a file, which is written from now on."""
        return self._changes.pop(path)

"""The files that were changed with many others, and that the directory does not have yet.

They are written one part at a time, and others change files meanwhile. Until a file is written,
what the directory has of it is older than the project, and is not taken over.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from itertools import chain
from typing import Final

from server.api.paths import folders
from server.store.project_files import Change

AT_ONCE: Final = 100
BYTES_AT_ONCE: Final = 4_000_000
"""Bytes of files that are written in one turn on their paths."""


class Unwritten:
    """The changes by one deed, as long as they are not written."""

    __slots__ = ("_changes",)

    def __init__(self) -> None:
        self._changes: dict[str, Change] = {}

    def expect(self, changes: Iterable[Change]) -> None:
        """Add changes, before the database has them. Any thread may call this.

        What is deleted is written first: it may be in the way of the other files.
        """
        deleted_first = sorted(changes, key=lambda change: change.file is not None)
        self._changes.update((change.path, change) for change in deleted_first)

    def has(self, path: str) -> bool:
        """Return whether a file is not written yet. Any thread may call this."""
        return path in self._changes

    @property
    def paths(self) -> list[str]:
        """Return the paths of all files that are not written yet."""
        return list(self._changes)

    def first_paths(self, among: Collection[str] | None = None) -> list[str]:
        """Return the paths of the files to write next: of all, or of those that are `among` these,
        inside these, or in the place of a folder of these. Return none at the end.
        """
        paths: list[str] = []
        left = BYTES_AT_ONCE
        meant = {*(among or ()), *chain.from_iterable(map(folders, among or ()))}
        inside = tuple(f"{path}/" for path in among or ())
        for path, change in self._changes.items():
            if among is not None and path not in meant and not path.startswith(inside):
                continue
            paths.append(path)
            left -= 0 if change.file is None else change.file.size
            if left <= 0 or len(paths) == AT_ONCE:
                break
        return paths

    def take(self, path: str) -> Change:
        """Take out the change of a file. The caller writes the file."""
        return self._changes.pop(path)

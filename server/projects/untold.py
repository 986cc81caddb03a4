"""Changes that are done and that the clients of a project have not all heard of.

What changes ten thousand files at once takes a while to be told, file by file. Others go on
meanwhile. Before anybody is told of a later change of a file, everybody is told of the one that is
left here. So what a client hears of a file comes in the order of the changes. The same holds for
news of its locks.

Rejected: others wait until all is told (half a second and more for each save); the jobs of the
database wait by their paths (each would have to name its own, and those of a folder are many).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from server.api.announcements import Announcement
from server.store.project_files import Change

Tell = Callable[[Change, str | None], None]
"""Tells the clients of a change, with the content if it is at hand."""


class _Left(NamedTuple):
    change: Change
    tell: Tell


class Untold:
    """The changes that clients are still to hear of, and what else, by project and path."""

    __slots__ = ("_left", "_news")

    def __init__(self) -> None:
        self._left: dict[str, dict[str, _Left]] = {}
        self._news: dict[tuple[str, str], list[Callable[[], object]]] = {}

    def __len__(self) -> int:
        """Return how many projects have such changes or news."""
        return len({*self._left, *(project_id for project_id, _ in self._news)})

    def leave(self, project_id: str, path: str, tell: Callable[[], object]) -> None:
        """Leave news of a file to be told, which change nothing of its content."""
        self._news.setdefault((project_id, path), []).append(tell)

    def tell_news(self, project_id: str, path: str) -> None:
        """Tell the news of a file that are left, if that is not done."""
        for tell in self._news.pop((project_id, path), ()):
            tell()

    def add(self, project_id: str, changes: Iterable[Change], tell: Tell) -> None:
        """Leave changes to be told. What is left of the same paths is told first."""
        for change in changes:
            self.tell(project_id, change.path)
            self._left.setdefault(project_id, {})[change.path] = _Left(change, tell)

    def tell(self, project_id: str, path: str, content: str | None = None) -> None:
        """Tell of a file now, unless that is done."""
        left = self._take(project_id, path)
        if left is not None:
            left.tell(left.change, content)

    def tell_before(self, project_id: str | None, announcement: Announcement) -> None:
        """Tell what is left of the files that an announcement is about, which is to come next."""
        if project_id is None or not (self._news or project_id in self._left):
            return
        for path in announcement.paths:
            self.tell(project_id, path)
            self.tell_news(project_id, path)

    def replace(self, project_id: str, path: str, change: Change | None) -> None:
        """Leave another change of a file to be told, or none, if one is left."""
        left = self._take(project_id, path)
        if left is not None and change is not None:
            self._left.setdefault(project_id, {})[path] = left._replace(change=change)

    def _take(self, project_id: str, path: str) -> _Left | None:
        of_project = self._left.get(project_id)
        if of_project is None:
            return None
        left = of_project.pop(path, None)
        if not of_project:
            del self._left[project_id]
        return left

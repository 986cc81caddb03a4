"""Turns on the paths of a project: a caller has its paths, and all that is inside them, for itself,
in the order of asking. A user has one place in the line for a path, so that nobody waits for more
than one save of each other user: sixteen connections that saved a file made everybody else who
saved that file wait for nearly a second.

Rejected: one turn for all paths. Whoever saved a file while ten thousand others were taken over
waited each time for a hundred of them, and for seconds while a folder was moved.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import chain

from server.api.paths import folders


@dataclass(eq=False, slots=True)
class _Turn:
    """A caller that works on paths or waits for them, which are in these folders."""

    user_id: str
    paths: frozenset[str]
    folders: frozenset[str]
    over: asyncio.Event = field(default_factory=asyncio.Event)

    def meets(self, other: _Turn) -> bool:
        """Return whether a path of this turn is one of another turn's, or inside it, or around
        it.
        """
        return not (
            self.paths.isdisjoint(other.paths)
            and self.paths.isdisjoint(other.folders)
            and self.folders.isdisjoint(other.paths)
        )


class PathTurns:
    """The callers that work on paths or wait for them, in the order in which they asked; and those
    of them that are in the line, in which no user is twice for a path.
    """

    __slots__ = ("_asked", "_line")

    def __init__(self) -> None:
        self._asked: list[_Turn] = []
        self._line: list[_Turn] = []

    def __len__(self) -> int:
        """Return how many callers work or wait."""
        return len(self._asked)

    @asynccontextmanager
    async def of(self, paths: Collection[str], user_id: str = "") -> AsyncIterator[None]:
        """Hold the turn on files and folders. It comes after the turns that were asked for before
        on any of them, on what is inside, and on folders that they are in; of each other user after
        one. Work of no user has a place in the line each time.
        """
        inside = frozenset(chain.from_iterable(map(folders, paths)))
        turn = _Turn(user_id, frozenset(paths), inside)
        own = [one for one in self._asked if user_id and one.user_id == user_id and one.meets(turn)]
        self._asked.append(turn)
        try:
            await _over(own)
            before = [other for other in self._line if other.meets(turn)]
            self._line.append(turn)
            try:
                await _over(before)
                yield
            finally:
                self._line.remove(turn)
        finally:
            self._asked.remove(turn)
            turn.over.set()


async def _over(turns: Iterable[_Turn]) -> None:
    for turn in turns:
        await turn.over.wait()

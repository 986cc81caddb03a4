"""Turns on the paths of a project: a caller has its paths, and all that is inside them, for itself,
in the order of asking.

Rejected: one turn for all paths. Whoever saved a file while ten thousand others were taken over
waited each time for a hundred of them, and for seconds while a folder was moved.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import chain

from server.api.paths import folders


@dataclass(eq=False, slots=True)
class _Turn:
    """A caller that works on paths or waits for them, which are in these folders."""

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
    """The callers that work on paths or wait for them, in the order in which they asked."""

    __slots__ = ("_turns",)

    def __init__(self) -> None:
        self._turns: list[_Turn] = []

    @asynccontextmanager
    async def of(self, paths: Collection[str]) -> AsyncIterator[None]:
        """Hold the turn on files and folders. It comes after the turns that were asked for before
        on any of them, on what is inside, and on folders that they are in.
        """
        turn = _Turn(frozenset(paths), frozenset(chain.from_iterable(map(folders, paths))))
        before = [other for other in self._turns if other.meets(turn)]
        self._turns.append(turn)
        try:
            for other in before:
                await other.over.wait()
            yield
        finally:
            self._turns.remove(turn)
            turn.over.set()

"""Turns on the paths of a project: a caller has its paths for itself, in the order of asking.

Rejected: one turn for all paths. Whoever saved a file while ten thousand others were taken over
waited each time for a hundred of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass(eq=False, slots=True)
class _Turn:
    """A caller that works on paths or waits for them. None stands for all paths."""

    paths: frozenset[str] | None
    over: asyncio.Event = field(default_factory=asyncio.Event)

    def meets(self, other: _Turn) -> bool:
        """Return whether this turn and another one have a path in common."""
        return self.paths is None or other.paths is None or not self.paths.isdisjoint(other.paths)


class PathTurns:
    """The callers that work on paths or wait for them, in the order in which they asked."""

    __slots__ = ("_turns",)

    def __init__(self) -> None:
        self._turns: list[_Turn] = []

    @asynccontextmanager
    async def of(self, paths: Collection[str] | None) -> AsyncIterator[None]:
        """Hold the turn on these paths, or on all with None. It comes after the turns that were
        asked for before.
        """
        turn = _Turn(None if paths is None else frozenset(paths))
        before = [other for other in self._turns if other.meets(turn)]
        self._turns.append(turn)
        try:
            for other in before:
                await other.over.wait()
            yield
        finally:
            self._turns.remove(turn)
            turn.over.set()

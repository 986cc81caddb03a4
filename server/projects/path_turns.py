"""Turns on the paths of a project: whoever works on a path has it alone, in the order of asking.

Rejected: one turn for all paths; whoever saved a file while ten thousand others were taken over
waited for a hundred of them each time.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass(eq=False, slots=True)
class _Turn:
    """A caller that works on paths or waits for them; None stands for all paths."""

    paths: frozenset[str] | None
    over: asyncio.Event = field(default_factory=asyncio.Event)

    def meets(self, other: _Turn) -> bool:
        """Return whether both have a path."""
        return self.paths is None or other.paths is None or not self.paths.isdisjoint(other.paths)


class PathTurns:
    """The callers that work on paths or wait for them, in the order in which they asked."""

    __slots__ = ("_turns",)

    def __init__(self) -> None:
        self._turns: list[_Turn] = []

    @asynccontextmanager
    async def of(self, paths: Collection[str] | None) -> AsyncIterator[None]:
        """Hold the turn on these paths, None for all. It comes after those that asked before."""
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

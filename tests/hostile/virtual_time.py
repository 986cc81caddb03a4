"""An event loop whose clock jumps: when nothing is ready, the next timer's time has come.

Nothing of a simulation waits in the real world, so a selector is never asked to; thousands of
seconds pass in one, and the same seed gives the same run.
"""

from __future__ import annotations

import asyncio
import selectors
from collections import deque
from collections.abc import Mapping
from typing import Any

# Seconds of virtual time that no simulation takes: what pings for ever has no other end.
END = 100_000.0


class JumpingSelector(selectors.BaseSelector):
    """A selector that turns waiting into time."""

    def __init__(self) -> None:
        self._real = selectors.SelectSelector()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        assert timeout is not None, "the simulation waits for something that cannot happen"
        if timeout > 0:
            self.now += timeout
            assert self.now < END, "the simulation does not end"
        return []

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._real.unregister(fileobj)

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._real.get_map()

    def close(self) -> None:
        self._real.close()


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop in virtual time."""

    _ready: deque[asyncio.Handle]

    def __init__(self) -> None:
        self._jumping = JumpingSelector()
        # How many turns it has made.
        self.turn = 0
        super().__init__(self._jumping)

    def _run_once(self) -> None:
        self.turn += 1
        super()._run_once()  # type: ignore[misc]

    def time(self) -> float:
        return self._jumping.now

    def jump(self, seconds: float) -> None:
        """Time passes and nothing runs, as when a handler blocks the loop."""
        self._jumping.now += seconds

    @property
    def idle(self) -> bool:
        """Whether nothing is to run now but what asks."""
        return not self._ready

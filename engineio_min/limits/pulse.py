"""For how long the event loop has stood still. Pure; time comes in.

What peers send while a loop stands still, because the machine had no time for the process or a
handler blocked it, waits in the kernel and is read at once afterwards. A limit of so much a second
would take that for a flood. So a timer beats in the loop: a beat that comes late tells how long the
loop stood still, and until it has come, the time since it was due tells.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from engineio_min.protocol.deadlines import NEVER

# Seconds between two beats.
INTERVAL: Final = 0.25
# A busy loop is late by so many seconds now and then.
LATE: Final = 0.25


class Pulse:
    """Counts the seconds in which the loop stood still; the driver watches `deadline`.

    It beats while `alive()` says that somebody wants to know.
    """

    __slots__ = ("_alive", "_lost", "deadline")

    def __init__(self, alive: Callable[[], object]) -> None:
        self._alive = alive
        self._lost = 0.0
        self.deadline = NEVER

    def start(self, now: float) -> None:
        """Beat from now on."""
        self.deadline = now + INTERVAL

    def lost(self, now: float) -> float:
        """Return for how many seconds the loop has stood still since the pulse was made."""
        late = now - self.deadline
        return self._lost + late if late > LATE else self._lost

    def handle_timeout(self, now: float) -> None:
        """Beat."""
        self._lost = self.lost(now)
        self.deadline = now + INTERVAL if self._alive() else NEVER

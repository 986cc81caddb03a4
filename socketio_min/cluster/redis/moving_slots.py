"""Commands that are held while their slot goes from one node of a Redis Cluster to another.

A slot counts as moving as soon as a node has refused a command for it. The commands that the old
node has refused go to the new node first, then those that were sent meanwhile: so the order stays.
"""

from __future__ import annotations

from collections.abc import Callable


class _Move:
    """The commands of one slot."""

    __slots__ = ("later", "refused")

    def __init__(self) -> None:
        self.refused: list[bytes] = []
        self.later: list[bytes] = []


class MovingSlots:
    """The slots that are moving, and at most `max_bytes` of commands for all of them together.

    `dropped()` is called for a command that is above the limit.
    """

    __slots__ = ("_dropped", "_held", "_max_bytes", "_moves")

    def __init__(self, max_bytes: int, dropped: Callable[[], object]) -> None:
        self._max_bytes = max_bytes
        self._dropped = dropped
        self._moves: dict[int, _Move] = {}
        self._held = 0

    def __contains__(self, slot: int) -> bool:
        return slot in self._moves

    def begin(self, slot: int) -> None:
        """Hold the commands of a slot from now on."""
        self._moves[slot] = _Move()

    def hold_refused(self, slot: int, command: bytes) -> None:
        """Hold a command that the old node of a slot has refused."""
        self._hold(self._moves[slot].refused, command)

    def hold_later(self, slot: int, command: bytes) -> bool:
        """Hold a command that was sent meanwhile. Return False if it was dropped."""
        return self._hold(self._moves[slot].later, command)

    def _hold(self, held: list[bytes], command: bytes) -> bool:
        if self._held + len(command) > self._max_bytes:
            self._dropped()
            return False
        held.append(command)
        self._held += len(command)
        return True

    def end(self, slot: int) -> list[bytes]:
        """Return the commands of a slot in the order in which they have to be sent."""
        move = self._moves.pop(slot)
        held = [*move.refused, *move.later]
        self._held -= sum(map(len, held))
        return held

    def clear(self) -> None:
        """Hold nothing: the link is closed."""
        self._moves.clear()
        self._held = 0

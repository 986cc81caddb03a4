"""Decides when to give up on workers that die as soon as they have begun. Pure; time comes in."""

from __future__ import annotations


class Restarts:
    """The early deaths of a slot's workers: `limit` in a row are too many.

    soon: a death within so many seconds of the start is early.
    """

    __slots__ = ("_early", "_limit", "_soon")

    def __init__(self, limit: int = 3, soon: float = 10.0) -> None:
        self._limit = limit
        self._soon = soon
        self._early = 0

    def died(self, lived: float) -> bool:
        """Count the death of a worker that lived for so many seconds. Return whether to give up."""
        self._early = self._early + 1 if lived < self._soon else 0
        return self._early >= self._limit

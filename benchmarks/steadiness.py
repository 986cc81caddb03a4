"""Which rounds agree: figures of rounds that do not are no figures yet."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

# By how much of their median the costs of rounds may differ that agree.
AGREEMENT = 1 / 3


def spread(costs: Sequence[float]) -> float:
    """Return the range of the costs divided by their median."""
    middle = median(costs) if costs else 0.0
    return (max(costs) - min(costs)) / middle if 0 < middle < float("inf") else 0.0


def is_steady(costs: Sequence[float], rounds: int) -> bool:
    """Return whether `rounds` of the costs agree; all of them if there are fewer.

    More rounds than `rounds` have been measured because the first did not agree, so one that was
    disturbed does not count for ever.
    """
    ordered = sorted(costs)
    count = min(rounds, len(ordered))
    return any(
        spread(ordered[first : first + count]) <= AGREEMENT
        for first in range(len(ordered) - count + 1)
    )

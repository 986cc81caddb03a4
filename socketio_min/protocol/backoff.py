"""How long a client waits before it tries again: randomised exponential back-off.

Clients that lost the same server must not come back in the same moment. The official client cuts
the delay to its maximum after the random part is added: sooner or later all clients wait exactly
the maximum. Here the delay is cut first, so the random part always has an effect.
"""

from __future__ import annotations

from collections.abc import Callable


class Backoff:
    """The delays of one series of attempts; times in seconds, `random` gives numbers in [0, 1)."""

    __slots__ = ("_delay", "_delay_max", "_factor", "_random", "attempts")

    def __init__(
        self, delay: float, delay_max: float, factor: float, random: Callable[[], float]
    ) -> None:
        self.attempts = 0
        self._delay = delay
        self._delay_max = delay_max
        self._factor = factor
        self._random = random

    def next_delay(self) -> float:
        """Count an attempt, and return the seconds to wait before it.

        The delay doubles with each attempt, up to `delay_max`, and is then moved by at most
        `factor` of itself.
        """
        # The exponent is bounded because a float is.
        delay = min(self._delay * 2.0 ** min(self.attempts, 100), self._delay_max)
        self.attempts += 1
        lowest = delay * (1 - self._factor)
        highest = min(delay * (1 + self._factor), self._delay_max)
        return lowest + (highest - lowest) * self._random()

    def reset(self) -> None:
        """Begin a new series: the connection is back."""
        self.attempts = 0

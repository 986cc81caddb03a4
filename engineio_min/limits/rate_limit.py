"""Token buckets: how often something may happen, for long and in a burst. Pure; time comes in.

What came while the event loop stood still is read at once afterwards, and must not count as a
flood: for each second that the loop has lost, a bucket may hold one second's tokens above its
burst.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from engineio_min.option_checks import check_positive

# Seconds of a standstill that count at most: the kernel keeps no more of what a client sends.
MOST_LOST: Final = 30.0
# Seconds after a standstill in which what has piled up is read.
READ_BY: Final = 5.0


@dataclass(frozen=True, slots=True)
class RateLimit:
    """`rate` tokens a second in the long run, `burst` at once. More than `tolerance` refusals since
    the client could last take `burst` tokens are no mistake.

    Raises:
        UsageError: a number is not above 0.
    """

    rate: float
    burst: float
    tolerance: int = 100

    def __post_init__(self) -> None:
        for name in ("rate", "burst", "tolerance"):
            check_positive(name, getattr(self, name))


class TokenBucket:
    """What one client has left of its limit."""

    __slots__ = (
        "__weakref__",
        "_limit",
        "_lost",
        "_surplus",
        "_surplus_until",
        "_time",
        "_tokens",
        "refusals",
    )

    def __init__(self, limit: RateLimit, now: float, lost: float = 0.0) -> None:
        self._limit = limit
        # The seconds that the loop had lost at the last look, and the tokens above the burst that
        # the bucket may hold because of them, for a while.
        self._lost = lost
        self._surplus = 0.0
        self._surplus_until = now
        self._tokens = float(limit.burst)
        self._time = now
        # Refusals since the bucket was last full: a client that keeps within its limit is forgiven.
        self.refusals = 0

    def take(self, now: float, lost: float = 0.0) -> bool:
        """Take one token, if there is one; the loop has stood still for `lost` seconds in all."""
        limit = self._limit
        self._tokens += (now - self._time) * limit.rate
        self._time = now
        if self._tokens >= limit.burst:
            most = limit.burst + self._allowed_surplus(now, lost)
            self._tokens = min(self._tokens, most)
            self.refusals = 0
        self._lost = lost
        if self._tokens < 1:
            self.refusals += 1
            return False
        self._tokens -= 1
        return True

    def _allowed_surplus(self, now: float, lost: float) -> float:
        """Return how many tokens above the burst the bucket may hold."""
        if now > self._surplus_until:
            self._surplus = 0.0
        if lost > self._lost:
            # The surplus grows step by step: while the loop catches up, it falls behind a little
            # more each turn.
            more = (lost - self._lost) * self._limit.rate
            self._surplus = min(self._surplus + more, MOST_LOST * self._limit.rate)
            self._surplus_until = now + READ_BY
        return self._surplus

    def spend(self, amount: float, now: float) -> float:
        """Take `amount` tokens, if need be on credit. Return the seconds until the credit is paid
        back.
        """
        limit = self._limit
        tokens = min(limit.burst, self._tokens + (now - self._time) * limit.rate) - amount
        self._tokens = tokens
        self._time = now
        return max(0.0, -tokens / limit.rate)

    def full(self, now: float) -> bool:
        """Return whether nothing of the limit is used up any more."""
        return self._tokens + (now - self._time) * self._limit.rate >= self._limit.burst

    @property
    def exhausted(self) -> bool:
        """Return whether the client was refused more often than is tolerated."""
        return self.refusals > self._limit.tolerance

    @property
    def wait(self) -> float:
        """Return the seconds until there is a token again."""
        return max(0.0, (1 - self._tokens) / self._limit.rate)

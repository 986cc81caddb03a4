"""Token buckets: how often something may happen, for long and in a burst. Pure; time comes in."""

from __future__ import annotations

from dataclasses import dataclass

from engineio_min.positive import check_positive


@dataclass(frozen=True, slots=True)
class RateLimit:
    """`rate` a second in the long run, `burst` at once; more than `tolerance` refusals, before the
    client has kept still for long enough to be allowed `burst` again, are no mistake.

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

    __slots__ = ("__weakref__", "_limit", "_time", "_tokens", "refusals")

    def __init__(self, limit: RateLimit, now: float) -> None:
        self._limit = limit
        self._tokens = float(limit.burst)
        self._time = now
        # Since the bucket was full: a client that keeps within its limit is forgiven.
        self.refusals = 0

    def take(self, now: float) -> bool:
        """Take one token, if there is one."""
        limit = self._limit
        self._tokens += (now - self._time) * limit.rate
        self._time = now
        if self._tokens >= limit.burst:
            self._tokens = float(limit.burst)
            self.refusals = 0
        if self._tokens < 1:
            self.refusals += 1
            return False
        self._tokens -= 1
        return True

    def spend(self, amount: float, now: float) -> float:
        """Take `amount` tokens, if need be on credit; seconds until the credit is paid back."""
        limit = self._limit
        tokens = min(limit.burst, self._tokens + (now - self._time) * limit.rate) - amount
        self._tokens = tokens
        self._time = now
        return max(0.0, -tokens / limit.rate)

    def full(self, now: float) -> bool:
        """Whether nothing of the limit is used up any more."""
        return self._tokens + (now - self._time) * self._limit.rate >= self._limit.burst

    @property
    def exhausted(self) -> bool:
        """Whether the client was refused more often than is tolerated."""
        return self.refusals > self._limit.tolerance

    @property
    def wait(self) -> float:
        """Seconds until there is a token again."""
        return max(0.0, (1 - self._tokens) / self._limit.rate)

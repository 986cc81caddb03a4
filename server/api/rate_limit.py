"""How often a user may send an event: token buckets.

A bucket holds `burst` tokens and gains `per_second` of them; an event takes one. Buckets belong to
users and not to connections, so that reconnecting fills none. The buckets are in one bounded table.
When the table is full, buckets that would have all tokens again are forgotten, which changes
nothing for their users.

Events that piled up while the server stood still are no flood; see `TokenBucket`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from engineio_min.limits.rate_limit import RateLimit, TokenBucket
from server.api.errors import Code, EventError

_MOST_BUCKETS: Final = 20_000


def too_early(reason: str, seconds: float) -> EventError:
    """Return the error for what may be tried again in so many seconds, and not before."""
    # Rounded up: a client that waits so long is not too early, and it is never 0.
    wait = math.ceil(seconds * 1_000) / 1_000
    return EventError(
        Code.RATE_LIMIT_EXCEEDED,
        f"{reason}: try again in {wait:g} seconds",
        {"retryAfter": wait},
    )


@dataclass(frozen=True, slots=True)
class Rate:
    """`burst` events at once, and `per_second` in the long run. Events of one `name` share the
    rate.

    of_connection: each connection has tokens of its own; without it, each user. It is for clients
    that have not said yet who they are: many may share an address.
    """

    name: str
    burst: int
    per_second: float
    of_connection: bool = False


class RateLimiter:
    """The buckets of an application's users, at most `most` of them.

    clock: returns seconds. stood_still: returns for how many seconds in all the server has stood
    still.
    """

    __slots__ = ("_buckets", "_clock", "_most", "_stood_still")

    def __init__(
        self,
        clock: Callable[[], float],
        stood_still: Callable[[], float] = lambda: 0.0,
        most: int = _MOST_BUCKETS,
    ) -> None:
        self._buckets: dict[tuple[str, Rate], TokenBucket] = {}
        self._clock = clock
        self._stood_still = stood_still
        self._most = most

    def take(self, user_id: str, rate: Rate) -> None:
        """Take a token.

        Raises:
            EventError: there is none (`RATE_LIMIT_EXCEEDED`); `details.retryAfter` is in seconds.
        """
        now, lost = self._clock(), self._stood_still()
        bucket = self._bucket(user_id, rate, now, lost)
        if not bucket.take(now, lost):
            often = f"{rate.burst} {rate.name} events at once or {rate.per_second:g} a second"
            raise too_early(f"more than {often}", bucket.wait)

    def spend(self, user_id: str, rate: Rate, amount: float) -> float:
        """Take `amount` tokens, on credit if there are fewer. Return the seconds until the credit
        is paid back, 0 without one.
        """
        now = self._clock()
        return self._bucket(user_id, rate, now, self._stood_still()).spend(amount, now)

    def _bucket(self, user_id: str, rate: Rate, now: float, lost: float) -> TokenBucket:
        bucket = self._buckets.pop((user_id, rate), None)
        if bucket is None:
            bucket = TokenBucket(RateLimit(rate.per_second, rate.burst), now, lost)
        if len(self._buckets) >= self._most:
            self._forget(now)
        # The last bucket of the table is the one that was used last.
        self._buckets[user_id, rate] = bucket
        return bucket

    def _forget(self, now: float) -> None:
        for key in [key for key, bucket in self._buckets.items() if bucket.full(now)]:
            del self._buckets[key]
        # All buckets are in use: that of the user who has been idle for longest starts anew.
        while len(self._buckets) >= self._most:
            del self._buckets[next(iter(self._buckets))]

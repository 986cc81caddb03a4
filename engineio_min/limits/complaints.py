"""How often the log may complain: what a peer causes must not fill it."""

from __future__ import annotations

from engineio_min.limits.rate_limit import RateLimit, TokenBucket

# Of each kind: ten at once, and one a minute in the long run.
COMPLAINTS = RateLimit(1 / 60, 10)


class Complaints:
    """The complaints of each kind that were logged lately, and how many were left out since."""

    __slots__ = ("_buckets", "_left_out")

    def __init__(self) -> None:
        self._buckets: dict[str, TokenBucket] = {}
        self._left_out: dict[str, int] = {}

    def admit(self, kind: str, now: float) -> int | None:
        """Return how many of this kind were left out since the last one that was logged; None to
        leave this one out as well. There must be few kinds: each is remembered for ever.
        """
        bucket = self._buckets.get(kind)
        if bucket is None:
            bucket = self._buckets[kind] = TokenBucket(COMPLAINTS, now)
        if bucket.take(now):
            return self._left_out.pop(kind, 0)
        self._left_out[kind] = self._left_out.get(kind, 0) + 1
        return None

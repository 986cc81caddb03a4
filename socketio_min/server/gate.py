"""How often a client may send events and CONNECTs, alone and together with its address. Pure: the
time is an argument.

A packet that is refused is dropped. The client is told of the first refusal, so that an honest
client can slow down; one that goes on regardless loses its connection (`rate_limits.py`). An
address keeps its bucket after its last client has left, until the bucket would be full again: a
client gains nothing by reconnecting.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable

from engineio_min.limits.rate_limit import RateLimit, TokenBucket


class AddressBuckets:
    """The bucket of each address; all times are in seconds."""

    __slots__ = ("_buckets", "_limit", "_tidy_at")

    def __init__(self, limit: RateLimit) -> None:
        self._limit = limit
        self._buckets: dict[str, TokenBucket] = {}
        self._tidy_at = 1_000

    def __len__(self) -> int:
        """Return how many addresses are remembered."""
        return len(self._buckets)

    def of(self, address: str, now: float, lost: float = 0.0) -> TokenBucket:
        """Return the bucket of an address, made if need be.

        `lost` is how long the event loop has stood still in all; see `Pulse.lost`.
        """
        bucket = self._buckets.get(address)
        if bucket is None:
            if len(self._buckets) >= self._tidy_at:
                self._tidy(now)
            bucket = self._buckets[address] = TokenBucket(self._limit, now, lost)
        return bucket

    def _tidy(self, now: float) -> None:
        """Forget the buckets that are full: each is as good as a new one.

        A bucket that a connected client uses stays: with a new one the address would have two.
        """
        full = {
            address: weakref.ref(bucket)
            for address, bucket in self._buckets.items()
            if bucket.full(now)
        }
        for address in full:
            del self._buckets[address]
        for address, reference in full.items():
            bucket = reference()
            if bucket is not None:
                self._buckets[address] = bucket
        self._tidy_at = max(1_000, 2 * len(self._buckets))


class Gate:
    """Stands between a client's packets and their handlers: each packet takes from every bucket."""

    __slots__ = ("_buckets", "_lost")

    def __init__(self, lost: Callable[[float], float], *buckets: TokenBucket) -> None:
        # Returns for how many seconds the event loop has stood still; see `Pulse.lost`.
        self._lost = lost
        self._buckets = buckets

    def admit(self, now: float) -> bool:
        """Return whether one more event or CONNECT may pass."""
        # Every bucket counts the packet, even if another bucket refuses it.
        lost = self._lost(now)
        verdicts = [bucket.take(now, lost) for bucket in self._buckets]
        return all(verdicts)

    @property
    def first_refusal(self) -> bool:
        """Return whether the last refusal was the first, of which the client is to be told."""
        return max(bucket.refusals for bucket in self._buckets) == 1

    @property
    def exhausted(self) -> bool:
        """Return whether the client went on sending for too long after the first refusal."""
        return any(bucket.exhausted for bucket in self._buckets)

    @property
    def wait(self) -> float:
        """Return the seconds until a packet may pass again."""
        return max(bucket.wait for bucket in self._buckets)

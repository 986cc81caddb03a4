"""gate.py: the buckets of addresses, and the gate of a client."""

from __future__ import annotations

import gc

from engineio_min.limits.rate_limit import RateLimit, TokenBucket
from socketio_min.server.gate import AddressBuckets, Gate

LIMIT = RateLimit(rate=1, burst=2)


def test_an_address_keeps_its_bucket() -> None:
    buckets = AddressBuckets(LIMIT)
    first = buckets.of("a", 0.0)
    assert buckets.of("a", 0.0) is first
    assert buckets.of("b", 0.0) is not first
    assert len(buckets) == 2


def test_buckets_that_are_full_again_are_forgotten() -> None:
    buckets = AddressBuckets(LIMIT)
    held = buckets.of("held", 0.0)
    spent = buckets.of("spent", 9.0)
    spent.take(9.0)
    for number in range(998):
        buckets.of(str(number), 0.0)
    del spent
    gc.collect()
    buckets.of("new", 9.0)
    # The one in use stays, and the one that was not full.
    assert len(buckets) == 3
    assert buckets.of("held", 9.0) is held


def test_each_bucket_counts_and_the_first_refusal_is_told() -> None:
    own, shared = TokenBucket(LIMIT, 0.0), TokenBucket(RateLimit(rate=1, burst=1), 0.0)
    gate = Gate(lambda _now: 0.0, own, shared)
    told = [(gate.admit(now), gate.first_refusal, gate.exhausted) for now in (0.0, 0.0, 0.0)]
    assert told == [(True, False, False), (False, True, False), (False, False, False)]
    assert gate.wait == 1.0
    assert gate.admit(2.0)

"""`rate_limit.py`: what a bucket allows after its loop stood still."""

from __future__ import annotations

import pytest

from engineio_min.limits.rate_limit import MOST_LOST, READ_BY, RateLimit, TokenBucket

LIMIT = RateLimit(rate=100, burst=200)


def passing(bucket: TokenBucket, now: float, lost: float) -> int:
    """Take tokens until there are none; return how many there were."""
    count = 0
    while bucket.take(now, lost):
        count += 1
    return count


@pytest.mark.parametrize("rate", [50, 80])
def test_events_of_eight_seconds_pass_at_once(rate: int) -> None:
    """As those of a client within its limit do while the server is stopped."""
    bucket = TokenBucket(LIMIT, 0.0)
    assert all(bucket.take(second / rate) for second in range(rate))
    # The loop is behind by a little more with each event, until its late beat has come.
    assert all(bucket.take(9 + count / 10_000, 8 + count / 10_000) for count in range(8 * rate))
    assert bucket.refusals == 0


def test_without_a_loss_only_the_burst_passes() -> None:
    bucket = TokenBucket(LIMIT, 0.0)
    assert passing(bucket, 8.0, 0.0) == 200


def test_a_loss_counts_once_and_for_a_while() -> None:
    bucket = TokenBucket(LIMIT, 0.0)
    assert bucket.take(8.0, 8.0)
    assert passing(bucket, 8.0, 8.0) == 999
    assert passing(bucket, 20.0, 8.0) == 200
    bucket = TokenBucket(LIMIT, 0.0)
    assert bucket.take(8.0, 8.0)
    assert passing(bucket, 8.0 + READ_BY + 0.1, 8.0) == 200


def test_the_loss_before_a_client_came_is_not_its_own() -> None:
    assert passing(TokenBucket(LIMIT, 0.0, lost=8.0), 0.0, 8.0) == 200


def test_a_loss_is_bounded() -> None:
    bucket = TokenBucket(LIMIT, 0.0)
    assert passing(bucket, 1_000.0, 1_000.0) == 200 + 100 * MOST_LOST

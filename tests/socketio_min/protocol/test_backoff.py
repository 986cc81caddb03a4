"""The delays before a client tries again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from socketio_min.protocol.backoff import Backoff


def delays(backoff: Backoff, count: int) -> list[float]:
    return [backoff.next_delay() for _ in range(count)]


def test_they_double_up_to_the_maximum() -> None:
    backoff = Backoff(1.0, 5.0, 0.0, lambda: 0.9)
    assert delays(backoff, 5) == [1.0, 2.0, 4.0, 5.0, 5.0]
    assert backoff.attempts == 5
    backoff.reset()
    assert backoff.attempts == 0
    assert delays(backoff, 2) == [1.0, 2.0]


@pytest.mark.parametrize(
    ("luck", "expected"),
    [(0.0, [0.5, 1.0, 2.0, 2.5, 2.5]), (0.5, [1.0, 2.0, 3.5, 3.75, 3.75])],
)
def test_they_are_moved_by_their_share(luck: float, expected: list[float]) -> None:
    assert delays(Backoff(1.0, 5.0, 0.5, lambda: luck), 5) == expected


@given(
    delay=st.floats(0.001, 10),
    delay_max=st.floats(0.001, 100),
    factor=st.floats(0, 1),
    luck=st.floats(0, 1, exclude_max=True),
    count=st.integers(1, 2000),
)
def test_they_are_never_negative_nor_above_the_maximum(
    delay: float, delay_max: float, factor: float, luck: float, count: int
) -> None:
    """Invariant: whatever the options and the luck, however many attempts."""
    backoff = Backoff(delay, delay_max, factor, lambda: luck)
    backoff.attempts = count
    assert 0 <= backoff.next_delay() <= delay_max

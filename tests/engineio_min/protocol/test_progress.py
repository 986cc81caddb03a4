"""progress.py: what counts as taking something."""

from __future__ import annotations

import pytest

from engineio_min.protocol.progress import Progress


@pytest.mark.parametrize(
    ("unsent", "confirmed", "advanced"),
    [
        (100, 50, False),
        (99, 50, True),
        (0, 50, True),
        (101, 50, False),
        # As much waits as before, or more, for it was filled up again; but bytes were confirmed.
        (100, 51, True),
        (5000, 51, True),
    ],
)
def test_a_peer_advances_when_less_waits_or_something_is_confirmed(
    unsent: int, confirmed: int, advanced: bool
) -> None:
    assert Progress(100, 50, 7.0).silence(unsent, confirmed, 9.0) == (0.0 if advanced else 2.0)


def test_what_is_confirmed_while_nothing_waits_is_no_progress() -> None:
    progress = Progress(0, 50, 0.0)
    assert progress.silence(0, 60, 5.0) == 5.0
    assert progress.silence(0, 70, 10.0) == 10.0


def test_each_look_is_compared_with_the_last_one() -> None:
    progress = Progress(100, 0, 0.0)
    assert progress.silence(90, 0, 1.0) == 0.0
    assert progress.silence(90, 0, 3.0) == 2.0
    assert progress.silence(95, 0, 4.0) == 3.0
    assert progress.silence(94, 0, 5.0) == 0.0

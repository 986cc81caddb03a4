"""When to give up on workers that die."""

from engineio_min.workers.restarts import Restarts


def test_three_early_deaths_in_a_row_are_too_many() -> None:
    restarts = Restarts(limit=3, soon=10.0)
    assert [restarts.died(lived) for lived in (0.1, 9.9, 0.1)] == [False, False, True]


def test_a_worker_that_has_lived_begins_the_count_anew() -> None:
    restarts = Restarts(limit=3, soon=10.0)
    lives = (0.1, 0.1, 10.0, 0.1, 0.1, 0.1)
    assert [restarts.died(lived) for lived in lives] == [False] * 5 + [True]

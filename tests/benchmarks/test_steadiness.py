"""steadiness.py: which rounds agree."""

from __future__ import annotations

import pytest

from benchmarks.steadiness import is_steady, spread


def test_the_spread_is_a_part_of_the_median() -> None:
    assert spread([8, 12, 10]) == pytest.approx(0.4)
    assert spread([float("inf")]) == 0


@pytest.mark.parametrize(
    ("costs", "rounds", "steady"),
    [
        ([], 3, True),
        ([10], 3, True),
        ([10, 13], 3, True),
        ([10, 15], 3, False),
        ([10, 11, 20], 3, False),
        ([10, 11, 20, 12], 3, True),
        ([10, 15, 22, 30, 45], 3, False),
    ],
)
def test_as_many_have_to_agree_as_there_are_rounds(
    costs: list[float], rounds: int, steady: bool
) -> None:
    assert is_steady(costs, rounds) is steady

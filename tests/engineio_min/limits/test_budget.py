"""budget.py: who goes when too much is held half-received."""

from __future__ import annotations

from engineio_min.limits.budget import FREE, Budget


class Keeper:
    """Holds what it is told to, as a connection does."""

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self.held = 0
        self.gone = False

    def grow(self, size: int) -> bool:
        before, self.held = self.held, size
        return self.budget.change(self, before, size)

    def let_go(self) -> None:
        self.gone = True
        self.grow(0)


def test_the_largest_goes_and_not_who_asks_for_more() -> None:
    told: list[str] = []
    budget = Budget(1_000_000, told.append)
    small, large, other = Keeper(budget), Keeper(budget), Keeper(budget)
    assert large.grow(600_000)
    assert small.grow(FREE)
    assert other.grow(400_000)
    assert large.gone
    assert not other.gone
    assert budget.held == 400_000 + FREE
    assert told == [
        "1065536 bytes are held half-received, expected at most 1000000 (max_half_received): "
        "the connection that holds 600000 of them is closed"
    ]


def test_the_largest_is_told_when_it_is_the_one_that_grows() -> None:
    budget = Budget(1_000_000, str)
    large, other = Keeper(budget), Keeper(budget)
    assert other.grow(300_000)
    assert not large.grow(700_001)
    assert not other.gone
    large.let_go()
    assert budget.held == 300_000


def test_as_many_go_as_are_too_many() -> None:
    budget = Budget(1_000_000, str)
    keepers = [Keeper(budget) for _ in range(5)]
    for keeper in keepers:
        assert keeper.grow(200_000)
    last = Keeper(budget)
    assert last.grow(150_000)
    assert [keeper.gone for keeper in keepers] == [True, False, False, False, False]
    assert last.grow(199_999)
    assert sum(keeper.gone for keeper in keepers) == 1


def test_who_holds_little_is_never_in_question() -> None:
    budget = Budget(1_000_000, str)
    crowd = [Keeper(budget) for _ in range(20)]
    for keeper in crowd:
        assert keeper.grow(FREE)
    assert budget.held > 1_000_000
    assert not Keeper(budget).grow(FREE + 1)
    assert not any(keeper.gone for keeper in crowd)

"""account.py: what is held for whom, and who goes when it is too much."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from engineio_min.limits.account import FREE, Account, Group, Owner

KIB = 1_024


class Keeper:
    """Holds what it is told to, as a connection does; `stuck` bytes of it cannot be let go."""

    def __init__(self, account: Account, *owners: Owner) -> None:
        self.account = account
        self.held = 0
        self.groups: tuple[Group, ...] = ()
        self.goings = 0
        self.stuck = 0
        self.whose: Sequence[Owner] = owners

    def owners(self) -> Sequence[Owner]:
        return self.whose

    @property
    def gone(self) -> bool:
        return self.goings > 0

    def hold(self, size: int) -> None:
        """Hold `size` bytes in all."""
        self.account.add(self, size - self.held)

    def let_go(self) -> None:
        self.goings += 1
        self.hold(min(self.held, self.stuck))


def went(*keepers: Keeper) -> list[bool]:
    """Which of them were let go."""
    return [keeper.gone for keeper in keepers]


def opened(limit: int = 1_000_000, per_owner: int = 10_000_000) -> tuple[Account, list[str]]:
    told: list[str] = []
    return Account(limit, {"address": per_owner, "user": per_owner}, told.append), told


def test_the_largest_goes_and_not_who_asks_for_more() -> None:
    account, told = opened()
    small, large, other = (Keeper(account) for _ in range(3))
    large.hold(600_000)
    small.hold(FREE)
    other.hold(400_000)
    assert went(large, other) == [False, False]
    other.hold(400_001)
    assert went(small, large, other) == [False, True, False]
    assert account.held == 400_001 + FREE
    assert told == [
        "1000001 bytes are held for all connections, expected at most 1000000 (max_held): "
        "the connection that holds 600000 of them is closed"
    ]


def test_the_largest_goes_when_it_is_the_one_that_grows() -> None:
    account, _ = opened()
    large, other = Keeper(account), Keeper(account)
    other.hold(300_000)
    large.hold(700_001)
    assert went(large, other) == [True, False]
    assert account.held == 300_000


def test_as_many_go_as_are_too_many() -> None:
    account, _ = opened()
    keepers = [Keeper(account) for _ in range(5)]
    for keeper in keepers:
        keeper.hold(200_000)
    last = Keeper(account)
    last.hold(150_000)
    assert went(*keepers, last) == [True, False, False, False, False, False]
    last.hold(200_000)
    assert went(*keepers, last) == [True, False, False, False, False, False]
    last.hold(500_001)
    assert went(*keepers, last) == [True, False, False, False, False, True]


def test_who_holds_little_is_free() -> None:
    account, _ = opened()
    crowd = [Keeper(account) for _ in range(20)]
    for keeper in crowd:
        keeper.hold(FREE)
    assert account.held == 20 * FREE
    large = Keeper(account)
    large.hold(1_000_000)
    assert went(large) == [False]
    large.hold(1_000_001)
    assert went(large, *crowd) == [True] + 20 * [False]


def test_who_moves_with_little_is_counted_once_it_is_much() -> None:
    account, _ = opened()
    keeper = Keeper(account, ("address", "192.0.2.1"))
    keeper.hold(FREE)
    keeper.whose = [("user", "ada")]
    account.move(keeper)
    assert len(account) == 0
    keeper.hold(FREE + 1)
    assert len(account) == 1
    assert account.of(("user", "ada")) == FREE + 1
    keeper.hold(0)
    assert len(account) == 0


def test_what_handlers_work_on_costs_no_other_its_place() -> None:
    """It cannot be taken from them; who has gone is only missing when it comes back."""
    account, told = opened()
    busy, other = Keeper(account), Keeper(account)
    busy.stuck = 600_000
    other.hold(300_000)
    busy.hold(800_000)
    assert busy.held == 600_000
    other.hold(900_000)
    assert went(busy, other) == [True, False]
    assert len(told) == 1
    busy.stuck = 0
    busy.hold(0)
    assert account.held == 900_000


@pytest.mark.parametrize("kind", ["address", "user"])
def test_many_connections_of_one_owner_are_one_holder(kind: str) -> None:
    """And what its handlers work on counts for it until they end."""
    account, told = opened(per_owner=500_000)
    mine, mine_too, later = (Keeper(account, (kind, "me")) for _ in range(3))
    other = Keeper(account, (kind, "other"))
    other.hold(450_000)
    mine.stuck = 240_000
    mine.hold(250_000)
    mine_too.hold(249_000)
    mine_too.hold(251_000)
    assert told == [
        f"501000 bytes are held for the {kind} 'me', expected at most 500000 "
        f"(max_held_per_{kind}): the connection that holds 251000 of them is closed"
    ]
    assert account.of((kind, "me")) == 250_000
    later.hold(250_000)
    assert went(mine, later) == [False, False]
    mine.hold(251_000)
    assert went(mine, later) == [True, False]
    assert account.of((kind, "me")) == 490_000
    later.hold(260_001)
    assert went(later, other) == [True, False]
    mine.hold(0)
    assert account.of((kind, "me")) == 0
    assert account.of((kind, "other")) == 450_000


def test_an_owner_may_have_more_than_can_be_let_go() -> None:
    """Nobody is left to go, and who holds little stays."""
    account, told = opened(per_owner=200_000)
    owner = ("user", "me")
    busy, small = Keeper(account, owner), Keeper(account, owner)
    busy.stuck = 300_000
    small.hold(FREE)
    busy.hold(300_000)
    assert went(busy, small) == [True, False]
    assert account.of(owner) == 300_000
    assert len(told) == 1


def test_who_is_told_apart_later_moves() -> None:
    account, _ = opened()
    keeper = Keeper(account)
    account.move(keeper)
    keeper.hold(100_000)
    keeper.whose = [("user", "7")]
    account.move(keeper)
    assert account.of(("user", "7")) == 100_000
    keeper.whose = [("user", "8")]
    account.move(keeper)
    assert account.of(("user", "7")) == 0
    assert account.of(("user", "8")) == 100_000
    # Who has gone stays whose it was.
    keeper.stuck = 90_000
    keeper.hold(1_000_001)
    keeper.whose = []
    account.move(keeper)
    assert account.of(("user", "8")) == 90_000


class AccountMachine(RuleBasedStateMachine):
    """Invariants:

    - What is held is the sum of what each holds, whatever was let go, and never negative.
    - An owner has what its large holders hold; one without any is forgotten.
    - Nobody with 64 KiB or less goes, and nobody goes below the limits.
    - What is held by those who may go is within the limits.
    """

    limit = 1_000 * KIB
    per_owner = 600 * KIB

    def __init__(self) -> None:
        super().__init__()
        self.told: list[str] = []
        per_owner = {"address": self.per_owner, "user": self.per_owner}
        self.account = Account(self.limit, per_owner, self.told.append)
        self.keepers: list[Keeper] = []
        self.went = 0

    @rule(address=st.sampled_from("abc"), user=st.sampled_from(["u", "v", None]))
    def one_comes(self, address: str, user: str | None) -> None:
        owners = [("address", address)] + ([] if user is None else [("user", user)])
        self.keepers.append(Keeper(self.account, *owners))

    @precondition(lambda self: self.keepers)
    @rule(data=st.data(), size=st.integers(0, 700), stuck=st.integers(0, 300))
    def one_holds(self, data: st.DataObject, size: int, stuck: int) -> None:
        keeper = data.draw(st.sampled_from(self.keepers))
        if keeper.gone:
            # Its handlers end.
            keeper.stuck = min(keeper.stuck, stuck * KIB)
            keeper.hold(min(keeper.held, keeper.stuck))
            return
        keeper.stuck = stuck * KIB
        too_much = self.too_much(keeper, size * KIB)
        keeper.hold(size * KIB)
        assert bool(self.told) == too_much
        gone = sum(each.gone for each in self.keepers)
        assert gone - self.went == len(self.told)
        self.went = gone
        self.told.clear()

    def too_much(self, keeper: Keeper, size: int) -> bool:
        """Whether somebody has to go when a keeper holds so much."""
        if size <= max(FREE, keeper.held):
            return False
        others = [each for each in self.keepers if each is not keeper and each.held > FREE]
        staying = size + sum(each.held for each in others if not each.gone)
        return staying > self.limit or any(
            size + sum(each.held for each in others if owner in each.whose) > self.per_owner
            for owner in keeper.whose
        )

    @precondition(lambda self: self.keepers)
    @rule(data=st.data(), user=st.sampled_from("uvw"))
    def one_is_told_apart(self, data: st.DataObject, user: str) -> None:
        keeper = data.draw(st.sampled_from(self.keepers))
        if not keeper.gone:
            keeper.whose = [keeper.whose[0], ("user", user)]
            self.account.move(keeper)

    @precondition(lambda self: self.keepers)
    @rule(data=st.data())
    def one_leaves(self, data: st.DataObject) -> None:
        keeper = data.draw(st.sampled_from(self.keepers))
        keeper.hold(0)
        self.keepers.remove(keeper)
        self.went -= keeper.gone

    @invariant()
    def the_sums_are_right(self) -> None:
        assert self.account.held == sum(keeper.held for keeper in self.keepers)
        assert all(keeper.held >= 0 for keeper in self.keepers)
        large = [keeper for keeper in self.keepers if keeper.held > FREE]
        for kind, names in (("address", "abc"), ("user", "uvw")):
            for name in names:
                held = sum(keeper.held for keeper in large if (kind, name) in keeper.whose)
                assert self.account.of((kind, name)) == held
        assert len(self.account) == len({owner for keeper in large for owner in keeper.whose})

    @invariant()
    def it_is_within_the_limits(self) -> None:
        staying = [each.held for each in self.keepers if not each.gone and each.held > FREE]
        assert sum(staying) <= self.limit

    def teardown(self) -> None:
        for keeper in self.keepers:
            keeper.hold(0)
        assert self.account.held == len(self.account) == 0


@pytest.mark.no_cover
def test_the_machine() -> None:
    run_state_machine_as_test(AccountMachine)


class Forgets(Account):
    """Does not take out what is given back below the free part."""

    def _leave(self, holder: Keeper, before: int) -> None:  # type: ignore[override]
        super()._leave(holder, min(before, 100 * KIB))


class LetsTheSmallGo(Account):
    """Counts everybody as large."""

    def _enter(self, holder: Keeper) -> None:  # type: ignore[override]
        super()._enter(holder)
        self._all.held += FREE


@pytest.mark.no_cover
@pytest.mark.planted
@pytest.mark.parametrize("fault", [Forgets, LetsTheSmallGo])
def test_the_machine_finds_a_planted_fault(
    fault: type[Account], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"{__name__}.Account", fault)
    fixed = settings(
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        report_multiple_bugs=False,
        print_blob=False,
    )
    with pytest.raises(AssertionError):
        run_state_machine_as_test(AccountMachine, settings=fixed)

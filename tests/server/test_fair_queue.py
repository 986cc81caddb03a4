"""A queue that takes turns by owner.

Invariants:
- An item waits for at most one item of each other owner that has any, and for those of its own
  owner before it. It waits for no second item of the owner that was served last.
- Nothing is lost, doubled, or overtaken by a later item of its owner; what is full refuses.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from server.fair_queue import FairQueue
from tests.effort import examples

OWNERS = st.sampled_from("abc")


def test_who_waits_with_much_does_not_delay_who_waits_with_little() -> None:
    queue: FairQueue[int] = FairQueue(most=100, most_of_one=50)
    for number in range(18):
        assert queue.put("much", number)
    assert queue.put("little", 100)
    assert [queue.take() for _ in range(3)] == [("much", 0), ("little", 100), ("much", 1)]


def test_who_comes_while_another_is_served_comes_next() -> None:
    queue: FairQueue[int] = FairQueue(most=100, most_of_one=50)
    for number in range(3):
        queue.put("much", number)
    assert queue.take() == ("much", 0)
    queue.put("little", 100)
    queue.put("little", 101)
    taken = [queue.take() for _ in range(4)]
    assert taken == [("little", 100), ("much", 1), ("little", 101), ("much", 2)]


def test_owners_and_items_are_bounded() -> None:
    queue: FairQueue[int] = FairQueue(most=4, most_of_one=2)
    assert [queue.put("a", number) for number in range(3)] == [True, True, False]
    assert [queue.put(owner, 0) for owner in "bcd"] == [True, True, False]
    assert len(queue) == 4
    for owner in ("b", "b", "a"):
        queue.discard(owner, 0 if owner == "b" else 9)
    assert len(queue) == 3
    assert queue.put("d", 0)
    assert sorted(queue.clear()) == [0, 0, 0, 1]
    assert queue.take() is None
    assert len(queue) == 0


def test_an_owner_has_only_so_many_at_once() -> None:
    queue: FairQueue[int] = FairQueue(most=9, most_of_one=9, at_once=1)
    for number in range(3):
        queue.put("a", number)
    assert queue.take() == ("a", 0)
    assert queue.take() is None
    queue.put("b", 9)
    assert queue.take() == ("b", 9)
    queue.done("a")
    assert queue.take() == ("a", 1)


def test_what_is_done_makes_room_for_one() -> None:
    queue: FairQueue[int] = FairQueue(most=9, most_of_one=9, at_once=2)
    for number in range(5):
        queue.put("a", number)
    assert [queue.take() for _ in range(3)] == [("a", 0), ("a", 1), None]
    queue.done("a")
    assert [queue.take() for _ in range(2)] == [("a", 2), None]


@given(st.dictionaries(OWNERS, st.integers(1, 20), min_size=1), OWNERS, st.integers(1, 5))
def test_the_wait_depends_on_owners_and_not_on_their_items(
    before: dict[str, int], mine: str, own: int
) -> None:
    queue: FairQueue[object] = FairQueue(most=1_000, most_of_one=1_000)
    before.pop(mine, None)
    for owner, count in before.items():
        for number in range(count):
            queue.put(owner, number)
    last = object()
    for number in range(own - 1):
        queue.put(mine, number)
    queue.put(mine, last)
    taken = 0
    while queue.take() != (mine, last):
        taken += 1
    assert taken <= own - 1 + own * len(before)


class Turns(RuleBasedStateMachine):
    """Against a model: a list of items for each owner."""

    def __init__(self) -> None:
        super().__init__()
        self.queue: FairQueue[int] = FairQueue(most=12, most_of_one=6, at_once=2)
        self.model: dict[str, list[int]] = {owner: [] for owner in "abc"}
        self.running: list[str] = []
        self.number = 0

    @rule(owner=OWNERS)
    def put(self, owner: str) -> None:
        self.number += 1
        fits = len(self.model[owner]) < 6 and sum(map(len, self.model.values())) < 12
        assert self.queue.put(owner, self.number) == fits
        if fits:
            self.model[owner].append(self.number)

    @rule()
    def take(self) -> None:
        may = {one for one in "abc" if self.model[one] and self.running.count(one) < 2}
        taken = self.queue.take()
        assert (taken is None) == (not may)
        if taken is not None:
            owner, item = taken
            assert owner in may
            assert self.model[owner].pop(0) == item
            self.running.append(owner)

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def done(self, data: st.DataObject) -> None:
        owner = data.draw(st.sampled_from(self.running))
        self.running.remove(owner)
        self.queue.done(owner)

    @precondition(lambda self: any(self.model.values()))
    @rule(data=st.data())
    def discard(self, data: st.DataObject) -> None:
        owner = data.draw(st.sampled_from([one for one in "abc" if self.model[one]]))
        item = data.draw(st.sampled_from(self.model[owner]))
        self.model[owner].remove(item)
        self.queue.discard(owner, item)

    @invariant()
    def counts(self) -> None:
        assert len(self.queue) == sum(map(len, self.model.values()))


TestTurns = Turns.TestCase
TestTurns.settings = settings(max_examples=examples(20), stateful_step_count=30)

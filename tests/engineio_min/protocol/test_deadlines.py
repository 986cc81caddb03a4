"""deadlines.py: the queue against a naive model, and its memory."""

from __future__ import annotations

import gc
import weakref

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from engineio_min.protocol.deadlines import NEVER, DeadlineQueue
from tests.effort import examples
from tests.engineio_min.watched import Watched


def expire(queue: DeadlineQueue, now: float) -> list[Watched]:
    """What a driver does."""
    expired = []
    for owner in queue.expired(now):
        assert isinstance(owner, Watched)
        owner.handle_timeout(now)
        expired.append(owner)
    return expired


times = st.integers(0, 100).map(float)


class QueueMachine(RuleBasedStateMachine):
    """Invariant: `expired(now)` yields exactly the watched owners whose deadline has come, in the
    order of their deadlines as last announced, and `next_deadline` is never later than the first of
    them.
    """

    def __init__(self) -> None:
        super().__init__()
        self.queue = DeadlineQueue()
        self.owners: list[Watched] = []
        self.watched: set[Watched] = set()
        self.now = 0.0

    @initialize(deadlines=st.lists(times, min_size=1, max_size=5))
    def begin(self, deadlines: list[float]) -> None:
        for deadline in deadlines:
            self.watch_new(deadline)

    @rule(deadline=times)
    def watch_new(self, deadline: float) -> None:
        owner = Watched(self.now + deadline)
        self.owners.append(owner)
        self.watched.add(owner)
        self.queue.watch(owner)

    @precondition(lambda self: self.owners)
    @rule(data=st.data(), deadline=times)
    def move_and_watch(self, data: st.DataObject, deadline: float) -> None:
        owner = data.draw(st.sampled_from(self.owners))
        owner.deadline = self.now + deadline
        self.queue.watch(owner)
        self.watched.add(owner)

    @precondition(lambda self: self.watched)
    @rule(data=st.data(), later=times)
    def move_later_without_telling(self, data: st.DataObject, later: float) -> None:
        owner = data.draw(st.sampled_from([o for o in self.owners if o in self.watched]))
        owner.deadline += later

    @precondition(lambda self: self.watched)
    @rule(data=st.data())
    def need_no_more_time(self, data: st.DataObject) -> None:
        owner = data.draw(st.sampled_from([o for o in self.owners if o in self.watched]))
        owner.deadline = NEVER

    @precondition(lambda self: self.owners)
    @rule(data=st.data())
    def forget(self, data: st.DataObject) -> None:
        owner = data.draw(st.sampled_from(self.owners))
        self.queue.forget(owner)
        self.watched.discard(owner)
        self.owners.remove(owner)

    @rule(seconds=times, again=st.none() | times)
    def let_time_pass(self, seconds: float, again: float | None) -> None:
        self.now += seconds
        due = {owner for owner in self.watched if owner.deadline <= self.now}
        expired = []
        for owner in self.queue.expired(self.now):
            assert isinstance(owner, Watched)
            expired.append(owner)
            owner.deadline = NEVER if again is None else self.now + 1 + again
        assert len(expired) == len(set(expired))
        assert set(expired) == due

    @invariant()
    def nothing_comes_too_late(self) -> None:
        first = min((owner.deadline for owner in self.watched), default=NEVER)
        assert self.queue.next_deadline() <= first

    @invariant()
    def every_watched_owner_with_a_deadline_is_counted(self) -> None:
        pending = sum(owner.deadline != NEVER for owner in self.watched)
        assert pending <= len(self.queue) <= len(self.watched)


TestQueueMachine = QueueMachine.TestCase
TestQueueMachine.settings = settings(max_examples=examples(30), stateful_step_count=30)


def test_owners_expire_in_the_order_of_their_deadlines() -> None:
    queue = DeadlineQueue()
    owners = [Watched(float(deadline)) for deadline in (5, 1, 4, 1, 3)]
    for owner in owners:
        queue.watch(owner)
    assert queue.next_deadline() == 1
    assert expire(queue, 4.0) == [owners[1], owners[3], owners[4], owners[2]]
    assert len(queue) == 1
    assert queue.next_deadline() == 5


def test_an_owner_with_a_later_deadline_is_put_back() -> None:
    queue = DeadlineQueue()
    owner = Watched(1.0)
    queue.watch(owner)
    owner.deadline = 10.0
    queue.watch(owner)
    assert queue.next_deadline() == 1
    assert expire(queue, 5.0) == []
    assert queue.next_deadline() == 10
    assert expire(queue, 10.0) == [owner]
    assert queue.next_deadline() == NEVER


def test_an_owner_that_expires_and_has_a_new_deadline_is_watched_again() -> None:
    queue = DeadlineQueue()
    owner = Watched(1.0)

    def reaction() -> None:
        owner.deadline = owner.calls[-1] + 1

    owner.reaction = reaction
    queue.watch(owner)
    assert expire(queue, 1.0) == [owner]
    assert expire(queue, 1.5) == []
    assert expire(queue, 2.0) == [owner]


def test_an_owner_may_forget_another_while_both_are_due() -> None:
    queue = DeadlineQueue()
    first, second = Watched(1.0), Watched(2.0)
    first.reaction = lambda: queue.forget(second)
    queue.watch(first)
    queue.watch(second)
    assert expire(queue, 5.0) == [first]
    assert second.calls == []
    assert len(queue) == 0


def test_an_owner_without_a_deadline_is_not_watched() -> None:
    queue = DeadlineQueue()
    queue.watch(Watched())
    assert len(queue) == 0
    assert queue.next_deadline() == NEVER


def test_a_stranger_may_be_forgotten() -> None:
    DeadlineQueue().forget(Watched())


def test_forgetting_leaves_no_references_and_no_garbage_in_the_queue() -> None:
    queue = DeadlineQueue()
    owners = [Watched(float(number)) for number in range(10_000)]
    for owner in owners:
        queue.watch(owner)
    kept = owners[0]
    references = [weakref.ref(owner) for owner in owners[1:]]
    for owner in owners[1:]:
        queue.forget(owner)
    del owners, owner
    gc.collect()
    assert [reference() for reference in references if reference() is not None] == []
    assert len(queue) == 1
    # The places of forgotten owners go as well, but for a few.
    assert len(queue._heap) <= 64
    assert expire(queue, 10_000.0) == [kept]


def test_moving_earlier_leaves_no_reference_either() -> None:
    queue = DeadlineQueue()
    owner = Watched(100.0)
    queue.watch(owner)
    for deadline in (50.0, 20.0, 10.0):
        owner.deadline = deadline
        queue.watch(owner)
    reference = weakref.ref(owner)
    queue.forget(owner)
    del owner
    gc.collect()
    assert reference() is None


def test_what_is_watched_for_a_moment_leaves_nothing() -> None:
    queue = DeadlineQueue()
    queue.watch(Watched(10))
    for _ in range(1_000):
        brief = Watched(20)
        queue.watch(brief)
        queue.forget(brief)
    assert len(queue) == len(queue._heap) == 1

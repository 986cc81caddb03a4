"""Events that are sent again: against a link that a machine loses, repeats and breaks."""

from __future__ import annotations

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from socketio_min.protocol.retries import Answer, RetryQueue
from tests.effort import examples

LOST = TimeoutError("no answer")


def test_one_event_is_under_way_at_a_time() -> None:
    asked: list[tuple[tuple[Any, ...], float, Answer]] = []
    results: list[Any] = []
    queue = RetryQueue(1, lambda args, timeout, answer: asked.append((args, timeout, answer)))
    queue.add(("a",), 1.0, results.append)
    queue.add(("b",), 2.0, results.append)
    assert (len(queue), asked) == (2, [])
    queue.resume()
    assert [ask[:2] for ask in asked] == [(("a",), 1.0)]
    asked[-1][2](LOST)
    assert [ask[:2] for ask in asked] == [(("a",), 1.0)] * 2
    asked[-1][2]([7])
    assert results == [[7]]
    assert asked[-1][:2] == (("b",), 2.0)
    queue.suspend()
    asked[-1][2](LOST)
    assert len(asked) == 3
    queue.resume()
    assert len(asked) == 4
    queue.resume()
    assert len(asked) == 4
    asked[-1][2](LOST)
    assert results == [[7], LOST]
    assert len(queue) == 0


class Retrying(RuleBasedStateMachine):
    """Invariant: as long as no event is given up, the server sees 0, 1, 2, ... with each number
    repeated any number of times and none before an earlier one; and every event has one answer.
    """

    def __init__(self) -> None:
        super().__init__()
        self.queue = RetryQueue(10**9, self.ask)
        self.under_way: list[tuple[int, Answer]] = []
        self.connected = False
        self.added = 0
        self.seen: list[int] = []
        self.answers: list[int] = []

    def ask(self, args: tuple[Any, ...], _timeout: float, answer: Answer) -> None:
        assert self.connected
        assert not self.under_way, "two events are under way"
        self.under_way.append((args[0], answer))

    @rule()
    def add(self) -> None:
        number = self.added
        self.added += 1
        self.queue.add((number,), 1.0, lambda _result: self.answers.append(number))

    @rule(arrives=st.booleans(), answered=st.booleans())
    def deliver(self, arrives: bool, answered: bool) -> None:
        if self.under_way:
            number, answer = self.under_way.pop()
            if arrives:
                self.seen.append(number)
            answer([number] if arrives and answered else LOST)

    @rule()
    def disconnect(self) -> None:
        self.connected = False
        self.queue.suspend()
        while self.under_way:
            self.under_way.pop()[1](LOST)

    @rule()
    def connect(self) -> None:
        self.connected = True
        self.queue.resume()

    @invariant()
    def in_order(self) -> None:
        first = [
            number for place, number in enumerate(self.seen) if number not in self.seen[:place]
        ]
        assert first == list(range(len(first)))
        assert self.seen == sorted(self.seen)
        assert self.answers == list(range(len(self.answers)))
        assert len(self.queue) == self.added - len(self.answers)

    def teardown(self) -> None:
        self.connect()
        while self.under_way:
            self.deliver(arrives=True, answered=True)
        assert self.answers == list(range(self.added))


TestRetrying = Retrying.TestCase
TestRetrying.settings = settings(max_examples=examples(20))

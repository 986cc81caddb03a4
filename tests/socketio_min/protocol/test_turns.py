"""`Turns` against a specification that a reader can check, and its cost in steps of the loop.

The machine's loop is a list, so that every order of calls and ends comes up.
Invariants:

- Calls are made in the order in which they came, each exactly once; what a call puts off comes
  before what came after that call.
- A call is made at once unless something stands before it, and sooner or later unless the limit
  holds it up.
- No call suspends in a handler beyond the limit, unless the connection's end waits behind it.
- Reading is paused exactly while handlers and waiting calls, less the acknowledgements that are
  due, are as many as the limit.
- The loop is given at most one callback for each call and each handler.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from socketio_min.protocol.turns import Turns
from tests.effort import examples


class Loop:
    """Calls what it is given, in order."""

    def __init__(self) -> None:
        self.ready: deque[Callable[[], object]] = deque()
        self.given = 0

    def soon(self, function: Callable[..., object], *args: Any) -> None:
        self.given += 1
        self.ready.append(lambda: function(*args))

    def step(self) -> None:
        self.ready.popleft()()

    def run(self) -> None:
        while self.ready:
            self.step()


class Handler:
    """An asynchronous handler that has suspended."""

    def __init__(self, turns: Turns) -> None:
        self.turns = turns
        self.running = True
        turns.begin()

    def end(self) -> None:
        self.running = False
        self.turns.end()


class Switch:
    """A connection that can be paused."""

    def __init__(self) -> None:
        self.paused = False

    def pause(self) -> None:
        assert not self.paused
        self.paused = True

    def resume(self) -> None:
        assert self.paused
        self.paused = False


@dataclass(frozen=True)
class Call:
    """What a packet makes: perhaps a handler, and calls of its own."""

    asynchronous: bool
    parts: tuple[Call, ...] = ()


# Bytes of what is worked on, above which the peer is not read.
MOST_WEIGHT = 6

simple_calls = st.builds(Call, st.booleans())
calls = st.builds(Call, st.booleans(), st.lists(simple_calls, max_size=3).map(tuple))


class TurnsAgainstSpecification(RuleBasedStateMachine):
    @initialize(limit=st.integers(1, 4))
    def start(self, limit: int) -> None:
        self.limit = limit
        self.loop = Loop()
        self.reading: Switch | None = Switch()
        self.turns = Turns(limit, self.loop.soon, self.reading, MOST_WEIGHT)
        self.weight = 0
        self.handlers: list[Handler] = []
        # The calls that are to be made, in order.
        self.expected: list[object] = []
        self.came = 0
        self.acks_due = 0
        self.ends = 0

    @rule(weight=st.integers(-4, 4))
    def the_weight_changes(self, weight: int) -> None:
        """Of what waits or is worked on; it is told whenever it is known."""
        weight = max(weight, -self.weight)
        self.weight += weight
        self.turns.load(weight)

    # -- the specification

    def load(self) -> int:
        return len(self.running()) - self.acks_due

    def heavy(self) -> bool:
        return self.weight > MOST_WEIGHT and not self.acks_due

    def running(self) -> list[Handler]:
        return [handler for handler in self.handlers if handler.running]

    def make(self, call: Call) -> None:
        """What the connection does when it is the call's turn."""
        self.check_turn(call)
        if call.asynchronous:
            assert self.load() < self.limit or self.ends, "a handler beyond the limit"
            self.handlers.append(Handler(self.turns))
        self.expected[:0] = call.parts
        for part in call.parts:
            self.came += 1
            self.turns.call(self.make, part)

    def check_turn(self, call: object) -> None:
        assert self.expected, "a call was made twice"
        assert self.expected.pop(0) is call, "a call was made out of turn"

    def make_end(self, end: object) -> None:
        self.check_turn(end)
        self.ends -= 1

    def come(self, call: object) -> bool:
        """A call comes; whether nothing stands before it."""
        at_once = not (self.expected or self.load() >= self.limit or self.heavy())
        self.came += 1
        self.expected.append(call)
        return at_once

    # -- what happens

    @rule(call=calls)
    def receive(self, call: Call) -> None:
        at_once = self.come(call)
        self.turns.call(self.make, call)
        if at_once:
            assert call not in self.expected

    @rule(many=st.lists(calls, min_size=2, max_size=8))
    def receive_many(self, many: list[Call]) -> None:
        for call in many:
            # Equal calls must be told apart.
            self.receive(Call(call.asynchronous, call.parts))

    @rule()
    def the_connection_ends(self) -> None:
        end = object()
        self.come(end)
        self.ends += 1
        self.turns.finish(self.make_end, end)

    @precondition(lambda self: self.loop.ready)
    @rule()
    def the_loop_steps(self) -> None:
        self.loop.step()

    @rule()
    def the_loop_runs(self) -> None:
        self.loop.run()

    @rule()
    def a_middleware_lets_an_event_through(self) -> None:
        self.handlers.append(Handler(self.turns))

    @precondition(lambda self: self.running())
    @rule(data=st.data())
    def a_handler_ends(self, data: st.DataObject) -> None:
        data.draw(st.sampled_from(self.running())).end()

    @rule()
    def an_acknowledgement_is_due(self) -> None:
        self.acks_due += 1
        self.turns.expect_ack()

    @precondition(lambda self: self.acks_due)
    @rule(data=st.data())
    def acknowledgements_are_settled(self, data: st.DataObject) -> None:
        count = data.draw(st.integers(1, self.acks_due))
        self.acks_due -= count
        self.turns.settle_acks(count)

    @rule(there=st.booleans())
    def another_connection(self, there: bool) -> None:
        self.reading = Switch() if there else None
        self.turns.read_from(self.reading)

    # -- what holds

    @invariant()
    def reading_pauses_at_the_bound(self) -> None:
        if self.reading is not None:
            full = self.load() + len(self.expected) >= self.limit
            assert self.reading.paused == (full or self.heavy())

    @invariant()
    def only_the_limit_holds_up(self) -> None:
        if not self.loop.ready:
            assert not self.expected or (self.load() >= self.limit and not self.ends)

    @invariant()
    def the_cost_is_linear(self) -> None:
        assert self.loop.given <= self.came + len(self.handlers)

    def teardown(self) -> None:
        """When every handler has ended, nothing waits and nothing counts."""
        if not hasattr(self, "loop"):
            return
        self.turns.settle_acks(self.acks_due)
        self.acks_due = 0
        self.turns.load(-self.weight)
        while self.loop.ready or self.running():
            self.loop.run()
            for handler in self.running():
                handler.end()
        turns = self.turns
        assert self.expected == []
        assert turns.behind == turns.in_flight == turns.acks_due == turns.ending == 0


TestTurnsAgainstSpecification = TurnsAgainstSpecification.TestCase
TestTurnsAgainstSpecification.settings = settings(
    max_examples=examples(30), stateful_step_count=40, derandomize=True
)


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("limit", [1, 7, 1_000_000])
def test_a_thousand_calls_cost_a_thousand_callbacks(limit: int, nested: bool) -> None:
    loop = Loop()
    turns = Turns(limit, loop.soon)
    made: list[int] = []

    def make(number: int) -> None:
        made.append(number)
        handler = Handler(turns)
        loop.ready.append(handler.end)

    def make_all() -> None:
        for number in range(1_000):
            turns.call(make, number)

    if nested:
        for _ in range(limit if limit < 10 else 0):
            loop.ready.append(Handler(turns).end)
        turns.call(make_all)
    else:
        make_all()
    turns.call(made.append, -1)
    loop.run()
    assert made == [*range(1_000), -1]
    assert loop.given <= 1_002
    assert turns.behind == turns.in_flight == 0


def test_a_call_that_fails_holds_nobody_up() -> None:
    loop = Loop()
    turns = Turns(1, loop.soon)
    made: list[str] = []

    def fail() -> None:
        loop.ready.append(Handler(turns).end)
        turns.call(made.append, "part")
        raise ValueError("the call's own")

    handler = Handler(turns)
    turns.call(fail)
    turns.call(made.append, "after")
    handler.end()
    with pytest.raises(ValueError, match="the call's own"):
        loop.step()
    assert made == []
    loop.run()
    assert made == ["part", "after"]


def test_whoever_begins_to_read_while_reading_is_paused_pauses() -> None:
    loop = Loop()
    turns = Turns(1, loop.soon)
    handler = Handler(turns)
    wire = Switch()
    turns.read_from(wire)
    assert wire.paused
    handler.end()
    assert not wire.paused


def test_what_a_call_puts_off_comes_next_even_if_there_is_room_again() -> None:
    loop = Loop()
    turns = Turns(1, loop.soon)
    made: list[str] = []

    def ask() -> None:
        Handler(turns)
        turns.call(made.append, "part")
        # Its handler waits for an acknowledgement, which makes room.
        turns.expect_ack()

    handler = Handler(turns)
    turns.call(ask)
    turns.call(made.append, "after")
    handler.end()
    loop.run()
    assert made == ["part", "after"]

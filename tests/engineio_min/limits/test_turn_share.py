"""`turn_share.py`: the large reads of a turn of the event loop."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from engineio_min.limits.turn_share import TurnShare


class Turns:
    """Calls what was asked for in the turn before."""

    def __init__(self) -> None:
        self.asked: list[Callable[[], None]] = []
        self.time = 0.0

    def now(self) -> float:
        return self.time

    def ask(self, function: Callable[[], None]) -> None:
        self.asked.append(function)

    def end(self) -> None:
        asked, self.asked = self.asked, []
        for function in asked:
            function()


def test_a_turn_takes_large_reads_until_its_bytes_are_spent() -> None:
    turns, share, taken = Turns(), TurnShare(100), list[str]()
    share.begin(turns.ask, turns.now)
    assert share.admit(60)
    assert share.admit(60)
    assert not share.admit(1)
    for name in "abc":
        share.wait(60, partial(taken.append, name))
    assert len(turns.asked) == 1
    turns.end()
    # Nobody overtakes those who wait.
    assert taken == ["a", "b"]
    assert not share.admit(1)
    turns.end()
    assert taken == ["a", "b", "c"]
    assert share.admit(41)
    assert not share.admit(1)
    turns.end()
    assert share.admit(1)
    turns.end()
    assert turns.asked == []


def test_who_waits_again_has_its_turn_in_one_of_the_next() -> None:
    turns, share, taken = Turns(), TurnShare(100), list[str]()
    share.begin(turns.ask, turns.now)

    def again(name: str) -> None:
        taken.append(name)
        share.wait(10, partial(again, name))

    for name in "ab":
        share.wait(10, partial(again, name))
    turns.end()
    assert taken == ["a", "b"]
    turns.end()
    assert taken == ["a", "b", "a", "b"]


def test_what_is_read_before_the_turn_is_called_waits_for_the_next() -> None:
    """Or a connection would have two shares of this one."""
    turns, share, taken = Turns(), TurnShare(100), list[str]()
    share.begin(turns.ask, turns.now)
    share.wait(10, partial(taken.append, "a"))
    turns.end()
    assert taken == ["a"]
    assert share.admit(10)
    share.wait(10, partial(taken.append, "the rest"))
    turns.end()
    assert taken == ["a"]
    turns.end()
    assert taken == ["a", "the rest"]


def test_a_turn_takes_those_who_wait_until_its_time_is_spent() -> None:
    turns, share, taken = Turns(), TurnShare(100), list[str]()
    share.begin(turns.ask, turns.now)

    def take(name: str) -> None:
        taken.append(name)
        turns.time += 0.001_5

    for name in "abc":
        share.wait(1, partial(take, name))
    turns.end()
    assert taken == ["a", "b"]
    # Nobody overtakes those who wait.
    assert not share.admit(1)
    turns.end()
    assert taken == ["a", "b", "c"]


def test_a_failure_costs_nobody_else_the_turn() -> None:
    turns, share, taken = Turns(), TurnShare(100), list[str]()
    share.begin(turns.ask, turns.now)

    def fails() -> None:
        raise ValueError("its own")

    share.wait(10, fails)
    share.wait(10, partial(taken.append, "other"))
    with pytest.raises(ValueError, match="own"):
        turns.end()
    turns.end()
    assert taken == ["other"]


def test_another_loop_begins_with_nothing() -> None:
    turns, share = Turns(), TurnShare(100)
    share.begin(turns.ask, turns.now)
    assert share.admit(100)
    share.wait(10, lambda: None)
    share.forget()
    turns.asked.clear()
    assert share.admit(100)
    assert len(turns.asked) == 1

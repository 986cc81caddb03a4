"""`body.py`: what is kept of a body that comes in pieces."""

from __future__ import annotations

from engineio_min.limits.budget import FREE, Budget
from engineio_min.transports.body import BodyReader


class Reader(BodyReader):
    """A reader whose body somebody waits for, as an exchange that was asked for it."""

    def __init__(self, limit: int, budget: Budget) -> None:
        super().__init__()
        self._limit = limit
        self._budget = budget
        self._done = self.take
        self.taken: list[bytes | None] = []

    def take(self, body: bytes | None) -> None:
        self.taken.append(body)


def ignore(_line: str) -> None:
    """Stand in for the log."""


def test_a_body_in_pieces_is_counted_until_it_is_whole() -> None:
    budget = Budget(1_000, ignore)
    reader = Reader(10, budget)
    for piece, size in ((b"ab", 2), (b"cd", 4), (b"ef", 6)):
        reader.body_received(piece)
        reader.body_waits()
        assert (budget.held, reader.reading) == (size, True)
    reader.body_completed()
    assert (reader.taken, budget.held, reader.reading) == ([b"abcdef"], 0, False)


def test_a_body_above_its_limit_is_read_no_further() -> None:
    budget = Budget(1_000, ignore)
    reader = Reader(5, budget)
    reader.body_received(b"abcd")
    reader.body_waits()
    reader.body_received(b"ef")
    assert (reader.taken, budget.held, reader.reading) == ([None], 0, False)


def test_a_body_that_nobody_waits_for_is_not_counted() -> None:
    budget = Budget(1_000, ignore)
    reader = BodyReader()
    reader.body_received(b"ab")
    reader.body_waits()
    reader.body_completed()
    reader.let_go()
    assert (budget.held, reader.reading) == (0, False)


def test_the_largest_body_is_let_go_when_all_hold_too_much() -> None:
    budget = Budget(FREE + 10, ignore)
    reader = Reader(10 * FREE, budget)
    reader.body_received(bytes(FREE + 11))
    reader.body_waits()
    assert (reader.taken, budget.held, reader.reading) == ([None], 0, False)

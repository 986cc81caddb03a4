"""`body.py`: what is kept of a body that comes in pieces."""

from __future__ import annotations

from engineio_min.transports.body import BodyReader


class Reader(BodyReader):
    """A reader whose body somebody waits for, as an exchange that was asked for it."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self._limit = limit
        self._done = self.take
        self._hold = self.hold
        self.taken: list[bytes | None] = []
        self.held = 0

    def take(self, body: bytes | None) -> None:
        self.taken.append(body)

    def hold(self, size: int) -> None:
        self.held += size


def test_a_body_in_pieces_is_counted_until_it_is_whole() -> None:
    reader = Reader(10)
    for piece, size in ((b"ab", 2), (b"cd", 4), (b"ef", 6)):
        reader.body_received(piece)
        reader.body_waits()
        assert (reader.held, reader.reading) == (size, True)
    reader.body_completed()
    assert (reader.taken, reader.held, reader.reading) == ([b"abcdef"], 0, False)


def test_a_body_above_its_limit_is_read_no_further() -> None:
    reader = Reader(5)
    reader.body_received(b"abcd")
    reader.body_waits()
    reader.body_received(b"ef")
    assert (reader.taken, reader.held, reader.reading) == ([None], 0, False)


def test_a_body_that_nobody_waits_for_is_not_counted() -> None:
    reader = BodyReader()
    reader.body_received(b"ab")
    reader.body_waits()
    reader.body_completed()
    assert not reader.reading

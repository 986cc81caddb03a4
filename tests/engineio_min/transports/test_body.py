"""`body.py`: what is kept of a body that comes in pieces."""

from __future__ import annotations

from engineio_min.transports.body import Body


class Reader:
    """Who reads a body."""

    def __init__(self, body: Body, limit: int) -> None:
        self.taken: list[bytes | None] = []
        self.held = 0
        body.read(limit, self.taken.append, self.hold)

    def hold(self, size: int) -> None:
        self.held += size


def test_a_body_in_pieces_is_counted_until_it_is_whole() -> None:
    body = Body()
    reader = Reader(body, 10)
    for piece, size in ((b"ab", 2), (b"cd", 4), (b"ef", 6)):
        body.receive(piece)
        body.wait()
        assert (reader.held, body.reading, len(body)) == (size, True, size)
    body.complete()
    assert (reader.taken, reader.held, body.reading) == ([b"abcdef"], 0, False)


def test_a_body_above_its_limit_is_read_no_further() -> None:
    body = Body()
    reader = Reader(body, 5)
    body.receive(b"abcd")
    body.wait()
    body.receive(b"ef")
    assert (reader.taken, reader.held, body.reading) == ([None], 0, False)


def test_a_body_that_nobody_waits_for_is_not_counted() -> None:
    body = Body()
    body.receive(b"ab")
    body.wait()
    body.complete()
    assert not body.reading
    assert body.data == b"ab"


def test_a_body_that_is_given_up_holds_nothing() -> None:
    body = Body()
    reader = Reader(body, 5)
    body.receive(b"abc")
    body.wait()
    body.stop()
    body.complete()
    assert (reader.taken, reader.held) == ([], 0)

"""`moving_slots.py` with literals: the order of what is held, and how much that may be."""

from __future__ import annotations

from socketio_min.cluster.redis.moving_slots import MovingSlots


def test_what_was_refused_goes_before_what_was_sent_later() -> None:
    moving = MovingSlots(100, lambda: None)
    moving.begin(7)
    assert (7 in moving, 8 in moving) == (True, False)
    assert moving.hold_later(7, b"third")
    moving.hold_refused(7, b"first")
    moving.hold_refused(7, b"second")
    assert moving.hold_later(7, b"fourth")
    assert moving.end(7) == [b"first", b"second", b"third", b"fourth"]
    assert 7 not in moving


def test_all_slots_together_hold_a_bounded_number_of_bytes() -> None:
    dropped: list[None] = []
    moving = MovingSlots(10, lambda: dropped.append(None))
    moving.begin(1)
    moving.begin(2)
    assert moving.hold_later(1, b"123456")
    assert moving.hold_later(2, b"1234")
    assert not moving.hold_later(1, b"1")
    moving.hold_refused(2, b"1")
    assert len(dropped) == 2
    assert moving.end(1) == [b"123456"]
    assert moving.hold_later(2, b"123456")
    assert moving.end(2) == [b"1234", b"123456"]


def test_what_a_closed_link_held_counts_no_more() -> None:
    moving = MovingSlots(4, lambda: None)
    moving.begin(1)
    assert moving.hold_later(1, b"1234")
    moving.clear()
    assert 1 not in moving
    moving.begin(1)
    assert moving.hold_later(1, b"1234")

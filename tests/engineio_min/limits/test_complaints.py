"""complaints.py: the log hears of each kind of fault, and of a flood only that it is one."""

from __future__ import annotations

from engineio_min.limits.complaints import Complaints


def test_ten_at_once_and_one_a_minute() -> None:
    complaints = Complaints()
    assert [complaints.admit("a", 0.0) for _ in range(12)] == [0] * 10 + [None, None]
    assert complaints.admit("a", 59.0) is None
    # The next one says how many were left out.
    assert complaints.admit("a", 60.0) == 3
    assert complaints.admit("a", 60.0) is None
    assert complaints.admit("a", 121.0) == 1


def test_one_kind_does_not_hide_another() -> None:
    complaints = Complaints()
    for _ in range(20):
        complaints.admit("a", 0.0)
    assert complaints.admit("b", 0.0) == 0

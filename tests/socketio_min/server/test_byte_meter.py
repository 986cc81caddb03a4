"""byte_meter.py: what a connection sends too fast is paid back before it is read again."""

from __future__ import annotations

from engineio_min.limits.rate_limit import RateLimit
from engineio_min.protocol.deadlines import NEVER
from socketio_min.server.byte_meter import ByteMeter


def metered(paid: list[str]) -> ByteMeter:
    """100 bytes a second, 100 at once."""
    return ByteMeter(RateLimit(rate=100, burst=100), 0.0, lambda: paid.append("paid"))


def test_a_debt_is_paid_in_its_time() -> None:
    paid: list[str] = []
    meter = metered(paid)
    assert not meter.spend(b"x" * 100, 0.0)
    assert meter.deadline == NEVER
    assert meter.spend(b"x" * 50, 0.0)
    assert meter.deadline == 0.5
    assert paid == []
    meter.handle_timeout(0.5)
    assert (paid, meter.deadline) == (["paid"], NEVER)


def test_text_counts_as_its_bytes() -> None:
    meter = metered([])
    assert not meter.spend("a" * 100, 0.0)
    assert metered([]).spend("€" * 34, 0.0)
    assert metered([]).spend("\ud800" * 34, 0.0)

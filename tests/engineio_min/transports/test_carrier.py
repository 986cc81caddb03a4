"""carrier.py: what carries a session that is over."""

from __future__ import annotations

from engineio_min.transports.carrier import GONE, Carrier


def test_a_session_that_is_over_may_be_told_anything() -> None:
    carrier: Carrier = GONE
    for _ in range(2):
        carrier.flush()
        carrier.pause()
        carrier.resume()
        carrier.let_go()
        carrier.close()
    assert carrier.unsent == 0
    # One for all sessions: it remembers none of them.
    assert not hasattr(carrier, "__dict__")

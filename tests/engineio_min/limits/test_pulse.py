"""`pulse.py`: for how long the loop has stood still."""

from __future__ import annotations

import pytest

from engineio_min.limits.pulse import INTERVAL, LATE, Pulse
from engineio_min.protocol.deadlines import NEVER


def test_a_pulse_on_time_has_lost_nothing() -> None:
    pulse = Pulse(lambda: True)
    assert pulse.lost(100.0) == 0
    pulse.start(0.0)
    for beat in range(1, 5):
        assert pulse.deadline == beat * INTERVAL
        pulse.handle_timeout(beat * INTERVAL)
    assert pulse.lost(4 * INTERVAL + INTERVAL + LATE) == 0


def test_what_is_lost_is_known_before_the_late_beat_and_after_it() -> None:
    pulse = Pulse(lambda: True)
    pulse.start(0.0)
    assert pulse.lost(8.0) == 8 - INTERVAL
    assert pulse.lost(8.5) == 8.5 - INTERVAL
    pulse.handle_timeout(9.0)
    assert pulse.lost(9.0) == pulse.lost(9.25) == 9 - INTERVAL
    pulse.handle_timeout(pulse.deadline + 1)
    assert pulse.lost(10.25) == pytest.approx(10 - INTERVAL)


def test_it_stops_when_nobody_wants_to_know() -> None:
    alive = [True]
    pulse = Pulse(lambda: alive)
    pulse.start(0.0)
    alive.clear()
    pulse.handle_timeout(INTERVAL)
    assert pulse.deadline == NEVER
    assert pulse.lost(100.0) == 0

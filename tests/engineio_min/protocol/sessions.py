"""Sessions of the tests, on a clock that the test sets."""

from __future__ import annotations

import pytest

from engineio_min.protocol.deadlines import NEVER
from engineio_min.protocol.phases import CLOSED, IDLE, Closed
from engineio_min.protocol.session import Session, Timing

TIMING = Timing(
    ping_interval=25.0,
    ping_timeout=20.0,
    upgrade_timeout=10.0,
    close_timeout=30.0,
    max_buffered=200,
)


class Wakes:
    """Counts the calls of `wake`."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, _woken_for: object = None) -> None:
        self.count += 1


def opened(transport: str = "polling", *, waiting: bool = True) -> tuple[Session, Wakes]:
    wakes = Wakes()
    session = Session("sid", transport, TIMING, 0.0, wakes, None)
    if not waiting:
        session.block(0.0)
    return session, wakes


def due(session: Session) -> float:
    """When something happens next; `deadline` may be earlier, and then the session looks again."""
    due = min(session._heartbeat, session._upgrade_deadline)
    assert session.deadline <= due
    return due


def reason(session: Session) -> str:
    """Why the session closed; it must have, once."""
    (event,) = session.events
    assert isinstance(event, Closed)
    assert event.description
    assert session.phase == CLOSED
    assert session.deadline == NEVER
    assert session.upgrade == IDLE
    return event.reason


BOTH = pytest.mark.parametrize("transport", ["polling", "websocket"])

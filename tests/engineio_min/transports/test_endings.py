"""`endings.py` with literals: which ends of sessions are warnings, and what these say."""

from __future__ import annotations

import logging

import pytest

from engineio_min import Request
from engineio_min.protocol.phases import Closed
from engineio_min.protocol.reasons import PARSE_ERROR, PING_TIMEOUT, SLOW_CONSUMER, TRANSPORT_CLOSE
from engineio_min.protocol.session import Session
from engineio_min.transports.endings import log_end
from tests.engineio_min.protocol.sessions import TIMING


class Complaints:
    """Keeps what would be warnings."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []

    def complain(self, kind: str, message: str) -> None:
        self.told.append((kind, message))


def ended(reason: str, *, client: str = "192.0.2.7", behind: float | None = None) -> str:
    """Return the warning about a session that ended at 100 seconds; "" for none."""
    session = Session("sid", "websocket", TIMING, 0.0, lambda _: None, None)
    if behind is not None:
        session.block(100.0 - behind)
        session.send("4waits")
    complaints = Complaints()
    request = Request("GET", "/", {}, client)
    log_end(complaints, session, request, Closed(reason, "the description"), 100.0)
    assert [kind for kind, _ in complaints.told] in ([], [reason])
    return "".join(message for _, message in complaints.told)


@pytest.mark.parametrize("reason", [TRANSPORT_CLOSE, PING_TIMEOUT])
def test_an_end_that_nobody_has_to_mend_is_no_warning(
    reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "engineio_min")
    assert ended(reason) == ""
    assert caplog.messages == [f"session closed: {reason} (the description)"]


def test_a_warning_names_the_client_and_the_transport() -> None:
    assert ended(PARSE_ERROR) == (
        "closed the session of 192.0.2.7 over websocket, parse error: the description"
    )
    assert ended(PARSE_ERROR, client="").startswith("closed the session of a client over websocket")


def test_a_slow_client_is_told_with_how_long_it_took_nothing() -> None:
    assert ended(SLOW_CONSUMER, behind=12.34).endswith(
        ": the description; nothing was taken for 12.3 seconds"
    )
    assert ended(SLOW_CONSUMER).endswith(": the description")

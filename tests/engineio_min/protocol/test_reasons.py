"""reasons.py: what applications are told, in the words of the official server."""

from __future__ import annotations

from engineio_min.protocol import reasons


def test_sessions_end_for_the_reasons_of_the_official_server() -> None:
    assert (
        reasons.TRANSPORT_ERROR,
        reasons.TRANSPORT_CLOSE,
        reasons.FORCED_CLOSE,
        reasons.PING_TIMEOUT,
        reasons.PARSE_ERROR,
    ) == ("transport error", "transport close", "forced close", "ping timeout", "parse error")


def test_reasons_for_a_pause_hold_at_once_and_end_one_by_one() -> None:
    pauses = (
        reasons.APPLICATION,
        reasons.HANDLERS,
        reasons.RATE,
        reasons.UNSENT,
        reasons.LARGE_MESSAGE,
    )
    assert sum(pauses) == 0b11111
    assert all(pause.bit_count() == 1 for pause in pauses)

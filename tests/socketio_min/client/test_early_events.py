"""early_events.py: events before the answer to CONNECT are bounded by number and by bytes."""

from __future__ import annotations

import pytest

from socketio_min.client.early_events import EarlyEvents
from socketio_min.client.options import ClientLimits
from socketio_min.errors import ProtocolError


def test_they_are_kept_in_order_until_they_are_taken() -> None:
    early = EarlyEvents(ClientLimits(max_held_packets=2))
    for _ in range(2):
        early.add(["a"], None)
        early.add(["b"], 7)
        with pytest.raises(ProtocolError, match="too many events"):
            early.add(["c"], None)
        assert early.take() == [(["a"], None), (["b"], 7)]
    assert early.take() == []


def test_their_values_count() -> None:
    early = EarlyEvents(ClientLimits(max_held_bytes=1_000))
    early.add(["a", "x" * 700], None)
    # Empty arrays take more than their text.
    early.add(["b", [[], []]], None)
    with pytest.raises(ProtocolError, match="too many events"):
        early.add(["c"], None)
    early.take()
    early.add(["one of any size", "x" * 10_000], None)
    with pytest.raises(ProtocolError, match="too many events"):
        early.add(["d"], None)

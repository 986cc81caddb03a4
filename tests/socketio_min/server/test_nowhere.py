"""nowhere.py: where the packets of a socket go when its client is gone."""

from __future__ import annotations

from socketio_min.server.nowhere import NOWHERE


def test_nothing_is_kept_for_a_client_that_is_gone() -> None:
    assert not NOWHERE.writable
    NOWHERE.send("4a")

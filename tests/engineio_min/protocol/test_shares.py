"""shares.py: a share of one connection fits into what all have together."""

from __future__ import annotations

from engineio_min.limits import turn_share
from engineio_min.protocol.shares import (
    COMPRESSED_SHARE,
    LARGE_SHARE,
    POLL_SHARE,
    READ_SHARE,
    STREAM_SHARE,
)
from engineio_min.server import flushes


def test_no_connection_alone_has_a_whole_turn() -> None:
    assert READ_SHARE < LARGE_SHARE < turn_share.MOST
    assert COMPRESSED_SHARE < STREAM_SHARE < POLL_SHARE <= flushes.MOST_BYTES

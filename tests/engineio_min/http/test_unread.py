"""unread.py without a socket: a peer that takes bytes or none."""

from __future__ import annotations

import asyncio

from engineio_min.http.unread import Unread


class Buffered(asyncio.Transport):
    """A transport with a number of bytes that the peer has not taken."""

    size = 0

    def get_write_buffer_size(self) -> int:
        return self.size


def test_less_than_at_the_last_look_is_progress() -> None:
    transport = Buffered()
    transport.size = 100
    unread = Unread(transport, now=5.0)
    assert not unread.shrinks(6.0)
    transport.size = 99
    assert unread.shrinks(7.0)
    assert not unread.shrinks(8.0)
    # More has come: that is no progress of the peer's.
    transport.size = 150
    assert not unread.shrinks(9.0)


def test_nothing_left_is_no_progress() -> None:
    transport = Buffered()
    transport.size = 100
    unread = Unread(transport, now=5.0)
    transport.size = 0
    assert not unread.shrinks(6.0)

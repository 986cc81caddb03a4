"""What an event costs its user by the number of its receivers.

An event that is told to a room takes the event loop 20 microseconds for each receiver. A rate that
counts events does not see that: 100 a second in a room of 1,000 would be more than the loop can do.
So receivers have a rate of their own. Whoever exceeds it is not refused: the user's next event
waits until the rate is paid back, and the events of others do not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from server.api.rate_limit import Rate
from socketio_min import MemoryAdapter, Server

RECEIVERS: Final = Rate("told", burst=10_000, per_second=10_000)
"""Receivers of one user's events: a fifth of what the event loop can do."""
FREE_RECEIVERS: Final = 50
"""Receivers that cost nothing: 100 events a second for as many are within the rate."""


def receivers(io: Server, rooms: str | Sequence[str]) -> int:
    """Return how many sockets of this server are in rooms; one in several counts for each."""
    adapter = io.of("/").adapter
    assert isinstance(adapter, MemoryAdapter), "every adapter of this project is one"
    names = (rooms,) if isinstance(rooms, str) else rooms
    return sum(len(adapter.rooms.members(name)) for name in names)

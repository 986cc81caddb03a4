"""How many bytes of one connection a turn of the event loop takes, so that the others come.

Nobody is denied anything: what is left comes in one of the next turns. What all connections have
together in a turn is in `limits/turn_share.py` for reads, and in `server/flushes.py` for writes.
"""

from __future__ import annotations

from typing import Final

# -- in

READ_SHARE: Final = 4_096
"""Bytes of a read that every turn takes, with the last message whole: 683 of the smallest frames.
What is larger waits for its place in `TurnShare`.
"""
LARGE_SHARE: Final = 65_536
"""Bytes of a larger read, and of a large frame, that are taken at once."""

# -- out

STREAM_SHARE: Final = 262_144
"""Bytes of packets that leave over a WebSocket."""
POLL_SHARE: Final = 4 * STREAM_SHARE
"""Bytes of packets in the answer to a poll: more, because each answer costs the peer a round trip.
"""
COMPRESSED_SHARE: Final = 65_536
"""Bytes of packets that leave over a WebSocket which compresses them: about 2 ms."""

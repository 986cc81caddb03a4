"""What waits for one peer: how much it weighs in memory, and when the peer's driver is told of it.

A peer is too slow in one of three cases, each with the reason `slow consumer`. More waits than
`max_buffered` (`Session.send`). Nothing was taken for `stall_timeout`: `transports/websocket.py`
and `transports/polling.py` look with the help of `progress.py`. Or a host of ASGI takes one message
for too long (`asgi/websocket.py`).
"""

from __future__ import annotations

import sys

from engineio_min.protocol.packets import Packet

# What a queued packet costs besides its characters.
PACKET_OVERHEAD = 64

# Bytes of what waits for one peer above which its driver is told, each time they have doubled.
FIRST_MARK = 65_536

# References to a packet while it is weighed in a list that it waits in.
_OWN_REFERENCES = 3


def weigh_packets(packets: list[Packet]) -> int:
    """Estimate the bytes that are held for packets which wait in a list.

    A broadcast that waits in many lists is in memory once, so each list counts its part of it.
    """
    return sum(
        (len(packet) + PACKET_OVERHEAD) // max(1, sys.getrefcount(packet) - _OWN_REFERENCES + 1)
        for packet in packets
    )

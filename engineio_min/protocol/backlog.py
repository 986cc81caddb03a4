"""What waits for one peer: how much it weighs, and how much of it leaves at a time."""

from __future__ import annotations

import sys

from engineio_min.protocol.packets import Packet

# What a queued packet costs besides its characters.
PACKET_OVERHEAD = 64

# Bytes of what waits for one peer that leave in a turn of the event loop, so that the others come;
# an answer to a poll has more, because each costs the peer a round trip.
SHARE = 262_144
POLL_SHARE = 4 * SHARE

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

"""Where the packets of a socket go while it has no connection to its client: before and after.

In between its output is the session.
"""

from __future__ import annotations

from typing import Protocol

from engineio_min import Connection
from engineio_min.protocol.backlog import FIRST_MARK, PACKET_OVERHEAD, weigh_packets
from engineio_min.protocol.packets import Packet


class Overflowing(Protocol):
    """The connection of a socket whose CONNECT is not answered yet."""

    connection: Connection

    def overflow(self) -> None:
        """End the connection: a socket was sent too much before its CONNECT was answered."""


class BeforeConnect:
    """Packets of a socket whose CONNECT is not answered yet: the answer must be first.

    The packet above `limit` ends the connection of `link`, which counts the bytes that are kept.
    """

    __slots__ = ("_limit", "_link", "_mark", "_packets", "_size", "_weight")

    writable = False

    def __init__(self, limit: int, link: Overflowing) -> None:
        self._packets: list[Packet] = []
        self._limit = limit
        self._link = link
        # The bytes of the packets, the number above which the packets are weighed, and their last
        # weight.
        self._size = 0
        self._mark = FIRST_MARK
        self._weight = 0

    def send(self, packet: Packet) -> None:
        if len(self._packets) >= self._limit:
            self._link.overflow()
            return
        self._packets.append(packet)
        self._size += len(packet) + PACKET_OVERHEAD
        if self._size > self._mark:
            self._mark = 2 * self._size
            self._count(weigh_packets(self._packets))

    def release(self) -> list[Packet]:
        """Return the packets, which are not kept any longer."""
        packets, self._packets = self._packets, []
        if self._weight:
            self._count(0)
        return packets

    def _count(self, weight: int) -> None:
        before, self._weight = self._weight, weight
        self._link.connection.hold(weight - before)


class Nowhere:
    """Packets of a socket that is gone."""

    __slots__ = ()

    writable = False

    def send(self, packet: Packet) -> None:
        """Drop the packet."""


NOWHERE = Nowhere()

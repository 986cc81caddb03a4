"""Where a socket's packets go before its CONNECT is answered, and after its client has gone.

The answer to a CONNECT is the first packet that a client gets in a namespace (Socket.IO v5,
"Connection to a namespace"), so what is sent before it is kept, within a limit.
"""

from __future__ import annotations

from collections.abc import Callable

from engineio_min.protocol.packets import Packet
from engineio_min.protocol.session import FIRST_MARK, PACKET_OVERHEAD, weigh_packets


class BeforeConnect:
    """Packets of a socket whose CONNECT is not answered yet: the answer must be first.

    `overflow()` is called for the packet above `limit`; `hold` is told how many bytes more are
    kept, or fewer if negative.
    """

    __slots__ = ("_hold", "_limit", "_mark", "_overflow", "_packets", "_size", "_weight")

    writable = False

    def __init__(
        self, limit: int, overflow: Callable[[], None], hold: Callable[[int], None]
    ) -> None:
        self._packets: list[Packet] = []
        self._limit = limit
        self._overflow = overflow
        self._hold = hold
        # The bytes of the packets; once there are more than `mark`, the packets are weighed.
        self._size = 0
        self._mark = FIRST_MARK
        # What they weighed then, which `hold` was told.
        self._weight = 0

    def send(self, packet: Packet) -> None:
        """Keep a packet."""
        if len(self._packets) >= self._limit:
            self._overflow()
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
        self._hold(weight - before)


class Nowhere:
    """Packets of a socket that is gone."""

    __slots__ = ()

    writable = False

    def send(self, packet: Packet) -> None:
        """Drop it."""


NOWHERE = Nowhere()

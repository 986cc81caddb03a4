"""Where a socket's packets go before its CONNECT is answered, and when it is gone."""

from __future__ import annotations

from collections.abc import Callable

from engineio_min.protocol.packets import Packet


class BeforeConnect:
    """Packets of a socket whose CONNECT is not answered yet: the answer must be first."""

    __slots__ = ("_limit", "_overflow", "packets")

    writable = False

    def __init__(self, limit: int, overflow: Callable[[], None]) -> None:
        self.packets: list[Packet] = []
        self._limit = limit
        self._overflow = overflow

    def send(self, packet: Packet) -> None:
        if len(self.packets) < self._limit:
            self.packets.append(packet)
        else:
            self._overflow()


class Nowhere:
    """Packets of a socket that is gone."""

    __slots__ = ()

    writable = False

    def send(self, packet: Packet) -> None:
        """Drop it."""


NOWHERE = Nowhere()

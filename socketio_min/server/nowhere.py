"""Where the packets of a socket go when its client is gone."""

from __future__ import annotations

from engineio_min.protocol.packets import Packet


class Nowhere:
    """Packets of a socket that is gone."""

    __slots__ = ()

    writable = False

    def send(self, packet: Packet) -> None:
        """Drop the packet."""


NOWHERE = Nowhere()

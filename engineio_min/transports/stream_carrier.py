"""What every WebSocket does with the packets that it brings, on our own HTTP and under ASGI.

The two differ in how bytes come and go, not in what they mean. A WebSocket that comes after the
handshake is a candidate: its packets go to the upgrade until that is done, and then to the session
(Engine.IO v4, "Upgrade").
"""

from __future__ import annotations

import abc

from engineio_min.protocol.packets import Packet
from engineio_min.protocol.reasons import TRANSPORT_ERROR
from engineio_min.transports.carrier import WebSocketCarrier
from engineio_min.transports.connection import Connection


class StreamCarrier(WebSocketCarrier):
    """A WebSocket of either kind: it carries a session, or is a candidate that asks to."""

    __slots__ = ("_candidate", "_connection")

    _connection: Connection
    _candidate: bool

    @abc.abstractmethod
    def _answer_probe(self, packet: str) -> None:
        """Send the answer to a probe."""

    def _receive_packets(self, packets: list[Packet]) -> None:
        """Give packets to the session, or to its upgrade as long as this is a candidate."""
        while packets and self._candidate:
            self._probe(packets.pop(0))
        if packets:
            self._connection.context.run(self._connection.receive_all, packets)

    def _probe(self, packet: Packet) -> None:
        connection = self._connection
        answer = connection.session.receive_probe(packet) if connection.candidate is self else None
        if answer is None:
            self._end(TRANSPORT_ERROR, "got a packet that does not belong to an upgrade")
        elif answer:
            self._answer_probe(answer)
        else:
            self._candidate = False
            connection.settle()

    def _end(self, reason: str, description: str) -> None:
        """End the session that this carries. If this is a candidate, end only the upgrade."""
        connection = self._connection
        if not self._candidate:
            connection.session.fail(reason, description)
            return
        if connection.candidate is self:
            connection.candidate = None
            connection.session.abandon_upgrade()
        self.close()

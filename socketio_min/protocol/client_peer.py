"""What a server may send to a client: packets, and their attachments (Socket.IO v5, "Packet
encoding").

This is the mirror of `peer.py`; a server is trusted no more than a client is. Whether the client
has joined the packet's namespace is not checked here: a server may send to a namespace that the
client has just left, and `client/membership.py` drops that packet, as the official client does.
"""

from __future__ import annotations

from typing import Final

from socketio_min.protocol.packets import Packet
from socketio_min.protocol.parser import Collector, Parser

# Values in one packet, names of members among them. Only the client itself waits while they are
# decoded, so a client takes more values than a server.
MAX_VALUES: Final = 1_000_000


class ClientPeer:
    """Makes packets of the messages of one connection.

    `max_attachment_bytes` and `max_attachments` are for one packet.
    """

    __slots__ = ("_collector", "_max_attachment_bytes", "_max_attachments", "_parser")

    def __init__(self, parser: Parser, max_attachment_bytes: int, max_attachments: int) -> None:
        self._parser = parser
        self._max_attachment_bytes = max_attachment_bytes
        self._max_attachments = max_attachments
        # The packet that waits for its attachments.
        self._collector: Collector | None = None

    @property
    def incomplete(self) -> bool:
        """Return whether a packet waits for its attachments."""
        return self._collector is not None

    def receive(self, message: str | bytes) -> Packet | None:
        """Take a message; return the packet that is complete with it, if any.

        Raises:
            ProtocolError: the message is not allowed now; the connection must be closed.
        """
        parser = self._parser
        collector = self._collector
        if collector is None:
            head = parser.head(message, self._max_attachments)
            packet = parser.rest(message, head, MAX_VALUES)
            if packet[4]:
                size = len(message)
                self._collector = parser.collect(packet, self._max_attachment_bytes, size)
                return None
            return packet
        complete = collector.add(message)
        if complete is not None:
            self._collector = None
        return complete

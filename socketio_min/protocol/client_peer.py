"""The client's half of what a connection may carry: packets and their attachments.

The mirror of `peer.py`, for a server that is trusted no more than a client is. The names of
namespaces are not checked here: a server may send to one that was just left, and the packet is
dropped when its namespace is looked for (as the official client does).
"""

from __future__ import annotations

from typing import Final

from socketio_min.protocol.packets import Packet
from socketio_min.protocol.parser import Collector, Parser

# Values in one packet, names of members among them. Only the client itself waits while they are
# decoded, so it takes more than a server.
MAX_VALUES: Final = 1_000_000


class ClientPeer:
    """The packet that the server is sending."""

    __slots__ = ("_collector", "_max_attachment_bytes", "_max_attachments", "_parser")

    def __init__(self, parser: Parser, max_attachment_bytes: int, max_attachments: int) -> None:
        self._parser = parser
        self._max_attachment_bytes = max_attachment_bytes
        self._max_attachments = max_attachments
        # The packet whose attachments are due.
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

"""The client's half of what a connection may carry: packets and their attachments.

The mirror of `peer.py`, for a server that is trusted no more than a client is. Which namespaces
exist is not asked here: a server may send to one that was just left, and the packet is dropped by
who looks for the namespace (the official client does the same).
"""

from __future__ import annotations

from socketio_min.errors import ProtocolError
from socketio_min.protocol.packets import Packet, Reconstructor, decode


class ClientPeer:
    """The packet that the server is sending."""

    __slots__ = ("_max_attachment_bytes", "_max_attachments", "_reconstructor")

    def __init__(self, max_attachment_bytes: int, max_attachments: int) -> None:
        self._max_attachment_bytes = max_attachment_bytes
        self._max_attachments = max_attachments
        self._reconstructor: Reconstructor | None = None

    @property
    def incomplete(self) -> bool:
        """Whether a packet waits for its attachments."""
        return self._reconstructor is not None

    def receive(self, message: str | bytes) -> Packet | None:
        """Take a message; return the packet that is complete with it, if any.

        Raises:
            ProtocolError: the message is not allowed now; the connection must be closed.
        """
        reconstructor = self._reconstructor
        if isinstance(message, str):
            if reconstructor is not None:
                raise ProtocolError("got text while a packet's attachments were due")
            packet = decode(message, self._max_attachments)
            if packet[4]:
                self._reconstructor = Reconstructor(packet, self._max_attachment_bytes)
                return None
            return packet
        if reconstructor is None:
            raise ProtocolError("got binary data that no packet announced")
        complete = reconstructor.add(message)
        if complete is not None:
            self._reconstructor = None
        return complete

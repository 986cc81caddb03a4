"""Where a server and its hosts meet: what a host asks of the server, and what every WebSocket does.

`http/` (our own HTTP/1.1) and `asgi/` (any ASGI 3 server) are the hosts.
"""

from __future__ import annotations

import abc
from collections.abc import Awaitable
from typing import Protocol

from engineio_min.limits.admission import Headcount
from engineio_min.protocol.packets import Packet
from engineio_min.protocol.reasons import TRANSPORT_ERROR
from engineio_min.transports.connection import Connection, Exchange


class Mounted(Protocol):
    """What a host asks of an Engine.IO server on one of its paths.

    `pollers` counts the sessions that poll, by the address of their TCP connection.
    """

    path: str
    pollers: Headcount

    def start(self) -> None:
        """Bind to the running event loop; hosts call this before the first exchange."""

    def handle(self, exchange: Exchange) -> None:
        """Answer a request for this server's path."""

    def close(self) -> None:
        """Close every session at once."""

    def stop(self) -> Awaitable[None]:
        """Close every session, and wait until the last answers have left."""


class StreamCarrier(abc.ABC):
    """A WebSocket that carries a session, or a candidate: one that asks to.

    Our own WebSocket and that of an ASGI host differ in how bytes come and go, not in what they
    mean.
    """

    __slots__ = ("_candidate", "_connection")

    _connection: Connection
    _candidate: bool

    @abc.abstractmethod
    def start(self) -> None:
        """Write what a session has to send, if this carries one, and begin to read."""

    @property
    @abc.abstractmethod
    def unsent(self) -> int:
        """Count the bytes that were handed over and have not left this process."""

    @abc.abstractmethod
    def flush(self) -> int:
        """Hand over what the session has to send, as far as it can leave now.

        Return what that costs the event loop, in bytes that leave as they are.
        """

    @abc.abstractmethod
    def take_over(self) -> None:
        """Carry the session from now on, what waited for its last carrier first."""

    @abc.abstractmethod
    def close(self) -> None:
        """Carry nothing more: the session is over, or carried by another."""

    @abc.abstractmethod
    def pause(self) -> None:
        """Take nothing more from the client until `resume`."""

    @abc.abstractmethod
    def resume(self) -> None:
        """Take packets from the client again."""

    @abc.abstractmethod
    def let_go(self) -> None:
        """Keep nothing of what has come, and tell the client to try again later."""

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
        """End what this carried: the session, or for a candidate only the upgrade."""
        connection = self._connection
        if not self._candidate:
            connection.session.fail(reason, description)
            return
        if connection.candidate is self:
            connection.candidate = None
            connection.session.abandon_upgrade()
        self.close()

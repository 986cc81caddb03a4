"""What a client may send when: the state of its connection is the namespaces that it has joined,
and the packet that it has not sent to its end.

All rules that need only this state are here. CONNECT comes first, and once for each namespace
(Socket.IO v5, "Connection to a namespace"); a packet and its attachments become one ("Packet
encoding"). A peer takes and gives plain values, whatever carries them. User code, acknowledgements
and rooms are the namespace's affair.

A namespace is absent, pending (CONNECT received, not answered), joined, or left. A packet to a
namespace that is not joined closes the connection, as with the official server. But that also hits
a client whose event crossed the server's DISCONNECT. So "left" is a state of its own here: packets
to a namespace that was left are dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Generic, TypeVar

from engineio_min.protocol.packets import LongText
from socketio_min.errors import ProtocolError
from socketio_min.protocol.gradual_decoding import (
    beginning,
    decode_base64_gradually,
    decode_rest_gradually,
)
from socketio_min.protocol.packets import (
    ACK,
    BINARY_ACK,
    BINARY_EVENT,
    CONNECT,
    CONNECT_ERROR,
    DISCONNECT,
    EVENT,
    Packet,
)
from socketio_min.protocol.parser import Collector, Parser
from socketio_min.protocol.weights import WEIGHED

Joined = TypeVar("Joined")

# The namespace that nearly every client joins, and most join alone.
MAIN = "/"

# The types of packets that may come for a namespace that is joined.
_OF_THE_JOINED = frozenset((DISCONNECT, EVENT, ACK, BINARY_EVENT, BINARY_ACK))


class ConnectedTwice(ProtocolError):
    """CONNECT came for a namespace that the connection has joined, or that waits for its answer."""


@dataclass(frozen=True, slots=True)
class PeerRules(Generic[Joined]):
    """The limits for the packets of each client of a server.

    max_attachment_bytes, max_attachments: the most of one packet.
    max_values: values in a CONNECT. `values_allowed` returns how many are in any other packet.
    max_undivided: bytes of a message that the parser decodes in one piece; None for any number.
    """

    parser: Parser
    max_attachment_bytes: int
    max_namespaces: int
    max_attachments: int
    max_values: int
    values_allowed: Callable[[Joined], int]
    max_undivided: int | None = None


class Peer(Generic[Joined]):
    """The state of one connection. What represents it in a namespace is a `Joined`: a socket.

    `main` is the one in the main namespace, None without; `find` knows those of all namespaces.
    """

    __slots__ = ("_joined", "_left", "_pending", "_rules", "main", "reconstructor")

    def __init__(self, rules: PeerRules[Joined]) -> None:
        self.main: Joined | None = None
        # These three are made when they are needed: most connections join the main namespace and
        # stay. As soon as another namespace is joined, `_joined` has all that are, in their order.
        self._joined: dict[str, Joined] | None = None
        self._pending: set[str] | None = None
        self._left: dict[str, None] | None = None
        # The packet that waits for its attachments.
        self.reconstructor: Collector | None = None
        self._rules = rules

    @property
    def joined(self) -> dict[str, Joined]:
        """Return what represents the connection in each namespace that it has joined; a copy."""
        if self._joined is not None:
            return dict(self._joined)
        return {} if self.main is None else {MAIN: self.main}

    def find(self, namespace: str) -> Joined | None:
        """Return what represents the connection in a namespace, None if it has not joined it."""
        if namespace == MAIN:
            return self.main
        return None if self._joined is None else self._joined.get(namespace)

    def receive(self, message: str | bytes) -> Packet | None:
        """Take a message; return the packet that is complete with it and may be acted on, if any.

        Raises:
            ProtocolError: the message is not allowed now; the connection must be closed.
        """
        if self.reconstructor is None:
            rules = self._rules
            most = rules.max_undivided
            if most is not None and len(message) > most:
                raise ProtocolError(
                    f"got a message of {len(message)} bytes, expected at most {most} "
                    "(max_undivided): this parser reads it in one piece"
                )
            parser = rules.parser
            head = parser.head(message, rules.max_attachments)
            # Before the values are looked at: nothing is decoded or collected for a namespace that
            # is not joined.
            type_, namespace, attachments, _ = head
            joined = self.main if namespace == MAIN else self.find(namespace)
            # The first condition is the usual case of the second one, without its call.
            if (joined is not None and type_ in _OF_THE_JOINED) or self._admit(type_, namespace):
                limit = rules.max_values if joined is None else rules.values_allowed(joined)
                packet = parser.rest(message, head, limit)
            elif attachments:
                # The attachments follow all the same, and are dropped with the packet.
                packet = type_, namespace, [], None, attachments
            else:
                return None
            if attachments:
                size = len(message)
                if size >= WEIGHED:
                    size = parser.weigh(message)
                self.reconstructor = parser.collect(packet, rules.max_attachment_bytes, size)
                return None
        else:
            complete = self.reconstructor.add(message)
            if complete is None:
                return None
            self.reconstructor = None
            packet = complete
            if not self._admit(packet[0], packet[1]):
                return None
        return packet

    def receive_gradually(
        self, text: LongText, marker: str
    ) -> Generator[None, None, tuple[Packet | None, int]]:
        """Take a long text message in steps, between which nothing else may be received.

        Return the packet that is complete with it and may be acted on, if any, and its weight. The
        parser is that of JSON; `marker` is a string that the other end cannot know.

        Raises:
            ProtocolError: the message is not allowed now; the connection must be closed.
        """
        if text.startswith(b"b"):
            data = yield from decode_base64_gradually(text)
            return self.receive(data), len(data)
        shown = beginning(text)
        if self.reconstructor is not None:
            return self.reconstructor.add(shown), 0
        rules = self._rules
        head = rules.parser.head(shown, rules.max_attachments)
        type_, namespace, attachments, _ = head
        packet: Packet = type_, namespace, [], None, attachments
        weight = 0
        if self._admit(type_, namespace):
            joined = self.find(namespace)
            limit = rules.max_values if joined is None else rules.values_allowed(joined)
            packet, weight = yield from decode_rest_gradually(text, head, limit, marker)
        if attachments:
            self.reconstructor = rules.parser.collect(packet, rules.max_attachment_bytes, weight)
        # The server may have let the socket leave meanwhile.
        elif self._admit(type_, namespace):
            return packet, weight
        return None, weight

    def _admit(self, type_: int, namespace: str) -> bool:
        """Return whether a packet may be acted on; the caller drops it if not.

        Raises:
            ProtocolError: it is not allowed now.
        """
        if type_ in _OF_THE_JOINED and self.find(namespace) is not None:
            return True
        if type_ == CONNECT:
            self._begin(namespace)
            return True
        if type_ == CONNECT_ERROR:
            raise ProtocolError("got CONNECT_ERROR, which only a server sends")
        if self._left is not None and namespace in self._left:
            return False
        raise ProtocolError(f"got a packet of type {type_} for a namespace that is not joined")

    def _begin(self, namespace: str) -> None:
        pending, most = self._pending, self._rules.max_namespaces
        count = self.main is not None if self._joined is None else len(self._joined)
        if (count and self.find(namespace) is not None) or (pending and namespace in pending):
            raise ConnectedTwice(f"got CONNECT for the namespace {namespace[:100]!r} twice")
        if count + (0 if pending is None else len(pending)) >= most:
            raise ProtocolError(f"got CONNECT for more than {most} namespaces")
        if pending is None:
            self._pending = {namespace}
        else:
            pending.add(namespace)

    def join(self, namespace: str, joined: Joined) -> None:
        """Accept a CONNECT (Socket.IO v5, "Connection to a namespace")."""
        self.refuse(namespace)
        if self._joined is None and namespace != MAIN:
            self._joined = self.joined
        if self._joined is not None:
            self._joined[namespace] = joined
        if namespace == MAIN:
            self.main = joined
        if self._left is not None:
            self._left.pop(namespace, None)

    def refuse(self, namespace: str) -> None:
        """Refuse a CONNECT; the peer may try again."""
        if self._pending is not None:
            self._pending.discard(namespace)
            if not self._pending:
                self._pending = None

    def leave(self, namespace: str, *, by_peer: bool) -> None:
        """Leave a namespace; packets that still come for it are dropped (Socket.IO v5,
        "Disconnection from a namespace").

        If a client leaves its last namespace by itself, later packets for it are errors.
        """
        if namespace == MAIN:
            self.main = None
        if self._joined is not None:
            del self._joined[namespace]
        if self._joined or not by_peer:
            if self._left is None:
                self._left = {}
            self._left[namespace] = None
            if len(self._left) > self._rules.max_namespaces:
                # Dynamic namespaces have any number of names; the oldest is safe to forget.
                del self._left[next(iter(self._left))]

    def leave_all(self) -> list[Joined]:
        """Leave every namespace: the connection is over. Return what represented it."""
        joined = list(self.joined.values())
        self.main = self._joined = None
        return joined

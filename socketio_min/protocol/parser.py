"""The interface of a parser: how packets are written, and how they are read within limits.

Both ends of a connection must have the same parser; nothing on the wire tells which one it is.
A parser is pure: it takes and gives plain values and knows no connection.

    encoder ─► Engine.IO packets, in order
    message ─► head (for which namespace?) ─► rest (what values?) ─► collect, if attachments follow

The head is read by itself because values are not decoded for a namespace that is not joined.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

from engineio_min.protocol.packets import Message
from engineio_min.protocol.packets import Packet as EnginePacket
from socketio_min.errors import UsageError
from socketio_min.protocol.packets import Packet

Head = tuple[int, str, int, Any]
"""type, namespace, attachments, and whatever the parser needs to read the rest."""

Values = list[Any] | tuple[Any, ...]


class PacketEncoder(Protocol):
    """Writes the packets of one namespace, each as the Engine.IO packets that carry it, in order.

    An event's `args` are its name followed by its arguments.
    """

    def plain_event(self, args: list[Any]) -> EnginePacket | None:
        """Encode an event as one packet, by the shortest way.

        Return None for an event that is not so simple, or is wrong: call `event` with it.
        """

    def event(self, args: Values, ack_id: int | None = None) -> list[EnginePacket]:
        """Encode an event, which asks for acknowledgement if there is an id.

        Raises:
            UsageError: the event's name is missing, reserved or no str.
            EncodeError: a value cannot be encoded.
        """

    def ack(self, args: Values, ack_id: int) -> list[EnginePacket]:
        """Encode the acknowledgement of the event with `ack_id`.

        Raises:
            EncodeError: a value cannot be encoded.
        """

    def connect(self, data: dict[str, Any] | None = None) -> list[EnginePacket]:
        """Encode CONNECT: a client's credentials, or a server's `{"sid": ...}`.

        Raises:
            EncodeError: a value cannot be encoded.
        """

    def disconnect(self) -> list[EnginePacket]:
        """Encode DISCONNECT: one namespace is left, the connection stays."""

    def connect_error(self, message: str, data: Any = None) -> list[EnginePacket]:
        """Encode CONNECT_ERROR: its message, and its data unless that is None.

        Raises:
            EncodeError: a value cannot be encoded.
        """

    def json_of(self, packets: Sequence[EnginePacket]) -> str | None:
        """Return the JSON of an event's name and arguments that `plain_event` has encoded.

        Return None if the packets have attachments or are not JSON.
        """


class Collector(Protocol):
    """A packet that waits for its attachments."""

    @property
    def received_size(self) -> int:
        """Return how many bytes of the packet have come."""

    def add(self, message: Message) -> Packet | None:
        """Take the next attachment; return the whole packet if it was the last, else None.

        Raises:
            PacketError: it is no attachment, or one too many; the connection must be closed.
        """


@runtime_checkable
class Parser(Protocol):
    """Writes and reads the packets of Socket.IO."""

    def encoder(self, namespace: str) -> PacketEncoder:
        """Return the encoder of a namespace's packets."""

    def head(self, message: Message, max_attachments: int) -> Head:
        """Decode the head of a packet, which tells its namespace.

        Raises:
            PacketError: the message does not begin as a packet does.
        """

    def rest(self, message: Message, head: Head, max_values: int) -> Packet:
        """Decode what comes after the head; it may have `max_values` values.

        Return a packet as `socketio_min.protocol.packets` defines it. Its data is a dict or None
        for CONNECT; None for DISCONNECT; for an event a list, whose first item is its name, a str
        that is not reserved; a list for an acknowledgement; a dict or a str for CONNECT_ERROR.

        Raises:
            PacketError: the message is no packet.
        """

    def weigh(self, message: Message) -> int:
        """Estimate the bytes that the values of a message take once they are decoded.

        `rest`, or the collector, has taken the message before.
        """

    def collect(self, packet: Packet, max_bytes: int, size: int) -> Collector:
        """Return the collector of a packet's attachments, which have `max_bytes` together.

        `size` counts the bytes of the packet that have come.

        Raises:
            PacketError: the packet's placeholders do not fit the number of its attachments.
        """


def check_parser(parser: object) -> None:
    """Refuse a value that is no parser.

    Raises:
        UsageError: it lacks a method of `Parser`.
    """
    if not isinstance(parser, Parser):
        raise UsageError(
            f"parser: got {parser!r}, expected one such as MsgpackParser(), or no such option"
        )

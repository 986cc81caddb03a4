"""The interface of a codec: in which notation packets are written, and how they are read within
limits.

Both ends of a connection must have the same parser; nothing on the wire tells which one it is.
A parser is pure: it takes and gives plain values and knows no connection.

    encoder ─► Engine.IO packets, in order
    message ─► head (whose is it?) ─► rest (what is in it?) ─► collect, while attachments are due

The head is read by itself because nothing is decoded for a namespace that is not joined.
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
        """Encode an event by the shortest way, as one packet.

        Return None if the event needs a closer look or may be an error: `event` then takes it.
        """

    def event(self, args: Values, ack_id: int | None = None) -> list[EnginePacket]:
        """Encode an event, which asks for acknowledgement if there is an id.

        Raises:
            UsageError: the event's name is missing, reserved or no str.
            EncodeError: a value cannot be encoded.
        """

    def ack(self, args: Values, ack_id: int) -> list[EnginePacket]:
        """Encode the answer to the event with `ack_id`.

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
        """Return the JSON of a plain event's name and arguments, if its packets have it."""


class Collector(Protocol):
    """A packet that waits for its attachments."""

    @property
    def received_size(self) -> int:
        """Return how many bytes of the packet are there."""

    def add(self, message: Message) -> Packet | None:
        """Take the next attachment; return the whole packet if it was the last, else None.

        Raises:
            PacketError: it is no attachment, or one too many; the connection must be closed.
        """


@runtime_checkable
class Parser(Protocol):
    """Writes and reads the packets of Socket.IO."""

    def encoder(self, namespace: str) -> PacketEncoder:
        """Return what writes the packets of a namespace."""

    def head(self, message: Message, max_attachments: int) -> Head:
        """Decode the head of a packet, which tells its namespace.

        Raises:
            PacketError: the message is the beginning of no packet.
        """

    def rest(self, message: Message, head: Head, max_values: int) -> Packet:
        """Decode what comes after the head; it may have `max_values` values.

        The packet is the one of `socketio_min.protocol.packets`. CONNECT has a dict or None;
        DISCONNECT None; an event a list, whose first item is its name, a str that is not reserved;
        an acknowledgement a list; CONNECT_ERROR a dict or a str.

        Raises:
            PacketError: the message is no packet.
        """

    def weigh(self, message: Message) -> int:
        """Estimate the bytes that a message takes once it is decoded: its values, not its length.

        `rest`, or the collector, has taken the message.
        """

    def collect(self, packet: Packet, max_bytes: int, size: int) -> Collector:
        """Wait for the attachments of a packet, of `max_bytes` together.

        `size` is the bytes of what has come of it.

        Raises:
            PacketError: the packet and the number of its attachments do not fit.
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

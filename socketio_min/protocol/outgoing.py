"""Outgoing events: each is encoded once, as Engine.IO packets, for all its receivers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from engineio_min.protocol.packets import Packet, Uncompressed, UncompressedBytes
from socketio_min.protocol.parser import PacketEncoder


class Scope(Protocol):
    """A namespace, as far as writing its packets needs it."""

    @property
    def encoder(self) -> PacketEncoder:
        """Return the encoder of its packets."""


def event_packets(
    scope: Scope, args: Sequence[Any], ack_id: int | None = None, *, compress: bool = True
) -> list[Packet]:
    """Encode an event, its name and arguments, as the Engine.IO packets that carry it.

    `compress` tells whether the transport may compress the packets.

    Raises:
        UsageError: the event's name is reserved or no str.
        EncodeError: a value cannot be encoded.
    """
    encoder = scope.encoder
    values = list(args)
    if ack_id is None and compress:
        packet = encoder.plain_event(values)
        if packet is not None:
            return [packet]
    packets = encoder.event(values, ack_id)
    return packets if compress else [_uncompressed(packet) for packet in packets]


def _uncompressed(packet: Packet) -> Packet:
    return Uncompressed(packet) if isinstance(packet, str) else UncompressedBytes(packet)

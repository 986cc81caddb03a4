"""Outgoing events: the Engine.IO packets that carry one, made once for all its receivers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from engineio_min.protocol.packets import Packet, Uncompressed, UncompressedBytes
from socketio_min.protocol.packets import encode_event, encode_plain_event


class Scope(Protocol):
    """A namespace, as far as its packets name it."""

    @property
    def name(self) -> str:
        """The name, which begins with "/"."""

    @property
    def event_head(self) -> str:
        """What stands before the JSON of a plain event."""


def event_packets(
    scope: Scope, args: Sequence[Any], ack_id: int | None = None, *, compress: bool = True
) -> list[Packet]:
    """Encode an event, its name and arguments, as the packets that carry it.

    Raises:
        UsageError: the event's name is reserved or no str.
        EncodeError: a value cannot be encoded.
    """
    if ack_id is None and compress:
        packet = encode_plain_event(scope.event_head, list(args))
        if packet is not None:
            return [packet]
    text, attachments = encode_event(scope.name, list(args), ack_id)
    if compress:
        return ["4" + text, *attachments]
    return [Uncompressed("4" + text), *map(UncompressedBytes, attachments)]


def check_event_name(event: str) -> None:
    """Refuse a name that cannot be sent, also when there is nobody to send it to.

    Raises:
        UsageError: the name is reserved, or no str.
    """
    encode_event("/", [event])

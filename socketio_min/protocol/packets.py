"""Packets of Socket.IO protocol 5, in whatever notation, their limits, and the names of events.

A packet is a plain tuple `(type, namespace, data, ack_id, attachments)` of the fields that the
document names (Socket.IO v5, "Exchange protocol"). There is no class for each type and no enum,
because this is the hot path: reading an event should cost little more than the values in it.
`attachments` is the number of binary messages that must still arrive before the packet is whole.
"""

from __future__ import annotations

from typing import Any, Final

from socketio_min.errors import UsageError

CONNECT: Final = 0
DISCONNECT: Final = 1
EVENT: Final = 2
ACK: Final = 3
CONNECT_ERROR: Final = 4
BINARY_EVENT: Final = 5
BINARY_ACK: Final = 6

MAX_ATTACHMENTS: Final = 10
MAX_DEPTH: Final = 64
# Values in one packet, names of members among them. Values cost far more time and memory than their
# characters, and nobody else is served while they are decoded: 4 ms for the worst packet.
MAX_VALUES: Final = 10_000
MAX_EVENT_NAME: Final = 128
MAX_NAMESPACE: Final = 256
# Characters (bytes in MessagePack) of a CONNECT. Its values take up to 25 times the memory of its
# text.
MAX_CONNECT: Final = 65_536
MAX_ACK_ID: Final = 2**53 - 1  # JavaScript's largest safe integer: 16 digits

# Each end raises these events itself, so a peer that could send one would forge a change of state
# (the official encoder and decoder; the document names none).
RESERVED_EVENTS: Final = frozenset(
    ("connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener")
)

Packet = tuple[int, str, Any, int | None, int]
"""type, namespace, data, acknowledgement id, attachments still to come."""

NAME_FIRST: Final = (
    f"an event name first: a string of at most {MAX_EVENT_NAME} characters that is not reserved"
)
"""What the data of an event begins with, in the words of an error."""


def has_event_name(data: list[Any]) -> bool:
    """Return whether the data of an event begins with a name that a peer may send.

    Socket.IO v5, "Sending and receiving data": the payload is an array that is not empty.
    """
    name = data[0] if data else None
    return type(name) is str and len(name) <= MAX_EVENT_NAME and name not in RESERVED_EVENTS


def check_event_name(name: object) -> None:
    """Refuse a name that the program cannot send, also when there is nobody to send it to.

    Raises:
        UsageError: the name is reserved, or no str.
    """
    if not isinstance(name, str):
        raise UsageError(
            f"got {type(name).__qualname__} as event name: expected a str, give the event a name"
        )
    if name in RESERVED_EVENTS:
        raise UsageError(
            f"got the event name {name!r}, which the protocol keeps for itself: use another name"
        )

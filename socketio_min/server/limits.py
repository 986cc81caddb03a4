"""Limits of what one client may make a server keep. Times are in seconds, sizes in bytes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from engineio_min.limits.rate_limit import RateLimit
from engineio_min.option_checks import check_positive
from socketio_min.errors import UsageError
from socketio_min.protocol.json_parser import JSON_PARSER
from socketio_min.protocol.packets import MAX_VALUES
from socketio_min.protocol.parser import Parser
from socketio_min.protocol.peer import PeerRules

Joined = TypeVar("Joined")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one client may make the server keep.

    max_namespaces: namespaces that one connection is in.
    max_rooms: rooms that one socket is in. max_room_name: characters in a room's name.
    max_pending_acks: acknowledgements that the client still owes to one socket.
    max_attachments: binary attachments in one packet. attachment_timeout: seconds until all
    attachments of a packet must have come.
    max_handlers: asynchronous handlers in flight for one connection, less the acknowledgements that
    its client owes; reading pauses at this number.
    max_held_packets: packets sent to a socket before its CONNECT is answered.
    max_server_handlers: asynchronous handlers in flight of events that other servers of a cluster
    sent to one namespace. An event above this is refused, and counted in `io.cluster.rejected`.
    max_values: values in the JSON of one packet, names of members among them;
    `Namespace.max_values` is another limit for one namespace.
    max_undivided: bytes of a message if the parser is not that of JSON. Such a parser decodes a
    message in one piece, in up to 4 ms a megabyte of text, and nobody else is read meanwhile.
    rate, address_rate: how often one connection, and all connections of one address together, may
    send an event or a CONNECT; None for no limit.
    byte_rate: how many bytes of messages one connection may send a second, and at once. A client
    that sends faster is read more slowly, so `tolerance` does not matter. None for no limit.

    Raises:
        UsageError: a limit is no number above 0.
    """

    max_namespaces: int = 32
    max_rooms: int = 1_000
    max_room_name: int = 256
    max_pending_acks: int = 1_000
    max_attachments: int = 10
    attachment_timeout: float = 30.0
    max_handlers: int = 128
    max_held_packets: int = 10_000
    max_server_handlers: int = 1_000
    max_values: int = MAX_VALUES
    max_undivided: int = 1_000_000
    rate: RateLimit | None = None
    byte_rate: RateLimit | None = None
    address_rate: RateLimit | None = None

    def __post_init__(self) -> None:
        for name in self.__slots__:
            value = getattr(self, name)
            if name not in ("rate", "byte_rate", "address_rate"):
                check_positive(name, value)
            elif value is not None and not isinstance(value, RateLimit):
                raise UsageError(f"{name}: got {value!r}, expected a RateLimit, or None")


def peer_rules(
    limits: Limits,
    parser: Parser,
    max_attachment_bytes: int,
    values_allowed: Callable[[Joined], int],
) -> PeerRules[Joined]:
    """Return the limits of a server that a `Peer` checks in the packets of its client.

    `max_attachment_bytes` is for all attachments of one packet.
    """
    return PeerRules(
        parser,
        max_attachment_bytes,
        limits.max_namespaces,
        limits.max_attachments,
        limits.max_values,
        values_allowed,
        # Long texts of JSON are decoded in steps.
        None if parser is JSON_PARSER else limits.max_undivided,
    )

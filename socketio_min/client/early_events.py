"""Events that come before the answer to CONNECT: they are kept, and handled after the answer.

A server of many workers may send them in this order. The number of events is limited, and so are
the bytes that their values take.
"""

from __future__ import annotations

from typing import Any

from socketio_min.client.options import ClientLimits
from socketio_min.errors import ProtocolError
from socketio_min.protocol.weights import weigh_values

Event = tuple[list[Any], int | None]
"""Name and arguments, and the id of the acknowledgement that it asks for."""


class EarlyEvents:
    """The early events of a namespace."""

    __slots__ = ("_events", "_limits", "_weight")

    def __init__(self, limits: ClientLimits) -> None:
        self._limits = limits
        self._events: list[Event] = []
        self._weight = 0

    def add(self, data: list[Any], ack_id: int | None) -> None:
        """Keep an event.

        Raises:
            ProtocolError: there are too many; the connection must be closed.
        """
        limits = self._limits
        if len(self._events) >= limits.max_held_packets or self._weight > limits.max_held_bytes:
            raise ProtocolError("got too many events before the answer to CONNECT")
        self._events.append((data, ack_id))
        self._weight += weigh_values(data)

    def take(self) -> list[Event]:
        """Return the events in order, and keep them no longer."""
        events, self._events, self._weight = self._events, [], 0
        return events

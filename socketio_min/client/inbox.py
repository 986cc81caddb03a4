"""The events that a client receives in one namespace (Socket.IO v5, "Sending and receiving data").

EVENT ─► kept before the answer to CONNECT ─► catch-all listeners ─► handler ─► ACK
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, Protocol

from engineio_min.protocol.packets import LongText
from engineio_min.protocol.packets import Packet as EnginePacket
from socketio_min.client.credentials import Credentials
from socketio_min.client.early_events import EarlyEvents
from socketio_min.client.handler_calls import HandlerCalls
from socketio_min.client.options import ClientLimits
from socketio_min.protocol.parser import PacketEncoder
from socketio_min.protocol.turns import Turns


class InboxLink(Protocol):
    """What an inbox may ask of the connection under it.

    `engine` is the present session, or None; inboxes only compare it with an earlier one.
    """

    limits: ClientLimits
    turns: Turns

    @property
    def engine(self) -> object | None: ...

    def send(self, packets: Sequence[EnginePacket]) -> None:
        """Send a packet and its attachments."""


class Inbox:
    """Receives the events of one namespace, and handles them from `join` until `leave`."""

    __slots__ = ("_credentials", "_early", "_encoder", "_handlers", "_link", "_sid")

    def __init__(
        self,
        link: InboxLink,
        handlers: HandlerCalls,
        encoder: PacketEncoder,
        credentials: Credentials,
    ) -> None:
        self._link = link
        self._handlers = handlers
        self._encoder = encoder
        self._credentials = credentials
        self._sid: str | None = None
        self._early = EarlyEvents(link.limits)

    def receive(self, data: list[Any], ack_id: int | None) -> None:
        """Handle an event, or keep it until the answer to CONNECT.

        Raises:
            ProtocolError: too many events came before the answer.
        """
        if self._sid is not None:
            self._handle(data, ack_id)
        else:
            self._early.add(data, ack_id)

    def join(self, sid: str) -> None:
        """Handle the early events in their turn: the socket `sid` is in the namespace."""
        self._sid = sid
        for data, ack_id in self._early.take():
            self._link.turns.call(self._handle_early, sid, data, ack_id)

    def leave(self) -> None:
        """Handle no more events, and forget the early ones."""
        self._sid = None
        self._early.take()

    def _handle_early(self, sid: str, data: list[Any], ack_id: int | None) -> None:
        # The call may have waited until its connection had ended.
        if self._sid == sid:
            self._handle(data, ack_id)

    def _handle(self, data: list[Any], ack_id: int | None) -> None:
        args = data[1:]
        reply = None
        offset = False
        if ack_id is not None:
            reply = partial(self._acknowledge, self._link.engine, ack_id)
        else:
            offset = self._credentials.note_offset(args)
        self._handlers.handle(data[0], args, reply, offset=offset)

    def _acknowledge(self, engine: object, ack_id: int, result: Any) -> None:
        """Acknowledge an event with a handler's result: None, a value, or a tuple of several."""
        values: Any = [] if result is None else result if isinstance(result, tuple) else [result]
        packets = [
            packet.decode() if type(packet) is LongText else packet
            for packet in self._encoder.ack(values, ack_id)
        ]
        # On a later session the same id would acknowledge another event.
        if self._sid is not None and self._link.engine is engine:
            self._link.send(packets)

"""A client in one namespace: what CONNECT, its answer, and DISCONNECT cause (Socket.IO v5,
"Connection to a namespace", "Disconnection from a namespace").

    intend() ─► CONNECT {pid, offset, auth} ─► missed events ─► kept events leave ─► "connect"

A membership outlives its connections: an event that is emitted without a connection waits in
`outbox.py`. Events that come are in `inbox.py`, what CONNECT carries in `credentials.py`. Which
session carries the packets, and whether the client comes back, is the affair of `connection.py`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Protocol

from socketio_min.client.credentials import Credentials, read_acceptance, read_refusal
from socketio_min.client.handler_calls import HandlerCalls, HandlerRunner
from socketio_min.client.inbox import Inbox, InboxLink
from socketio_min.client.intents import Intent, Intents
from socketio_min.client.options import Auth
from socketio_min.client.outbox import Outbox, OutboxLink
from socketio_min.errors import ConnectionFailed, Disconnected, ProtocolError
from socketio_min.protocol.packets import ACK, CONNECT, CONNECT_ERROR, DISCONNECT, EVENT, Packet
from socketio_min.protocol.parser import Parser
from socketio_min.registration import Handlers

# Why a namespace was left, in the words of the official client; the other reasons are Engine.IO's.
SERVER_DISCONNECT = "io server disconnect"
CLIENT_DISCONNECT = "io client disconnect"


class ClientLink(HandlerRunner, InboxLink, OutboxLink, Protocol):
    """What a membership may ask of the connection under it."""

    parser: Parser
    memberships: dict[str, Membership]

    def admit(self, membership: Membership) -> None:
        """Connect a namespace, on the present connection or on a new one."""

    def leave(self, membership: Membership) -> None:
        """Stop sending CONNECT for a namespace that is not active any more."""

    def ended(self) -> Awaitable[None]:
        """Wait until the connections that were left have ended."""

    async def drain(self) -> None:
        """Wait until everything sent has been handed to the transport."""


class Membership:
    """The state of a client in one namespace, with the handlers that are `registered` for it.

    `id`, `recovered` and `auth` are those of `ClientNamespace`. `asked` is the session on which
    CONNECT was sent and is not answered. If it is not the present session, no answer will come.
    """

    __slots__ = (
        "_credentials",
        "_inbox",
        "_left",
        "_link",
        "_registered",
        "asked",
        "auth",
        "encoder",
        "handlers",
        "id",
        "intents",
        "name",
        "outbox",
        "recovered",
    )

    def __init__(
        self,
        link: ClientLink,
        name: str,
        auth: Auth,
        registered: Handlers,
        retries: int,
        ack_timeout: float | None,
    ) -> None:
        self._link = link
        self._registered = registered
        self.handlers = HandlerCalls(link, registered)
        self.name = name
        self.encoder = link.parser.encoder(name)
        self.auth = auth
        self.id: str | None = None
        self.recovered = False
        self.asked: object = None
        # The session on which this client left the namespace last: a DISCONNECT of the server may
        # be under way there.
        self._left: object = None
        self.intents = Intents()
        self._credentials = Credentials()
        self._inbox = Inbox(link, self.handlers, self.encoder, self._credentials)
        self.outbox = Outbox(link, self.encoder, retries, ack_timeout, self._announce_outgoing)
        link.memberships[name] = self

    def handles(self, event: str) -> bool:
        """Return whether there is a handler of `event`."""
        return event in self._registered.by_event

    @property
    def connected(self) -> bool:
        """Return whether the server has accepted the client in the namespace."""
        return self.id is not None

    @property
    def active(self) -> bool:
        """Return whether the client is in the namespace or intends to be."""
        return self.intents.present is not None

    # -- what the application asks for

    def intend(self) -> Intent:
        """Return the intent to be connected, which begins if there is none."""
        intent = self.intents.present
        if intent is None:
            intent = self.intents.begin()
            self._link.admit(self)
        return intent

    def disconnect(self) -> None:
        """Leave the namespace at once."""
        self._credentials.forget()
        if self.connected:
            self._left = self._link.engine
            self._link.send(self.encoder.disconnect())
        self._leave(Disconnected("disconnect() was called"), CLIENT_DISCONNECT)

    def _leave(self, error: Exception, reason: str) -> None:
        """Leave, or stop trying to join. Handlers are called last: they may connect again."""
        if self.active:
            tell = self._detach(reason)
            self.deactivate(error)
            self._link.leave(self)
            tell()

    def deactivate(self, error: Exception) -> None:
        """Give up the intent to be connected, and end each `connect` that waits with `error`."""
        self._inbox.leave()
        self.intents.give_up(error)

    def wanted_without(self, error: Exception) -> bool:
        """End each `connect` that waits with `error`. Return whether the intent lasts even so."""
        return self.intents.lasts_without(error)

    # -- what the connection tells

    async def credentials(self) -> dict[str, Any] | None:
        """Return the payload of CONNECT; see `Credentials.present`.

        Raises:
            Exception: whatever the application's function raises.
        """
        return await self._credentials.present(self.auth)

    def receive(self, packet: Packet) -> None:
        """Take a packet for this namespace.

        Raises:
            ProtocolError: it is not allowed now; the connection must be closed.
        """
        type_, _, data, ack_id, _ = packet
        if not self.active:
            self._receive_inactive(type_)
        elif type_ == EVENT:
            self._inbox.receive(data, ack_id)
        elif type_ == ACK:
            self.outbox.acknowledged(ack_id, data)
        elif type_ == CONNECT:
            self._accepted(data)
        elif type_ == DISCONNECT:
            self._put_out()
        else:
            self._refused(data)

    def _receive_inactive(self, type_: int) -> None:
        # The packet has crossed our DISCONNECT and is dropped. But if it answers our CONNECT, no
        # answer is due any more.
        if self._is_asked and type_ in (CONNECT, CONNECT_ERROR):
            self.asked = None
            if type_ == CONNECT:
                self._left = self._link.engine
                self._link.send(self.encoder.disconnect())

    @property
    def _is_asked(self) -> bool:
        """Return whether the server is to answer a CONNECT on the present connection."""
        return self.asked is not None and self.asked is self._link.engine

    def _put_out(self) -> None:
        error = Disconnected("the server has put this client out")
        if self.connected:
            self._leave(error, SERVER_DISCONNECT)
        elif self._is_asked and self._left is not self.asked:
            self.asked = None
            self.give_up(error)
        # Otherwise the packet has crossed our DISCONNECT, and CONNECT will be answered after it.

    def _accepted(self, data: dict[str, Any] | None) -> None:
        if not self._is_asked:
            raise ProtocolError("got CONNECT for a namespace that was not asked for")
        sid, pid = read_acceptance(data)
        self.asked = None
        self.id = sid
        self.outbox.join()
        self.recovered = self._credentials.renew(pid)
        # The official order: missed events come, kept events leave, then "connect" is called.
        self._inbox.join(sid)
        self.outbox.send_kept()
        self._link.turns.call(self._tell_connected, sid)
        self.intents.settle(None)

    def _tell_connected(self, sid: str) -> None:
        # The call may have waited until its connection had ended.
        if self.id == sid:
            self.handlers.tell("connect")

    def _refused(self, data: dict[str, Any] | str) -> None:
        if not self._is_asked:
            raise ProtocolError("got CONNECT_ERROR for a namespace that was not asked for")
        self.asked = None
        self.give_up(read_refusal(data))

    def give_up(self, error: Exception) -> None:
        """Give up connecting, and tell the handler of `connect_error` why."""
        self.deactivate(error)
        self._link.leave(self)
        self.failed(error)

    def failed(self, error: Exception) -> None:
        """Call the handler of "connect_error": an attempt to connect failed."""
        self.handlers.tell("connect_error", error)

    def lost(self, reason: str, description: str) -> Callable[[], None]:
        """Note that the connection has ended. Return the function that calls the handlers."""
        if self.connected:
            return self._detach(reason)
        error = ConnectionFailed(f"the connection was lost before it was accepted: {description}")
        self._inbox.leave()
        return partial(self.failed, error)

    def _detach(self, reason: str) -> Callable[[], None]:
        """End the connected state. Return the function that calls the handler of "disconnect"; it
        does nothing if the client was not connected.
        """
        self._inbox.leave()
        self.outbox.leave()
        if self.id is None:
            return _nothing
        self.id = None
        return partial(self._tell_disconnect, reason)

    def _tell_disconnect(self, reason: str) -> None:
        self.handlers.tell("disconnect", reason)
        self.outbox.lose(reason)

    def _announce_outgoing(self, args: tuple[Any, ...]) -> None:
        """Call the listeners of `on_any_outgoing` for an event that is sent now."""
        if self._registered.outgoing:
            self.handlers.announce_outgoing(args)


def _nothing() -> None:
    """Call no handler: the client was not in the namespace."""

"""One namespace as a client sees it: what the official client calls a socket.

    connect() ─► CONNECT {pid, offset, auth} ─► missed events ─► what was emitted ─► "connect"
    EVENT     ─► catch-all listeners ─► handler ─► acknowledgement

A namespace outlives its connections: what is emitted while there is none waits in `outbox.py`, and
the handlers stay. What comes in is in `inbox.py`, what CONNECT carries in `credentials.py`. Which
connection carries the packets, and whether to come back, is the affair of `connection.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Protocol, TypeVar, overload

from socketio_min.client.credentials import Credentials, read_acceptance, read_refusal
from socketio_min.client.elsewhere import ASYNCHRONOUS
from socketio_min.client.handlers import RULES, HandlerCalls, HandlerRunner
from socketio_min.client.inbox import Inbox, InboxLink
from socketio_min.client.options import Auth
from socketio_min.client.outbox import Outbox, OutboxLink, VolatileOperator
from socketio_min.client.wishes import Wish, Wishes
from socketio_min.errors import (
    ConnectionFailed,
    Disconnected,
    ProtocolError,
    SocketIOError,
)
from socketio_min.foreign_names import tells_names
from socketio_min.protocol.packets import ACK, CONNECT, CONNECT_ERROR, DISCONNECT, EVENT, Packet
from socketio_min.protocol.parser import Parser
from socketio_min.registration import Handler, Handlers

Function = TypeVar("Function", bound=Handler)
OtherHandler = Callable[[str, list[Any], bool], Any]
ErrorHandler = Callable[[str, list[Any], Exception], Any]

# Why a namespace was left, in the words of the official client; Engine.IO has the other reasons.
SERVER_DISCONNECT = "io server disconnect"
CLIENT_DISCONNECT = "io client disconnect"

CALL_TIMEOUT = 10.0


class ClientLink(HandlerRunner, InboxLink, OutboxLink, Protocol):
    """What a namespace may ask of the connection under it."""

    parser: Parser

    def admit(self, namespace: ClientNamespace) -> None:
        """Connect a namespace, on the present connection or on a new one."""

    def leave(self, namespace: ClientNamespace) -> None:
        """Ask no longer for a namespace that is not active."""

    def ended(self) -> Awaitable[None]:
        """Wait until the connections that were left have ended."""

    async def drain(self) -> None:
        """Wait until everything sent has been handed to the transport."""


@tells_names(ASYNCHRONOUS)
class ClientNamespace:
    """A client in one namespace; made by `Client.of`, and `Client` is one itself.

    `id` is the socket's id while connected, else None. `recovered` tells whether the server has
    restored the state before the last disconnection. `auth` may be changed: the next CONNECT has
    it.
    """

    def __init__(
        self,
        connection: ClientLink,
        name: str,
        auth: Auth,
        retries: int,
        ack_timeout: float | None,
    ) -> None:
        self._connection = connection
        self._registered = Handlers(RULES)
        self._handlers = HandlerCalls(connection, self._registered)
        self.name = name
        self.encoder = connection.parser.encoder(name)
        self.auth = auth
        self.id: str | None = None
        self.recovered = False
        # The connection on which CONNECT was sent and is not answered. A connection before the
        # present one will not answer any more.
        self.asked: object = None
        # The connection on which this namespace was left: a DISCONNECT may be under way from there.
        self._left: object = None
        self._wishes = Wishes()
        self._ack_timeout = ack_timeout
        self._credentials = Credentials()
        self._inbox = Inbox(connection, self._handlers, self.encoder, self._credentials)
        self._outbox = Outbox(
            connection, self.encoder, retries, ack_timeout, self._announce_outgoing
        )

    def __repr__(self) -> str:
        state = "connected" if self.connected else "not connected"
        return f"<{type(self).__name__} {self.name} ({state})>"

    # -- registration

    @overload
    def on(self, event: str) -> Callable[[Function], Function]: ...
    @overload
    def on(self, event: str, handler: Function) -> Function: ...
    def on(
        self, event: str, handler: Function | None = None
    ) -> Function | Callable[[Function], Function]:
        """Handle `event` with `handler(*args)`, a function or coroutine function; also a decorator.

        What it returns acknowledges the event: None with no argument, a tuple with several,
        anything else with one. `connect()`, `disconnect(reason)` and `connect_error(error)` tell of
        the connection. A server with connection state recovery adds an offset to the arguments: a
        handler that takes fewer is called without it.

        Raises:
            UsageError: the event has a handler already (see `off`), or is reserved, or the handler
            cannot be called so.
        """
        return self._registered.on(event, handler)

    def handles(self, event: str) -> bool:
        """Return whether there is a handler of `event`."""
        return event in self._registered.by_event

    def off(self, event: str) -> None:
        """Handle `event` no longer."""
        self._handlers.off(event)

    def on_any(self, listener: Function) -> Function:
        """Call `listener(event, *args)`, a `def`, for each event that comes in.

        Raises:
            UsageError: it cannot be called so.
        """
        return self._registered.on_any(listener)

    def on_any_outgoing(self, listener: Function) -> Function:
        """Call `listener(event, *args)`, a `def`, for each event when it is sent.

        Raises:
            UsageError: it cannot be called so.
        """
        return self._registered.on_any_outgoing(listener)

    def off_any(self, listener: Handler) -> None:
        """Call a listener of `on_any` or `on_any_outgoing` no longer."""
        for listeners in (self._registered.incoming, self._registered.outgoing):
            if listener in listeners:
                listeners.remove(listener)

    def on_other(self, handler: OtherHandler) -> OtherHandler:
        """Call `handler(event, args, acknowledged)` for events without a handler.

        `acknowledged` tells whether the server waits for an acknowledgement, which is what the
        handler returns, as with `on`. Without such a handler unknown events are dropped.

        Raises:
            UsageError: it cannot be called so.
        """
        return self._registered.on_other(handler)

    def on_error(self, handler: ErrorHandler) -> ErrorHandler:
        """Call `handler(event, args, error)` when a handler fails.

        The failure is logged in any case and ends nothing else. What the handler returns, if not
        None, acknowledges the event.

        Raises:
            UsageError: it cannot be called so.
        """
        return self._registered.on_error(handler)

    # -- connecting

    @property
    def connected(self) -> bool:
        """Return whether the server has accepted this client in the namespace."""
        return self.id is not None

    @property
    def active(self) -> bool:
        """Return whether the namespace is connected or tries to be."""
        return self._wishes.present is not None

    def open(self) -> None:
        """Connect in the background; the handlers of "connect" and "connect_error" tell more.

        This and all that follows needs a running event loop.
        """
        self._wished().kept = True

    def _wished(self) -> Wish:
        wish = self._wishes.present
        if wish is None:
            wish = self._wishes.make()
            self._connection.admit(self)
        return wish

    async def connect(self) -> None:
        """Connect, and wait until it is done.

        Without a limit (`reconnection_attempts`, or no `reconnection`) this waits for a server as
        long as it takes; put `asyncio.timeout` around it. Cancelling takes back what this call has
        asked for: a client that was connecting before, by `open` or after a lost connection, goes
        on with it.

        Raises:
            ConnectionRefused: the server does not accept this client.
            ConnectionFailed: the last attempt failed, or the application's auth.
            Disconnected: `disconnect` was called meanwhile.
        """
        wish = self._wished()
        if not self.connected:
            try:
                await self._wishes.wait(wish)
            except SocketIOError:
                # When this call fails, the connection is closed already.
                await self._connection.ended()
                raise
            except asyncio.CancelledError:
                if self._wishes.is_abandoned(wish):
                    self.disconnect()
                raise
        wish.kept = True

    def disconnect(self) -> Awaitable[None]:
        """Leave the namespace at once. Await the result to wait until DISCONNECT has been sent.

        The connection ends with the last namespace. `connect` joins again.
        """
        self._credentials.forget()
        if self.connected:
            self._left = self._connection.engine
            self._connection.send(self.encoder.disconnect())
        self._leave(Disconnected("disconnect() was called"), CLIENT_DISCONNECT)
        return self._connection.ended()

    def _leave(self, error: Exception, reason: str) -> None:
        """Leave, or try no longer to join. Handlers are told last: they may connect again."""
        if self.active:
            tell = self._detach(reason)
            self.deactivate(error)
            self._connection.leave(self)
            tell()

    def deactivate(self, error: Exception) -> None:
        """Give up the wish to be connected, and end each `connect` that waits with `error`."""
        self._inbox.leave()
        self._wishes.give_up(error)

    def wanted_without(self, error: Exception) -> bool:
        """End each `connect` that waits with `error`. Return whether the wish lasts even so."""
        return self._wishes.lasts_without(error)

    # -- sending

    def emit(self, event: str, *args: Any) -> None:
        """Send an event, or keep it until there is a connection. Never blocks.

        With `retries` the event is sent again until the server acknowledges it, before any later
        event.

        Raises:
            UsageError: the event's name is reserved, a value cannot be encoded, or the event is
            larger than the server takes. One that waited for a connection is then logged instead.
        """
        self._outbox.emit((event, *args))

    def emit_with_ack(
        self, event: str, *args: Any, timeout: float | None = None
    ) -> asyncio.Future[Any]:
        """Send an event; the result is there when the server has acknowledged it.

        The result is None, the one argument of the acknowledgement, or a tuple of several.
        `timeout` is in seconds; without one `ack_timeout` counts, and without that there is none.
        With `retries` it is the time of each attempt. An event that still waits for a connection is
        withdrawn when its time is over.

        Raises:
            UsageError: as `emit`. From awaiting the result:
            AcknowledgementTimeout: it did not come in time.
            Disconnected: the connection was lost before it came.
        """
        return self._outbox.ask((event, *args), timeout)

    async def call(self, event: str, *args: Any, timeout: float | None = None) -> Any:
        """Send an event and wait for its acknowledgement: `emit_with_ack` that always ends.

        `timeout` is in seconds, by default `ack_timeout` or else 10.

        Raises:
            AcknowledgementTimeout, Disconnected, UsageError: as `emit_with_ack`.
        """
        if timeout is None:
            timeout = CALL_TIMEOUT if self._ack_timeout is None else self._ack_timeout
        return await self.emit_with_ack(event, *args, timeout=timeout)

    @property
    def volatile(self) -> VolatileOperator:
        """Return what sends events that may be dropped if they cannot leave at once."""
        return VolatileOperator(self._outbox)

    async def drained(self) -> None:
        """Wait until everything sent so far has been handed to the transport, or the connection is
        lost.
        """
        await self._connection.drain()

    @property
    def pending_acks(self) -> int:
        """Return how many acknowledgements are due."""
        return len(self._outbox)

    # -- what the connection tells

    async def credentials(self) -> dict[str, Any] | None:
        """Return what CONNECT carries: `auth`, and what the server needs to recover the state.

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
            self._outbox.acknowledged(ack_id, data)
        elif type_ == CONNECT:
            self._accepted(data)
        elif type_ == DISCONNECT:
            self._put_out()
        else:
            self._refused(data)

    def _receive_inactive(self, type_: int) -> None:
        # Packets that have crossed our DISCONNECT are dropped; an answer to CONNECT means that none
        # is due any more.
        if self._is_asked and type_ in (CONNECT, CONNECT_ERROR):
            self.asked = None
            if type_ == CONNECT:
                self._left = self._connection.engine
                self._connection.send(self.encoder.disconnect())

    @property
    def _is_asked(self) -> bool:
        """Return whether the server is to answer a CONNECT on the present connection."""
        return self.asked is not None and self.asked is self._connection.engine

    def _put_out(self) -> None:
        error = Disconnected("the server has put this client out")
        if self.connected:
            self._leave(error, SERVER_DISCONNECT)
        elif self._is_asked and self._left is not self.asked:
            self.asked = None
            self.give_up(error)
        # Otherwise the packet has crossed our DISCONNECT, and the answer to CONNECT is still to
        # come.

    def _accepted(self, data: dict[str, Any] | None) -> None:
        if not self._is_asked:
            raise ProtocolError("got CONNECT for a namespace that was not asked for")
        sid, pid = read_acceptance(data)
        self.asked = None
        self.id = sid
        self._outbox.join()
        self.recovered = self._credentials.renew(pid)
        # The official order: what was missed, what was emitted meanwhile, then "connect".
        self._inbox.join(sid)
        self._outbox.send_kept()
        self._connection.turns.call(self._tell_connected, sid)
        self._wishes.settle(None)

    def _tell_connected(self, sid: str) -> None:
        # The call may have waited until after the end of its connection.
        if self.id == sid:
            self._handlers.tell("connect")

    def _refused(self, data: dict[str, Any] | str) -> None:
        if not self._is_asked:
            raise ProtocolError("got CONNECT_ERROR for a namespace that was not asked for")
        self.asked = None
        self.give_up(read_refusal(data))

    def give_up(self, error: Exception) -> None:
        """Give up connecting, and tell the handler of `connect_error` why."""
        self.deactivate(error)
        self._connection.leave(self)
        self.failed(error)

    def failed(self, error: Exception) -> None:
        """Tell that an attempt to connect failed."""
        self._handlers.tell("connect_error", error)

    def lost(self, reason: str, description: str) -> Callable[[], None]:
        """Note that the connection is over. Return the function that tells the handlers."""
        if self.connected:
            return self._detach(reason)
        error = ConnectionFailed(f"the connection was lost before it was accepted: {description}")
        self._inbox.leave()
        return partial(self.failed, error)

    def _detach(self, reason: str) -> Callable[[], None]:
        """End the connected state. Return the function that tells the handlers, which does nothing
        if they were never told of it.
        """
        self._inbox.leave()
        self._outbox.leave()
        if self.id is None:
            return _nothing
        self.id = None
        return partial(self._tell_disconnect, reason)

    def _tell_disconnect(self, reason: str) -> None:
        self._handlers.tell("disconnect", reason)
        self._outbox.lose(reason)

    # -- handlers

    def _announce_outgoing(self, args: tuple[Any, ...]) -> None:
        """Tell the listeners of `on_any_outgoing` of an event that is sent now."""
        if self._registered.outgoing:
            self._handlers.announce_outgoing(args)


def _nothing() -> None:
    """Tell nobody: the namespace was not connected."""

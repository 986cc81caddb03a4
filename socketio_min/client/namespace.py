"""One namespace as a client sees it: the official client calls it a socket.

Here are the methods that an application calls, to register handlers, connect, and send. Which
packets that causes is in `membership.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar, overload

from socketio_min.client.foreign_names import ASYNCHRONOUS
from socketio_min.client.membership import ClientLink, Membership
from socketio_min.client.options import Auth
from socketio_min.client.outbox import VolatileOperator
from socketio_min.errors import SocketIOError
from socketio_min.foreign_names import tells_names
from socketio_min.handler_checks import ALL
from socketio_min.registration import Handler, Handlers, Rules

Function = TypeVar("Function", bound=Handler)
OtherHandler = Callable[[str, list[Any], bool], Any]
ErrorHandler = Callable[[str, list[Any], Exception], Any]

# Seconds that `call` waits if no other time is given.
CALL_TIMEOUT = 10.0

RULES: Final = Rules(
    first=(),
    # Events that the client raises itself, and nobody can send.
    lifecycle={"connect": (), "connect_error": ("error",), "disconnect": ("reason",)},
    elsewhere=ALL,
    plain={},
    peer="server",
    taken="take it off first",
)


@tells_names(ASYNCHRONOUS)
class ClientNamespace:
    """A client in one namespace; made by `Client.of`, and `Client` is one itself."""

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
        self.name = name
        self._ack_timeout = ack_timeout
        self._membership = Membership(
            connection, name, auth, self._registered, retries, ack_timeout
        )
        self._outbox = self._membership.outbox

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

        The handler's result acknowledges the event: None with no argument, a tuple with several,
        anything else with one. The client itself calls `connect()`, `disconnect(reason)` and
        `connect_error(error)`. A server with connection state recovery adds an offset to the
        arguments: a handler that takes fewer arguments is called without it.

        Raises:
            UsageError: the event has a handler already (see `off`), or is reserved, or the handler
            cannot be called so.
        """
        return self._registered.on(event, handler)

    def off(self, event: str) -> None:
        """Handle `event` no longer."""
        self._membership.handlers.off(event)

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

        `acknowledged` tells whether the server waits for an acknowledgement; the handler's result
        is that, as with `on`. Without such a handler unknown events are dropped.

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
    def id(self) -> str | None:
        """Return the socket's id while connected, else None."""
        return self._membership.id

    @property
    def recovered(self) -> bool:
        """Return whether the server has restored the state before the last disconnection."""
        return self._membership.recovered

    @property
    def auth(self) -> Auth:
        """Return what each CONNECT carries; when it is changed, the next CONNECT carries that."""
        return self._membership.auth

    @auth.setter
    def auth(self, auth: Auth) -> None:
        self._membership.auth = auth

    @property
    def connected(self) -> bool:
        """Return whether the server has accepted this client in the namespace."""
        return self._membership.connected

    @property
    def active(self) -> bool:
        """Return whether the client is connected to the namespace or tries to be."""
        return self._membership.active

    def open(self) -> None:
        """Connect in the background; the handler of "connect" or "connect_error" is called.

        This and the methods below need a running event loop.
        """
        self._membership.intend().kept = True

    async def connect(self) -> None:
        """Connect, and wait until the server has accepted the client.

        Without a limit (`reconnection_attempts`, or no `reconnection`) this waits for a server as
        long as it takes; put `asyncio.timeout` around it. Cancelling takes back what this call has
        asked for: a client that was connecting before, by `open` or after a lost connection, goes
        on connecting.

        Raises:
            ConnectionRefused: the server does not accept this client.
            ConnectionFailed: the last attempt failed, or the application's auth function did.
            Disconnected: `disconnect` was called meanwhile.
        """
        intent = self._membership.intend()
        if not self.connected:
            try:
                await self._membership.intents.wait(intent)
            except SocketIOError:
                # The caller finds the connection closed when this call has failed.
                await self._connection.ended()
                raise
            except asyncio.CancelledError:
                if self._membership.intents.is_abandoned(intent):
                    self.disconnect()
                raise
        intent.kept = True

    def disconnect(self) -> Awaitable[None]:
        """Leave the namespace at once. Await the result to wait until DISCONNECT has been sent.

        The connection ends with the last namespace. `connect` joins again.
        """
        self._membership.disconnect()
        return self._connection.ended()

    # -- sending

    def emit(self, event: str, *args: Any) -> None:
        """Send an event, or keep it until there is a connection. Never blocks.

        With `retries` the event is sent again until the server acknowledges it, before any later
        event.

        Raises:
            UsageError: the event's name is reserved, a value cannot be encoded, or the event is
            larger than the server takes. If the event had to wait for a connection, its size is
            known later, and the error is logged.
        """
        self._outbox.emit((event, *args))

    def emit_with_ack(
        self, event: str, *args: Any, timeout: float | None = None
    ) -> asyncio.Future[Any]:
        """Send an event; the future has a result when the server has acknowledged the event.

        The result is None, the one argument of the acknowledgement, or a tuple of several.
        `timeout` is in seconds, by default `ack_timeout`; if both are None there is no limit. With
        `retries` it is the time of each attempt. An event that still waits for a connection when
        its time has passed is not sent.

        Raises:
            UsageError: as `emit`. From awaiting the result:
            AcknowledgementTimeout: it did not come in time.
            Disconnected: the connection was lost before it came.
        """
        return self._outbox.ask((event, *args), timeout)

    async def call(self, event: str, *args: Any, timeout: float | None = None) -> Any:
        """Send an event and wait for its acknowledgement, as `emit_with_ack` with a time limit.

        `timeout` is in seconds, by default `ack_timeout` or else 10.

        Raises:
            AcknowledgementTimeout, Disconnected, UsageError: as `emit_with_ack`.
        """
        if timeout is None:
            timeout = CALL_TIMEOUT if self._ack_timeout is None else self._ack_timeout
        return await self.emit_with_ack(event, *args, timeout=timeout)

    @property
    def volatile(self) -> VolatileOperator:
        """Return an operator whose events are dropped if they cannot leave at once."""
        return VolatileOperator(self._outbox)

    async def drained(self) -> None:
        """Wait until all packets so far have been handed to the transport, or the connection is
        lost.
        """
        await self._connection.drain()

    @property
    def pending_acks(self) -> int:
        """Return how many acknowledgements are due."""
        return len(self._outbox)

"""What an application registers with a namespace of a server, or with a dynamic one. It is called
in this order:

CONNECT ─► middlewares ─► `connect` handler ─► CONNECT reply, then what they emitted
EVENT   ─► catch-all listeners ─► event middlewares ─► handler ─► acknowledgement
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeVar, overload

from socketio_min.errors import UsageError
from socketio_min.handler_checks import ALL, check_call, check_event
from socketio_min.registration import Handler, Handlers, Rules
from socketio_min.server.foreign_names import refuse_arguments

if TYPE_CHECKING:
    from socketio_min.server.socket import Socket

Function = TypeVar("Function", bound=Handler)
OtherHandler = Callable[["Socket", str, list[Any], bool], Any]
ErrorHandler = Callable[["Socket", str, list[Any], Exception], Any]

RULES: Final = Rules(
    first=("socket",),
    # Only the server itself raises these events.
    lifecycle={
        "connect": ("socket",),
        "disconnecting": ("socket", "reason"),
        "disconnect": ("socket", "reason"),
    },
    # Node's name for "connect", beside python-socketio's for all events.
    elsewhere={**ALL, "connection": 'expected "connect", which is raised for each new client'},
    plain={"disconnecting": "the rooms are left when it returns"},
    peer="client",
    taken="call both from one function",
)

# The official servers raise these events themselves, and cannot send them to each other.
RESERVED_SERVER_EVENTS = frozenset(("connect", "connection", "new_namespace"))


@dataclass(slots=True)
class ServerHandlers(Handlers):
    """The handlers of a namespace, its middlewares, and the handlers of other servers' events."""

    by_server_event: dict[str, Handler] = field(default_factory=dict)
    middlewares: list[Handler] = field(default_factory=list)
    event_middlewares: list[Handler] = field(default_factory=list)


class Registration:
    """The methods that register a function with a namespace; `registered` has the functions."""

    registered: ServerHandlers

    @overload
    def on(self, event: str) -> Callable[[Function], Function]: ...
    @overload
    def on(self, event: str, handler: Function) -> Function: ...
    def on(
        self, event: str, handler: Function | None = None, **elsewhere: object
    ) -> Function | Callable[[Function], Function]:
        """Handle `event` with `handler(socket, *args)`; also a decorator.

        The handler's result acknowledges the event: None with no argument, a tuple with several,
        anything else with one. The server itself calls `connect(socket)`, which may raise
        `ConnectionRefused`; `disconnecting(socket, reason)`, which must be a plain function, while
        the socket is still in its rooms; and then `disconnect(socket, reason)`.

        Raises:
            UsageError: the event has a handler already, or is reserved, or the handler cannot be
            called so.
        """
        if elsewhere:
            refuse_arguments("on", elsewhere)
        return self.registered.on(event, handler)

    def use(self, middleware: Function) -> Function:
        """Run `middleware(socket)` for each CONNECT, in order of registration. It raises
        `ConnectionRefused` to refuse the client.

        Raises:
            UsageError: it cannot be called so.
        """
        check_call("a middleware", middleware, "socket")
        for handlers in self.registered.all():
            handlers.middlewares.append(middleware)
        return middleware

    def use_event(self, middleware: Function) -> Function:
        """Run `middleware(socket, event, args)` for each event, in order of registration. If it
        raises, the event is dropped.

        Raises:
            UsageError: it cannot be called so.
        """
        check_call("a middleware of events", middleware, "socket", "event", "args")
        for handlers in self.registered.all():
            handlers.event_middlewares.append(middleware)
        return middleware

    def on_any(self, listener: Function) -> Function:
        """Call `listener(socket, event, *args)`, a `def`, for each event that comes in.

        Raises:
            UsageError: it cannot be called so.
        """
        return self.registered.on_any(listener)

    def on_any_outgoing(self, listener: Function) -> Function:
        """Call `listener(socket, event, *args)`, a `def`, for each event sent to a socket.

        Raises:
            UsageError: it cannot be called so.
        """
        return self.registered.on_any_outgoing(listener)

    def on_other(self, handler: OtherHandler) -> OtherHandler:
        """Call `handler(socket, event, args, acknowledged)` for events without a handler.

        `acknowledged` tells whether the client waits for an acknowledgement; the handler's result
        is that, as with `on`. Without such a handler unknown events are dropped.

        Raises:
            UsageError: it cannot be called so.
        """
        return self.registered.on_other(handler)

    def on_error(self, handler: ErrorHandler) -> ErrorHandler:
        """Call `handler(socket, event, args, error)` when a handler fails.

        The failure is logged in any case and ends nothing else. What the handler returns, if not
        None, acknowledges the event.

        Raises:
            UsageError: it cannot be called so.
        """
        return self.registered.on_error(handler)

    @overload
    def on_server(self, event: str) -> Callable[[Function], Function]: ...
    @overload
    def on_server(self, event: str, handler: Function) -> Function: ...
    def on_server(
        self, event: str, handler: Function | None = None
    ) -> Function | Callable[[Function], Function]:
        """Handle `event` of the other servers with `handler(*args)`; also a decorator.

        The handler's result is the answer to `server_side_call`.

        Raises:
            UsageError: the event has a handler already, or is reserved, or the handler is no
            function.
        """
        check_server_event(event)
        if event in self.registered.by_server_event:
            raise UsageError(f"{event!r} has a handler already; call both from one function")

        def register(function: Function) -> Function:
            if not callable(function):
                raise UsageError(
                    f"got {function!r} as the handler of {event!r}, expected a function"
                )
            for handlers in self.registered.all():
                handlers.by_server_event.setdefault(event, function)
            return function

        return register if handler is None else register(handler)


def check_server_event(event: object) -> None:
    """Refuse what cannot be the name of an event between servers.

    Raises:
        UsageError: it is no str, or reserved.
    """
    check_event(event, {})
    if event in RESERVED_SERVER_EVENTS:
        raise UsageError(
            f"got the event {event!r}, which the official server keeps for itself: use another name"
        )

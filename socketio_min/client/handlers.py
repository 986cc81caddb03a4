"""What the application registers for a client's namespace, and how it is called.

A handler's failure is logged and told to `on_error`; it never reaches the connection.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any, TypeVar, overload

from socketio_min.errors import UsageError
from socketio_min.failures import FAILURES, as_exception, is_own_cancellation, log_failure
from socketio_min.handlers import ALL, check_call, check_event, check_handler, most_arguments
from socketio_min.protocol.packets import RESERVED_EVENTS
from socketio_min.tasks import is_awaitable

if TYPE_CHECKING:
    from socketio_min.client.connection import ClientConnection

Handler = Callable[..., Any]
Function = TypeVar("Function", bound=Handler)
OtherHandler = Callable[[str, list[Any], bool], Any]
ErrorHandler = Callable[[str, list[Any], Exception], Any]
# Acknowledges an event with a handler's result.
Reply = Callable[[Any], None] | None

# What is raised here, with its arguments, and cannot be sent by anybody.
LIFECYCLE: dict[str, tuple[str, ...]] = {
    "connect": (),
    "connect_error": ("error",),
    "disconnect": ("reason",),
}


class ClientHandlers:
    """The handlers and listeners of one namespace."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        # With the most arguments that each takes.
        self._handlers: dict[str, tuple[Handler, int | None]] = {}
        self._incoming: list[Handler] = []
        self._outgoing: list[Handler] = []
        self._other_handler: OtherHandler | None = None
        self._error_handler: ErrorHandler | None = None

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
        check_event(event, ALL)
        if event in RESERVED_EVENTS and event not in LIFECYCLE:
            raise UsageError(f"no server can send {event!r}, which the protocol keeps for itself")
        if event in self._handlers:
            raise UsageError(f"{event!r} has a handler already; take it off first")

        def register(function: Function) -> Function:
            check_handler(event, function, LIFECYCLE)
            self._handlers[event] = (function, most_arguments(function))
            return function

        return register if handler is None else register(handler)

    def handles(self, event: str) -> bool:
        """Whether there is a handler of `event`."""
        return event in self._handlers

    def off(self, event: str) -> None:
        """Handle `event` no longer."""
        self._handlers.pop(event, None)

    def on_any(self, listener: Function) -> Function:
        """Call `listener(event, *args)`, a `def`, for each event that comes in.

        Raises:
            UsageError: it cannot be called so.
        """
        check_call("a listener of on_any", listener, "event", more=True)
        _require_plain(listener, "a listener of on_any")
        self._incoming.append(listener)
        return listener

    def on_any_outgoing(self, listener: Function) -> Function:
        """Call `listener(event, *args)`, a `def`, for each event when it is sent.

        Raises:
            UsageError: it cannot be called so.
        """
        check_call("a listener of on_any_outgoing", listener, "event", more=True)
        _require_plain(listener, "a listener of on_any_outgoing")
        self._outgoing.append(listener)
        return listener

    def off_any(self, listener: Handler) -> None:
        """Call a listener of `on_any` or `on_any_outgoing` no longer."""
        for listeners in (self._incoming, self._outgoing):
            if listener in listeners:
                listeners.remove(listener)

    def on_other(self, handler: OtherHandler) -> OtherHandler:
        """Call `handler(event, args, acknowledged)` for events without a handler.

        `acknowledged` tells whether the server waits for an acknowledgement, which is what the
        handler returns, as with `on`. Without such a handler unknown events are dropped.

        Raises:
            UsageError: it cannot be called so.
        """
        check_call("the handler of on_other", handler, "event", "args", "acknowledged")
        self._other_handler = handler
        return handler

    def on_error(self, handler: ErrorHandler) -> ErrorHandler:
        """Call `handler(event, args, error)` when a handler fails.

        The failure is logged in any case and ends nothing else. What the handler returns, if not
        None, acknowledges the event.

        Raises:
            UsageError: it cannot be called so.
        """
        check_call("the handler of on_error", handler, "event", "args", "error")
        _require_plain(handler, "the handler of on_error")
        self._error_handler = handler
        return handler

    # -- calling

    def _handle(self, event: str, args: list[Any], reply: Reply, *, offset: bool) -> None:
        """Call what is registered for an event; with `offset` the last argument is one."""
        for listener in tuple(self._incoming):
            try:
                listener(event, *args)
            except FAILURES as error:
                log_failure(error, "a listener of on_any failed for %r", event)
        found = self._handlers.get(event)
        if found is not None:
            handler, most = found
            if offset and most is not None and len(args) > most:
                args = args[:-1]
            self._run(event, args, reply, handler, args)
        elif self._other_handler is not None:
            self._run(event, args, reply, self._other_handler, (event, args, reply is not None))

    def _tell(self, event: str, *args: Any) -> None:
        """Call the handler of one of the connection's own events."""
        found = self._handlers.get(event)
        if found is not None:
            self._run(event, args, None, found[0], args)

    def _run(
        self, event: str, args: Sequence[Any], reply: Reply, handler: Handler, values: Sequence[Any]
    ) -> None:
        try:
            result = handler(*values)
            if result is not None and is_awaitable(result):
                self._connection.start(self._finish(event, args, reply, result))
            elif reply is not None:
                reply(result)
        except FAILURES as error:
            self._handler_failed(event, args, reply, error)

    async def _finish(
        self, event: str, args: Sequence[Any], reply: Reply, awaitable: Awaitable[Any]
    ) -> None:
        self._connection.turns.started()
        try:
            result = await awaitable
            if reply is not None:
                reply(result)
        except FAILURES as error:
            if is_own_cancellation(error):
                raise
            self._handler_failed(event, args, reply, error)

    def _handler_failed(
        self, event: str, args: Sequence[Any], reply: Reply, error: BaseException
    ) -> None:
        log_failure(error, "the handler of %r failed", event)
        if self._error_handler is None:
            return
        try:
            answer = self._error_handler(event, list(args), as_exception(error))
            if answer is not None and reply is not None:
                reply(answer)
        except FAILURES as failure:
            log_failure(failure, "the handler of on_error failed for %r", event)

    def _announce_outgoing(self, args: tuple[Any, ...]) -> None:
        """Tell the listeners of on_any_outgoing."""
        for listener in tuple(self._outgoing):
            try:
                listener(*args)
            except FAILURES as error:
                log_failure(error, "a listener of on_any_outgoing failed for %r", args[0])


def _require_plain(function: Handler, what: str) -> None:
    if iscoroutinefunction(function):
        raise UsageError(f"{what} must be a plain function: nothing waits for its result")

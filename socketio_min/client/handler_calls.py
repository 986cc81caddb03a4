"""How a client calls the functions that the application has registered with a namespace.

A handler's failure is logged, and the handler of `on_error` is called; the connection goes on.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Protocol

from socketio_min.failures import FAILURES, as_exception, is_own_cancellation, log_failure
from socketio_min.handler_checks import most_arguments
from socketio_min.registration import Handler, Handlers
from socketio_min.tasks import is_awaitable

# Acknowledges an event with a handler's result.
Reply = Callable[[Any], None] | None


class HandlerRunner(Protocol):
    """Runs the asynchronous handlers of a connection."""

    def start(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Take an asynchronous handler's first step, and count it for as long as it goes on."""


class HandlerCalls:
    """Calls what is registered with one namespace."""

    __slots__ = ("_connection", "_most_arguments", "_registered")

    def __init__(self, connection: HandlerRunner, registered: Handlers) -> None:
        self._registered = registered
        self._connection = connection
        # By event, the most arguments that its handler takes; filled in when an offset comes.
        self._most_arguments: dict[str, int | None] = {}

    def off(self, event: str) -> None:
        """Forget the handler of an event."""
        self._registered.by_event.pop(event, None)
        self._most_arguments.pop(event, None)

    def handle(self, event: str, args: list[Any], reply: Reply, *, offset: bool) -> None:
        """Call the listeners and the handler of an event.

        `reply` takes the handler's result if the event asks for acknowledgement, else it is None.
        With `offset` the last argument is an offset, which a handler need not take.
        """
        for listener in tuple(self._registered.incoming):
            try:
                listener(event, *args)
            except FAILURES as error:
                log_failure(error, "a listener of on_any failed for %r", event)
        handler = self._registered.by_event.get(event)
        if handler is not None:
            if offset and not self._takes(event, handler, len(args)):
                args = args[:-1]
            self._run(event, args, reply, handler, args)
        elif (other := self._registered.other) is not None:
            self._run(event, args, reply, other, (event, args, reply is not None))

    def _takes(self, event: str, handler: Handler, count: int) -> bool:
        """Return whether the handler of an event takes `count` arguments."""
        if event not in self._most_arguments:
            self._most_arguments[event] = most_arguments(handler)
        most = self._most_arguments[event]
        return most is None or count <= most

    def tell(self, event: str, *args: Any) -> None:
        """Call the handler of "connect", "connect_error" or "disconnect"."""
        handler = self._registered.by_event.get(event)
        if handler is not None:
            self._run(event, args, None, handler, args)

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
        handler = self._registered.error
        if handler is None:
            return
        try:
            answer = handler(event, list(args), as_exception(error))
            if answer is not None and reply is not None:
                reply(answer)
        except FAILURES as failure:
            log_failure(failure, "the handler of on_error failed for %r", event)

    def announce_outgoing(self, args: tuple[Any, ...]) -> None:
        """Call the listeners of `on_any_outgoing`."""
        for listener in tuple(self._registered.outgoing):
            try:
                listener(*args)
            except FAILURES as error:
                log_failure(error, "a listener of on_any_outgoing failed for %r", args[0])

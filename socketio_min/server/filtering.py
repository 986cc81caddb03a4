"""An event on its way to its handler: the listeners of `on_any` are called, and event middlewares
may drop the event.

Events of namespaces that have neither go straight to their handlers.
"""

from __future__ import annotations

from collections.abc import Awaitable, Coroutine, Generator
from typing import Any, Protocol

from socketio_min.failures import FAILURES, is_own_cancellation, log_failure
from socketio_min.server.answering import event_failed
from socketio_min.server.socket import Socket
from socketio_min.tasks import take_all

Steps = Generator[Awaitable[Any], Any, None]


class FilteringClient(Protocol):
    """What filtering an event asks of the client's connection.

    `data` is the event's name and arguments. `weight` is its bytes, which are counted for as long
    as an asynchronous function works on it.
    """

    def start(self, coroutine: Coroutine[Any, Any, None], weight: int) -> None:
        """Take the first step of a coroutine, and count its weight for as long as it goes on."""

    def handle(self, socket: Socket, data: list[Any], ack_id: int | None, weight: int) -> None:
        """Call the handler of an event."""


def filter_event(
    client: FilteringClient, socket: Socket, data: list[Any], ack_id: int | None, weight: int
) -> None:
    """Tell the listeners of an event, and call its handler once all middlewares let it pass."""
    namespace = socket.namespace
    for listener in namespace.incoming:
        try:
            listener(socket, *data)
        except FAILURES as error:
            log_failure(error, "a listener of on_any failed for %r", data[0])
    event = data[0]
    args = data[1:]
    if namespace.event_middlewares:
        steps = namespace.filtering(socket, event, args)
        try:
            awaitable = next(steps, None)
        except FAILURES as error:
            event_failed(socket, event, args, ack_id, error)
            return
        if awaitable is not None:
            later = _finish(client, socket, event, args, ack_id, weight, steps, awaitable)
            client.start(later, weight)
            return
    client.handle(socket, [event, *args], ack_id, weight)


async def _finish(
    client: FilteringClient,
    socket: Socket,
    event: str,
    args: list[Any],
    ack_id: int | None,
    weight: int,
    steps: Steps,
    awaitable: Awaitable[Any],
) -> None:
    """Wait for the middlewares of an event, then call its handler."""
    try:
        await take_all(awaitable, steps)
    except FAILURES as error:
        if is_own_cancellation(error):
            raise
        event_failed(socket, event, args, ack_id, error)
    else:
        client.handle(socket, [event, *args], ack_id, weight)

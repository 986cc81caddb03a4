"""How an event is acknowledged whose handler goes on after its first step, or fails.

Any other handler is over when its first step returns: `connection.py` acknowledges its event.
"""

from __future__ import annotations

import logging
from typing import Any

from socketio_min.errors import EncodeError
from socketio_min.failures import FAILURES, is_own_cancellation
from socketio_min.first_steps import Begun
from socketio_min.server.socket import Socket

logger = logging.getLogger("socketio_min")


async def finish_event(
    socket: Socket, event: str, data: list[Any], ack_id: int | None, begun: Begun
) -> None:
    """Wait for a handler that has suspended, then acknowledge its event if that has an `ack_id`.

    `data` has the handler's arguments, the socket first.
    """
    try:
        result = await begun
        if ack_id is not None:
            socket.acknowledge(ack_id, result)
    except FAILURES as error:
        if is_own_cancellation(error):
            raise
        event_failed(socket, event, data[1:], ack_id, error)


def event_failed(
    socket: Socket, event: str, args: list[Any], ack_id: int | None, error: BaseException
) -> None:
    """Report that the middleware or the handler of an event has failed. What the error handler
    returns, if not None, acknowledges the event.
    """
    answer = socket.namespace.failed(socket, event, args, error)
    if answer is None or ack_id is None:
        return
    try:
        socket.acknowledge(ack_id, answer)
    except EncodeError:
        logger.exception("the error handler's answer to %r cannot be sent", event)

"""What follows when a middleware or the handler of an event fails."""

from __future__ import annotations

import logging
from typing import Any

from socketio_min.errors import EncodeError
from socketio_min.server.socket import Socket

logger = logging.getLogger("socketio_min")


def event_failed(
    socket: Socket, event: str, args: list[Any], ack_id: int | None, error: BaseException
) -> None:
    """Tell of an event whose middleware or handler has failed, and answer it."""
    answer = socket.namespace.failed(socket, event, args, error)
    if answer is None or ack_id is None:
        return
    try:
        socket.acknowledge(ack_id, answer)
    except EncodeError:
        logger.exception("the error handler's answer to %r cannot be sent", event)

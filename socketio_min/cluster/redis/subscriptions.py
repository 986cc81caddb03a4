"""The subscriptions of a link, which outlive each connection, and the receivers of messages.

With RESP3 the messages of channels are pushes between the replies (RESP3 specification, "Push
type"): `message` and `smessage` name the channel, `pmessage` the pattern before it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from socketio_min.cluster.redis.connection import Connection, Subscribing
from socketio_min.cluster.redis.resp import encode_command

# Gets the channel and the message.
Receive = Callable[[bytes, bytes], None]

logger = logging.getLogger("socketio_min")

# The pushes with a message, and the commands that asked for them.
_MESSAGES = {b"message": "SUBSCRIBE", b"smessage": "SSUBSCRIBE"}


class Subscriptions:
    """The receivers of each channel, by the command that subscribes to it and its name.

    `refused` is called with the command, the name and the error if Redis refuses a subscription.
    """

    def __init__(self, refused: Callable[[str, bytes, Exception], None]) -> None:
        self._refused = refused
        self._receivers: dict[tuple[str, bytes], tuple[Receive, ...]] = {}

    def __len__(self) -> int:
        """Return how many channels are subscribed to."""
        return len(self._receivers)

    def add(
        self, connection: Connection | None, command: str, channel: bytes, receive: Receive
    ) -> None:
        """Add a receiver; the first one of a channel subscribes, if there is a connection."""
        key = command, channel
        receivers = self._receivers.get(key, ())
        self._receivers[key] = (*receivers, receive)
        if not receivers and connection is not None:
            self._send(connection, command, channel)

    def remove(
        self, connection: Connection | None, command: str, channel: bytes, receive: Receive
    ) -> None:
        """Remove a receiver; the last one of a channel unsubscribes, if there is a connection."""
        key = command, channel
        receivers = tuple(one for one in self._receivers.get(key, ()) if one != receive)
        if receivers:
            self._receivers[key] = receivers
        elif self._receivers.pop(key, None) and connection is not None:
            self._send(connection, command.replace("SUBSCRIBE", "UNSUBSCRIBE"), channel)

    def restore(self, connection: Connection) -> None:
        """Subscribe to all channels on a new connection."""
        for command, channel in self._receivers:
            self._send(connection, command, channel)

    def _send(self, connection: Connection, command: str, channel: bytes) -> None:
        connection.send(
            encode_command(command, channel),
            Subscribing(channel, lambda error: self._refused(command, channel, error)),
        )

    def take(self, push: list[Any]) -> None:
        """Give the message of a push to its receivers; other pushes are ignored."""
        kind = push[0]
        if kind == b"pmessage":
            _, pattern, channel, message = push
            receivers = self._receivers.get(("PSUBSCRIBE", pattern), ())
        elif kind in _MESSAGES:
            _, channel, message = push
            receivers = self._receivers.get((_MESSAGES[kind], channel), ())
        else:
            return
        for receive in receivers:
            try:
                receive(channel, message)
            except Exception:
                logger.exception("a message of another server could not be handled")

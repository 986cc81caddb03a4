"""Carries messages between servers, by channels that each may publish to and subscribe to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from socketio_min.cluster.status import ClusterStatus

# Gets the channel and the message.
Receive = Callable[[bytes, bytes], None]


class Bus(Protocol):
    """Channels between servers.

    The messages of one server arrive at every subscriber, the server itself among them, in the
    order in which they were published and at most once.
    """

    @property
    def status(self) -> ClusterStatus:
        """Return whether the bus works."""

    def open(self) -> None:
        """Begin to connect; every `open` has its `close`, and the last one ends it."""

    async def close(self) -> None:
        """Send what waits and disconnect, if nobody else has it open."""

    async def settle(self) -> None:
        """Return when all subscriptions so far are in effect, or when that takes too long."""

    def publish(self, channel: bytes, message: bytes) -> None:
        """Send a message to the subscribers of a channel. Never blocks."""

    def subscribe(self, channel: bytes, receive: Receive) -> None:
        """Call `receive` with each message of a channel."""

    def unsubscribe(self, channel: bytes, receive: Receive) -> None:
        """Undo `subscribe`."""

    async def subscribers(self, channel: bytes) -> int:
        """Return how many servers subscribe to a channel. Waits until the bus works."""


class PatternBus(Bus, Protocol):
    """A bus that also has subscriptions to all channels that begin alike."""

    def subscribe_prefix(self, prefix: bytes, receive: Receive) -> None:
        """Call `receive` with each message of the channels that begin with `prefix`."""

    def unsubscribe_prefix(self, prefix: bytes, receive: Receive) -> None:
        """Undo `subscribe_prefix`."""

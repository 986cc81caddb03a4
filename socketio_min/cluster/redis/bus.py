"""What the adapters ask of Redis, of one server or of a Redis Cluster: channels, and commands."""

from __future__ import annotations

from typing import Any, Protocol

from socketio_min.cluster.redis.address import Address
from socketio_min.cluster.redis.cluster_link import ClusterLink
from socketio_min.cluster.redis.link import Link
from socketio_min.cluster.redis.resp import Part
from socketio_min.cluster.redis.subscriptions import Receive
from socketio_min.cluster.status import ClusterStatus


class RedisBus(Protocol):
    """The link to Redis. In a Redis Cluster a command goes to the node that has its `key`.

    The messages of one server arrive at every subscriber, the server itself among them, in the
    order in which they were published and at most once.
    """

    @property
    def status(self) -> ClusterStatus:
        """Return whether Redis can be reached."""

    def open(self) -> None:
        """Begin to connect; every `open` has its `close`, and the last one ends it."""

    async def close(self, *, drain: bool = True) -> None:
        """Disconnect if nobody else has it open; with `drain`, when Redis has all that was sent."""

    async def settle(self) -> None:
        """Return when all subscriptions so far are in effect, or when that takes too long."""

    # -- channels

    def publish(self, channel: bytes, message: bytes) -> None:
        """Send a message to the subscribers of a channel. Never blocks."""

    def subscribe(self, channel: bytes, receive: Receive) -> None:
        """Call `receive` with each message of a channel."""

    def unsubscribe(self, channel: bytes, receive: Receive) -> None:
        """Undo `subscribe`."""

    def subscribe_prefix(self, prefix: bytes, receive: Receive) -> None:
        """Call `receive` with each message of the channels that begin with `prefix`."""

    def unsubscribe_prefix(self, prefix: bytes, receive: Receive) -> None:
        """Undo `subscribe_prefix`."""

    async def subscribers(self, channel: bytes) -> int:
        """Return how many servers subscribe to a channel. Waits until Redis is there."""

    async def channels(self, prefix: bytes) -> list[bytes]:
        """Return the channels with subscribers that begin with `prefix`."""

    # -- sharded channels

    def publish_shard(self, channel: bytes, message: bytes) -> None:
        """Send a message to the subscribers of a sharded channel. Never blocks."""

    def subscribe_shard(self, channel: bytes, receive: Receive) -> None:
        """Call `receive` with each message of a sharded channel."""

    def unsubscribe_shard(self, channel: bytes, receive: Receive) -> None:
        """Undo `subscribe_shard`."""

    async def shard_subscribers(self, channel: bytes) -> int:
        """Return how many servers subscribe to a sharded channel. Waits until Redis is there."""

    async def shard_channels(self, prefix: bytes) -> list[bytes]:
        """Return the sharded channels with subscribers that begin with `prefix`."""

    # -- commands

    async def call(self, *command: Part, key: Part) -> Any:
        """Send a command that may be sent twice, and return its reply.

        Raises:
            RedisRefused: Redis answered with an error.
        """

    def send(self, command: bytes, key: Part) -> bool:
        """Send a command once, as soon as Redis takes it. Return False if it was dropped, because
        too much waits already.
        """


def make_bus(address: Address) -> RedisBus:
    """Return the link to the Redis that an address names."""
    return ClusterLink(address) if address.cluster else Link(address)

"""What the adapters ask of Redis, of one server or of a Redis Cluster."""

from __future__ import annotations

from typing import Any, Protocol

from socketio_min.cluster.bus import PatternBus, Receive
from socketio_min.cluster.redis.address import Address
from socketio_min.cluster.redis.cluster_link import ClusterLink
from socketio_min.cluster.redis.link import Link
from socketio_min.cluster.redis.resp import Part


class RedisBus(PatternBus, Protocol):
    """The link to Redis. A `key` says which node of a Redis Cluster is meant."""

    async def close(self, *, drain: bool = True) -> None:
        """Disconnect if nobody else has it open; with `drain`, when Redis has all that was sent."""

    async def channels(self, prefix: bytes) -> list[bytes]:
        """Return the channels with subscribers that begin with `prefix`."""

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

    async def call(self, *command: Part, key: Part) -> Any:
        """Send a command that may be sent twice, and return its reply.

        Raises:
            RedisRefused: Redis answered with an error.
        """

    def send(self, command: bytes, key: Part) -> bool:
        """Send a command once, as soon as Redis takes it; return False if there is no place."""


def make_bus(address: Address) -> RedisBus:
    """Return the link to the Redis that an address names."""
    return ClusterLink(address) if address.cluster else Link(address)

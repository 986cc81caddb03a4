"""The sharded channels that a server subscribes to, each on the node that has its slot.

Redis Cluster Specification, "Sharded Pub/Sub": a subscription ends when its slot moves.
"""

from __future__ import annotations

from collections.abc import Callable

from socketio_min.cluster.redis.node_link import NodeLink
from socketio_min.cluster.redis.subscriptions import Receive


class ShardedChannels:
    """The receivers of each channel, and the link by which it is subscribed to.

    `link_of(channel)` returns the link to the node that has the channel's slot, None if that is not
    known.
    """

    __slots__ = ("_link_of", "_places", "_receivers")

    def __init__(self, link_of: Callable[[bytes], NodeLink | None]) -> None:
        self._link_of = link_of
        self._receivers: dict[bytes, tuple[Receive, ...]] = {}
        self._places: dict[bytes, NodeLink] = {}

    @property
    def names(self) -> list[bytes]:
        """Return the channels that have receivers."""
        return [*self._receivers]

    @property
    def placed(self) -> bool:
        """Return whether every channel is subscribed to on some node."""
        return self._places.keys() == self._receivers.keys()

    def add(self, channel: bytes, receive: Receive) -> bool:
        """Call `receive` with each message of a channel. Return whether the channel is new."""
        receivers = self._receivers.get(channel, ())
        self._receivers[channel] = (*receivers, receive)
        return not receivers

    def remove(self, channel: bytes, receive: Receive) -> None:
        """Undo `add`."""
        receivers = tuple(one for one in self._receivers.get(channel, ()) if one != receive)
        if receivers:
            self._receivers[channel] = receivers
        elif self._receivers.pop(channel, None):
            link = self._places.pop(channel, None)
            if link is not None:
                link.unsubscribe_shard(channel, self._take)

    def place(self, channel: bytes) -> None:
        """Subscribe to a channel on the node that has its slot now."""
        old = self._places.get(channel)
        link = self._link_of(channel)
        if link is old:
            return
        if old is not None:
            # Messages of the old node are dropped from now on: the new node might send them again.
            del self._places[channel]
            old.unsubscribe_shard(channel, self._take)
        if link is not None:
            self._places[channel] = link
            link.subscribe_shard(channel, self._take)

    def lose(self, link: NodeLink, channel: bytes) -> bool:
        """Note that the node of `link` does not have a channel. Return whether it had it before."""
        if self._places.get(channel) is not link:
            return False
        del self._places[channel]
        link.unsubscribe_shard(channel, self._take)
        return True

    def forget_places(self) -> None:
        """Note that all links are closed."""
        self._places.clear()

    def _take(self, channel: bytes, message: bytes) -> None:
        for receive in self._receivers.get(channel, ()):
            receive(channel, message)

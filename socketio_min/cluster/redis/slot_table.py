"""On which node each slot of a Redis Cluster is, as far as the nodes have told."""

from __future__ import annotations

from collections.abc import Sequence

from socketio_min.cluster.redis.slots import Node, Shard


class SlotTable:
    """The last answer to CLUSTER SLOTS, and the slots that have moved since (MOVED)."""

    __slots__ = ("_owners", "_shards")

    def __init__(self) -> None:
        self._shards: Sequence[Shard] = ()
        # The node of each slot that was asked for, or has moved.
        self._owners: dict[int, Node] = {}

    def replace(self, shards: Sequence[Shard]) -> None:
        """Take another answer to CLUSTER SLOTS."""
        self._shards = shards
        self._owners.clear()

    def move(self, slot: int, node: Node) -> None:
        """Note that a slot is at `node` now."""
        self._owners[slot] = node

    @property
    def nodes(self) -> list[Node]:
        """Return all nodes, each once."""
        found = [node for shard in self._shards for node in (shard.master, *shard.replicas)]
        return [*dict.fromkeys(found)]

    @property
    def masters(self) -> set[Node]:
        """Return the nodes that have slots."""
        return {shard.master for shard in self._shards}

    def owner(self, slot: int) -> Node | None:
        """Return the node of a slot, None if that is not known."""
        node = self._owners.get(slot)
        if node is None and (shard := self._shard(slot)) is not None:
            self._owners[slot] = node = shard.master
        return node

    def holders(self, slot: int) -> list[Node]:
        """Return the nodes that have a slot: its master, and the replicas of that."""
        shard = self._shard(slot)
        return [] if shard is None else [shard.master, *shard.replicas]

    def _shard(self, slot: int) -> Shard | None:
        return next((one for one in self._shards if one.first <= slot <= one.last), None)

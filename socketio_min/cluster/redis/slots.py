"""Which node of a Redis Cluster has a key or a sharded channel.

A cluster has 16,384 slots, each of one master; its replicas know the same. A node that is asked for
another node's slot names that node: with MOVED when the slot has gone there, with ASK while it is
on its way. Redis Cluster Specification, "Key distribution model" and "Redirection and resharding".
"""

from __future__ import annotations

from binascii import crc_hqx
from collections.abc import Sequence
from typing import Any, NamedTuple

from socketio_min.cluster.redis.resp import Part

SLOTS = 16_384


class Node(NamedTuple):
    """The address that a node listens on."""

    host: str
    port: int


class Shard(NamedTuple):
    """A range of slots, `first` to `last`, with its master and the replicas of that."""

    first: int
    last: int
    master: Node
    replicas: tuple[Node, ...]


class Redirection(NamedTuple):
    """The refusal of a node that does not have the slot; `node` has it, None if that is not known.

    `moved` tells whether later commands for the slot go to `node`, too.
    """

    node: Node | None
    moved: bool


def slot_of(key: Part) -> int:
    """Return the slot of a key or a channel: by its first part in braces, if that is not empty."""
    name = key if isinstance(key, bytes) else str(key).encode()
    start = name.find(b"{")
    if start >= 0:
        end = name.find(b"}", start + 1)
        if end > start + 1:
            name = name[start + 1 : end]
    return crc_hqx(name, 0) % SLOTS


def read_shards(reply: Any, asked: str) -> list[Shard]:
    """Return what CLUSTER SLOTS tells; a node without an address is on the host that was asked.

    Raises:
        ValueError: the reply is something else.
    """
    try:
        return [_read_shard(entry, asked) for entry in reply]
    except (AttributeError, IndexError, TypeError, ValueError) as error:
        raise ValueError(f"got {reply!r:.200} from CLUSTER SLOTS ({error})") from None


def _read_shard(entry: Sequence[Any], asked: str) -> Shard:
    first, last, *nodes = entry
    master, *replicas = [Node((node[0] or b"").decode() or asked, int(node[1])) for node in nodes]
    if not 0 <= first <= last < SLOTS:
        raise ValueError(f"got the slots {first} to {last} from CLUSTER SLOTS")
    return Shard(first, last, master, tuple(replicas))


def read_redirection(error: Exception, asked: str) -> Redirection | None:
    """Return what an error of a node of a cluster means, None if it is no redirection.

    A node that has lost sight of the cluster, is loading, or is in the middle of moving a slot
    takes the command later, or another node does.
    """
    kind, _, rest = str(error).partition(" ")
    if kind in ("CLUSTERDOWN", "LOADING", "TRYAGAIN"):
        return Redirection(None, moved=False)
    if kind not in ("MOVED", "ASK"):
        return None
    host, _, port = rest.rpartition(" ")[2].rpartition(":")
    if not (port.isascii() and port.isdecimal()):
        return None
    return Redirection(Node(host or asked, int(port)), moved=kind == "MOVED")

"""Which node of a Redis Cluster has a key or a sharded channel.

A cluster has 16,384 slots, each on one master and its replicas. A node that is asked for a slot of
another node names that node: with MOVED when the slot has gone there, with ASK while it is on its
way. Redis Cluster Specification, "Key distribution model" and "Redirection and resharding".
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
    """The refusal of a node that does not have a slot. `node` has it; None if that is not known.

    `moved` tells whether later commands for the slot go to `node`, too.
    """

    node: Node | None
    moved: bool


def slot_of(key: Part) -> int:
    """Return the slot of a key or a channel: that of its first part in braces, or of all of it if
    there is no such part or it is empty.
    """
    name = key if isinstance(key, bytes) else str(key).encode()
    start = name.find(b"{")
    if start >= 0:
        end = name.find(b"}", start + 1)
        if end > start + 1:
            name = name[start + 1 : end]
    return crc_hqx(name, 0) % SLOTS


def read_shards(reply: Any, asked: str) -> list[Shard]:
    """Read the reply to CLUSTER SLOTS; a node without an address is on the host `asked`.

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
    """Return the redirection in an error of the host `asked`, None if the error is none.

    A node that cannot reach the cluster, is loading, or is moving a slot takes the command later,
    or another node does: such an error is a redirection to an unknown node.
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

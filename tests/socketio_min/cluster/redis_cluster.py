"""A Redis Cluster of the system's packages: three masters, and replicas of the first if wanted."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from socketio_min.cluster.redis.slots import Node, Shard, read_shards
from tests.listening import free_port
from tests.socketio_min.cluster.redis_server import RedisServer, running_redis
from tests.waiting import PATIENCE

# Milliseconds after which the others take a node for dead: never by themselves. On a busy machine a
# node that lives may be silent for seconds, and its replica would take over before a test wants it.
NODE_TIMEOUT = 600_000


class RedisCluster:
    """The nodes, each by its number; the first three are the masters."""

    def __init__(self, nodes: list[RedisServer]) -> None:
        self.nodes = nodes

    @property
    def url(self) -> str:
        return "redis+cluster://" + ",".join(f"127.0.0.1:{node.port}" for node in self.nodes[:3])

    @property
    def first(self) -> str:
        """The URL of one node, for clients that find the others by themselves."""
        return self.nodes[0].url

    def shards(self, node: int = 0) -> list[Shard]:
        return read_shards(self.nodes[node].command("CLUSTER", "SLOTS"), "127.0.0.1")

    def owner(self, slot: int) -> RedisServer:
        """Return the master of a slot, as the second node sees it."""
        [shard] = [one for one in self.shards(1) if one.first <= slot <= one.last]
        return self.at(shard.master)

    def at(self, where: Node) -> RedisServer:
        [node] = [node for node in self.nodes if node.port == where.port]
        return node

    def until(self, condition: str, *, seen_by: list[RedisServer] | None = None) -> None:
        """Wait until CLUSTER INFO of these nodes has a line."""
        deadline = time.monotonic() + PATIENCE
        for node in self.nodes if seen_by is None else seen_by:
            while condition.encode() not in bytes(node.command("CLUSTER", "INFO")):  # type: ignore[call-overload]
                assert time.monotonic() < deadline, f"{condition} never came true"
                time.sleep(0.01)

    def move(self, slot: int, to: RedisServer) -> None:
        """Bring a slot and its keys to another master, as redis-cli does when it reshards."""
        old = self.owner(slot)
        ids = {node.port: text(node.command("CLUSTER", "MYID")) for node in (old, to)}
        to.command("CLUSTER", "SETSLOT", str(slot), "IMPORTING", ids[old.port])
        old.command("CLUSTER", "SETSLOT", str(slot), "MIGRATING", ids[to.port])
        keys = old.command("CLUSTER", "GETKEYSINSLOT", str(slot), "1000")
        assert isinstance(keys, list)
        for key in keys:
            old.command("MIGRATE", "127.0.0.1", str(to.port), key, "0", "5000")
        for node in (to, old):
            node.command("CLUSTER", "SETSLOT", str(slot), "NODE", ids[to.port])


def take_over(replica: RedisServer) -> None:
    """Make a replica the master of its master's slots, as if that were voted dead."""
    assert replica.command("CLUSTER", "FAILOVER", "TAKEOVER") == b"OK"


def text(value: object) -> str:
    assert isinstance(value, bytes)
    return value.decode()


def redis_cli(*arguments: str) -> None:
    done = subprocess.run(
        ["redis-cli", "--cluster", *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@contextmanager
def running_cluster(replicas: int = 0) -> Iterator[RedisCluster]:
    """Run a cluster with so many replicas of its first master."""
    with ExitStack() as stack:
        nodes = [
            stack.enter_context(
                running_redis(
                    *("--cluster-enabled", "yes", "--cluster-port", str(free_port())),
                    *("--cluster-node-timeout", str(NODE_TIMEOUT)),
                    *("--repl-diskless-sync-delay", "0"),
                )
            )
            for _ in range(3 + replicas)
        ]
        places = [f"127.0.0.1:{node.port}" for node in nodes]
        redis_cli("create", *places[:3], "--cluster-yes")
        cluster = RedisCluster(nodes)
        master = text(nodes[0].command("CLUSTER", "MYID"))
        for place in places[3:]:
            redis_cli(
                "add-node", place, places[0], "--cluster-slave", "--cluster-master-id", master
            )
        cluster.until("cluster_state:ok")
        cluster.until(f"cluster_known_nodes:{len(nodes)}")
        for node in nodes[3:]:
            while b"master_link_status:up" not in bytes(node.command("INFO", "replication")):  # type: ignore[call-overload]
                time.sleep(0.01)
        yield cluster

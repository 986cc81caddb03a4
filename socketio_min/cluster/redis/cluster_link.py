"""The link to a Redis Cluster: it has a link to each node that has a channel or a key of this
server.

    publish, subscribe          ─► home: any node, which passes messages on to the other nodes
    SPUBLISH, SSUBSCRIBE, keys  ─► the node of the slot

The home node is asked where the slots are: at the start, when a node says that a slot has gone,
when a link is lost, and again until each channel and each command has its node. A command that a
node refuses because the slot is elsewhere goes to the other node, before commands that were sent
later. Commands that wait for a node that is gone go to the node that has taken its slots. So when a
master dies, the commands under way to it are lost, and messages of its channels until a replica has
taken over; all others go on.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from socketio_min.cluster.redis import link as link_module
from socketio_min.cluster.redis.address import Address
from socketio_min.cluster.redis.connection import PATIENCE, PING_INTERVAL
from socketio_min.cluster.redis.link import MAX_WAITING, Link, escape_glob
from socketio_min.cluster.redis.moving_slots import MovingSlots
from socketio_min.cluster.redis.node_link import NodeLink, Routed
from socketio_min.cluster.redis.opening import RedisRefused
from socketio_min.cluster.redis.resp import Part, encode_command
from socketio_min.cluster.redis.sharded_channels import ShardedChannels
from socketio_min.cluster.redis.slot_table import SlotTable
from socketio_min.cluster.redis.slots import (
    Node,
    Redirection,
    Shard,
    read_redirection,
    read_shards,
    slot_of,
)
from socketio_min.cluster.redis.subscriptions import Receive
from socketio_min.cluster.status import ClusterStatus

logger = logging.getLogger("socketio_min")

# Seconds between two looks at where the slots are.
LOOK = 0.1


class ClusterLink:
    """The link of one process to a Redis Cluster."""

    def __init__(
        self,
        address: Address,
        *,
        max_waiting: int = MAX_WAITING,
        ping_interval: float = PING_INTERVAL,
        patience: float = PATIENCE,
    ) -> None:
        self.address = address
        self.status = ClusterStatus(connected=False)
        self._patience = patience
        self._max_waiting = max_waiting
        self._ping_interval = ping_interval
        self._seeds = address.hosts
        self._home = Link(
            address,
            max_waiting=max_waiting,
            ping_interval=ping_interval,
            patience=patience,
            whole=self.status,
        )
        self._home.status.on_change(self._link_changed)
        self._meet(())
        self._users = 0
        self._task: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._table = SlotTable()
        self._links: dict[Node, NodeLink] = {}
        self._moving = MovingSlots(max_waiting, self.status.drop)
        self._channels = ShardedChannels(self._link_of)
        self._stale = asyncio.Event()
        self._known = asyncio.Event()
        self._change = asyncio.Event()

    def _meet(self, nodes: Sequence[Node]) -> None:
        """Have the home link try the nodes in a random order, so that each node is home to some
        servers.
        """
        hosts = [*dict.fromkeys((*self._seeds, *((node.host, node.port) for node in nodes)))]
        random.shuffle(hosts)
        self._home.address = replace(self.address, hosts=tuple(hosts))

    # -- the life of the link

    def open(self) -> None:
        """Begin to connect; every `open` has its `close`, and the last one ends it."""
        self._users += 1
        self._home.open()
        if self._task is None:
            self._stale, self._known, self._change = (asyncio.Event() for _ in range(3))
            self._stale.set()
            self._task = asyncio.get_running_loop().create_task(self._watch())

    async def close(self, *, drain: bool = True) -> None:
        """Disconnect if nobody else has it open; with `drain`, when Redis has all that was sent."""
        self._users -= 1
        if self._users == 0 and self._task is not None:
            task, self._task = self._task, None
            tasks = [task, *self._tasks]
            if drain:
                await asyncio.gather(*(one.drain() for one in self._links.values()))
            for one in tasks:
                one.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            links, self._links = self._links, {}
            self._channels.forget_places()
            self._moving.clear()
            await asyncio.gather(*(one.close(drain=False) for one in links.values()))
        await self._home.close(drain=drain)

    async def settle(self) -> None:
        """Return when all subscriptions so far are in effect, or when that takes too long."""
        await self._home.settle()
        try:
            async with asyncio.timeout(link_module.CONNECT_TIMEOUT):
                await self._known.wait()
                await asyncio.gather(*(self.call("PING", key=one) for one in self._channels.names))
        except TimeoutError:
            logger.warning(
                "not all nodes of Redis at %s answer: only some messages arrive until then",
                self._home.address,
            )

    # -- where the slots are

    async def _watch(self) -> None:
        """Ask where the slots are, whenever something says that they have moved."""
        told = False
        while True:
            await self._stale.wait()
            self._stale.clear()
            try:
                reply = await self._home.call("CLUSTER", "SLOTS")
                self._place(read_shards(reply, self._home.host))
                told = False
            except (RedisRefused, ValueError) as error:
                self._stale.set()
                if not told:
                    told = True
                    logger.error("Redis at %s is no cluster: %s", self._home.address, error)
            else:
                self._known.set()
                self._link_changed()
            await asyncio.sleep(LOOK)
            if not self._whole:
                self._stale.set()

    @property
    def _whole(self) -> bool:
        """Return whether each channel and each command has a node that can be reached."""
        return (
            self._known.is_set()
            and self._home.status.connected
            and not any(link.away for link in self._links.values() if link.used)
            and self._channels.placed
        )

    def _link_changed(self, connected: bool = True) -> None:
        """Note that a link is lost or is back, or that the slots are known."""
        if not connected:
            self._stale.set()
        self.status.change(self._whole)
        change, self._change = self._change, asyncio.Event()
        change.set()

    def link_failed(self) -> None:
        """Note that a node cannot be reached."""
        self._link_changed(False)

    def _place(self, shards: list[Shard]) -> None:
        """Bring all channels and waiting commands to the nodes that have their slots now."""
        self._table.replace(shards)
        nodes, masters = self._table.nodes, self._table.masters
        self._meet(nodes)
        homeless: list[Routed] = []
        for node, link in [*self._links.items()]:
            if node not in nodes and not link.asked:
                del self._links[node]
                homeless += link.take_waiting()
                self._start(link.close(drain=False))
            else:
                if link.away:
                    homeless += link.take_waiting()
                link.used = link.used and node in masters
                link.asked = False
        for sent in homeless:
            self._route(sent.slot, sent.command)
        for channel in self._channels.names:
            self._channels.place(channel)

    def _link(self, node: Node) -> NodeLink:
        link = self._links.get(node)
        if link is None:
            link = NodeLink(
                replace(self.address, hosts=((node.host, node.port),), cluster=False),
                self,
                max_waiting=self._max_waiting,
                ping_interval=self._ping_interval,
                patience=self._patience,
                whole=self.status,
            )
            link.status.on_change(self._link_changed)
            link.open()
            self._links[node] = link
        return link

    def _start(self, coroutine: Any) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # -- what goes to the node of a slot

    def send(self, command: bytes, key: Part) -> bool:
        """Send a command once, to the node of its key. Return False if it was dropped."""
        return self._route(slot_of(key), command)

    def _route(self, slot: int, command: bytes) -> bool:
        if slot in self._moving:
            return self._moving.hold_later(slot, command)
        node = self._table.owner(slot)
        # The home node answers MOVED, which tells where the slot is.
        link = self._home if node is None else self._link(node)
        if isinstance(link, NodeLink):
            link.used = True
        return link.send(command, reply=Routed(self, link, slot, command))

    def redirected(self, sent: Routed, to: Redirection) -> None:
        """Send a command that a node has refused to the node that has the slot."""
        if to.node is not None and not to.moved:
            link = self._link(to.node)
            link.send_asking(sent.command, Routed(self, link, sent.slot, sent.command))
            return
        if to.node is not None:
            self._table.move(sent.slot, to.node)
        self._stale.set()
        if sent.slot not in self._moving:
            self._moving.begin(sent.slot)
            # The slots may be known again before the old node has answered all commands.
            change = self._change if to.node is None else None
            self._start(self._finish(sent.slot, sent.link, change))
        self._moving.hold_refused(sent.slot, sent.command)

    async def _finish(self, slot: int, old: Link, change: asyncio.Event | None) -> None:
        """Send the held commands of a slot when the old node has answered all commands, and
        `change` has come, if given: so the order stays.
        """
        with contextlib.suppress(ConnectionResetError, RedisRefused):
            await old.call_once("PING")
        if change is not None:
            await change.wait()
        for command in self._moving.end(slot):
            self._route(slot, command)

    async def call(self, *command: Part, key: Part) -> Any:
        """Send a command that may be sent twice to the node of its key, and return its reply.

        The call waits until that node is there and does not end by itself: bound it by a timeout.

        Raises:
            RedisRefused: Redis answered with an error that is no redirection.
        """
        slot = slot_of(key)
        # The node that the slot is on its way to.
        asked: Node | None = None
        while True:
            change = self._change
            node = asked or self._table.owner(slot)
            if node is not None:
                link = self._link(node)
                try:
                    if asked is not None:
                        asked = None
                        return await link.call_asking(*command)
                    link.used = True
                    return await link.call_once(*command)
                except ConnectionResetError:
                    pass
                except RedisRefused as error:
                    to = read_redirection(error, link.host)
                    if to is None:
                        raise
                    self._stale.set()
                    if to.node is not None:
                        if to.moved:
                            self._table.move(slot, to.node)
                        else:
                            asked = to.node
                        continue
            await change.wait()

    # -- channels of all nodes

    def publish(self, channel: bytes, message: bytes) -> None:
        """Send a message to the subscribers of a channel. Never blocks."""
        self._home.publish(channel, message)

    def subscribe(self, channel: bytes, receive: Receive) -> None:
        """Call `receive` with each message of a channel."""
        self._home.subscribe(channel, receive)

    def unsubscribe(self, channel: bytes, receive: Receive) -> None:
        """Undo `subscribe`."""
        self._home.unsubscribe(channel, receive)

    def subscribe_prefix(self, prefix: bytes, receive: Receive) -> None:
        """Call `receive` with each message of the channels that begin with `prefix`."""
        self._home.subscribe_prefix(prefix, receive)

    def unsubscribe_prefix(self, prefix: bytes, receive: Receive) -> None:
        """Undo `subscribe_prefix`."""
        self._home.unsubscribe_prefix(prefix, receive)

    async def subscribers(self, channel: bytes) -> int:
        """Return how many servers subscribe to a channel, on all nodes together."""
        await self._known.wait()
        replies = await self._ask_nodes(self._table.nodes, "PUBSUB", "NUMSUB", channel)
        return sum(int(reply[1]) for reply in replies)

    async def channels(self, prefix: bytes) -> list[bytes]:
        """Return the channels with subscribers that begin with `prefix`."""
        return await self._names("CHANNELS", prefix)

    async def _names(self, what: str, prefix: bytes) -> list[bytes]:
        await self._known.wait()
        pattern = escape_glob(prefix) + b"*"
        replies = await self._ask_nodes(self._table.nodes, "PUBSUB", what, pattern)
        return [*dict.fromkeys(name for reply in replies for name in reply)]

    async def _ask_nodes(self, nodes: Sequence[Node], *command: Part) -> list[Any]:
        """Return the replies of the nodes that can be reached.

        A server that is subscribed on a node that cannot be reached from here gets no message from
        here either.
        """

        async def ask(link: NodeLink) -> Any:
            while await link.reached():
                try:
                    return await link.call_once(*command)
                except ConnectionResetError:
                    # The node may be back already.
                    await asyncio.sleep(0)
            return None

        replies = await asyncio.gather(*(ask(self._link(node)) for node in nodes))
        return [reply for reply in replies if reply is not None]

    # -- sharded channels

    def publish_shard(self, channel: bytes, message: bytes) -> None:
        """Send a message to the subscribers of a sharded channel. Never blocks."""
        self._route(slot_of(channel), encode_command(b"SPUBLISH", channel, message))

    def subscribe_shard(self, channel: bytes, receive: Receive) -> None:
        """Call `receive` with each message of a sharded channel."""
        if self._channels.add(channel, receive) and self._known.is_set():
            self._channels.place(channel)

    def unsubscribe_shard(self, channel: bytes, receive: Receive) -> None:
        """Undo `subscribe_shard`."""
        self._channels.remove(channel, receive)

    def _link_of(self, channel: bytes) -> NodeLink | None:
        """Return the link to the node that has a channel's slot, None if that is not known."""
        node = self._table.owner(slot_of(channel))
        link = None if node is None else self._link(node)
        if link is not None:
            link.used = True
        return link

    def channel_lost(self, link: NodeLink, channel: bytes) -> None:
        """Find another node for a channel that this node does not have, or has no longer."""
        if self._channels.lose(link, channel):
            self._stale.set()

    async def shard_subscribers(self, channel: bytes) -> int:
        """Return how many servers subscribe to a sharded channel."""
        await self._known.wait()
        nodes = self._table.holders(slot_of(channel))
        replies = await self._ask_nodes(nodes, "PUBSUB", "SHARDNUMSUB", channel)
        return sum(int(reply[1]) for reply in replies)

    async def shard_channels(self, prefix: bytes) -> list[bytes]:
        """Return the sharded channels with subscribers that begin with `prefix`."""
        return await self._names("SHARDCHANNELS", prefix)

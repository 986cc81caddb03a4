"""The link to one node of a Redis Cluster, and the commands on their way to the node."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Protocol

import hiredis

from socketio_min.cluster.redis.address import Address
from socketio_min.cluster.redis.link import Link
from socketio_min.cluster.redis.opening import RedisRefused
from socketio_min.cluster.redis.resp import Part, encode_command
from socketio_min.cluster.redis.slots import Redirection, read_redirection

logger = logging.getLogger("socketio_min")

_ASKING = encode_command("ASKING")


class Router(Protocol):
    """Knows on which node each slot is; `ClusterLink` is one."""

    def redirected(self, sent: Routed, to: Redirection) -> None:
        """Send a command that a node has refused to the node that has the slot."""

    def channel_lost(self, link: NodeLink, channel: bytes) -> None:
        """Find another node for a channel that this node does not have, or has no longer."""

    def link_failed(self) -> None:
        """Note that a node cannot be reached."""


class Routed:
    """A command on its way to the node of its slot; called with the answer of that node."""

    __slots__ = ("command", "link", "router", "slot")

    def __init__(self, router: Router, link: Link, slot: int, command: bytes) -> None:
        self.router = router
        self.link = link
        self.slot = slot
        self.command = command

    def __call__(self, reply: Any) -> None:
        if not isinstance(reply, Exception):
            return
        if not isinstance(reply, hiredis.ReplyError):
            # The command may have arrived or not.
            self.link.lose()
            return
        to = read_redirection(reply, self.link.host)
        if to is None:
            self.link.refuse(reply)
        else:
            self.router.redirected(self, to)


class NodeLink(Link):
    """The link to a node.

    `used` tells whether a channel or a command of this server is on the node. `asked` tells whether
    a slot was on its way to the node since the slots were last looked up: then the node may have no
    slot yet, and be in no table.
    """

    def __init__(self, address: Address, router: Router, **options: Any) -> None:
        super().__init__(address, **options)
        self.used = False
        self.asked = False
        self._router = router

    def _failed(self) -> None:
        super()._failed()
        self._router.link_failed()

    def _pushed(self, push: list[Any]) -> None:
        if push[0] == b"sunsubscribe":
            # Not an answer to SUNSUBSCRIBE: the slot has moved away (Redis Cluster Specification).
            self._router.channel_lost(self, push[1])
        else:
            super()._pushed(push)

    def _subscription_refused(self, command: str, channel: bytes, error: Exception) -> None:
        if read_redirection(error, self.host) is None:
            super()._subscription_refused(command, channel, error)
        elif command == "SSUBSCRIBE":
            self._router.channel_lost(self, channel)

    def send_asking(self, command: bytes, reply: Routed) -> None:
        """Send a command for a slot that is on its way to the node."""
        self.asked = True
        self.send(_ASKING, reply=_ignore)
        self.send(command, reply=reply)

    async def call_asking(self, *command: Part) -> Any:
        """Send a command for a slot that is on its way to the node, and return its reply.

        Raises:
            RedisRefused: Redis answered with an error.
            ConnectionResetError: Redis cannot be reached, or went before it answered.
        """
        self.asked = True
        if self._connected_one is not None:
            self._connected_one.send(_ASKING, _ignore)
        return await self.call_once(*command)

    def take_waiting(self) -> list[Routed]:
        """Return the commands that wait to be sent, and keep them no longer."""
        waiting = [reply for _, reply in self._waiting if isinstance(reply, Routed)]
        self._waiting.clear()
        self._waiting_size = 0
        return waiting

    async def drain(self) -> None:
        """Return when the node has all commands, or when that takes too long."""
        try:
            async with asyncio.timeout(self._patience):
                await self.call_once("PING")
        except (TimeoutError, ConnectionResetError, RedisRefused):
            logger.warning("Redis at %s did not take what was left", self.address)


def _ignore(_reply: Any) -> None:
    pass

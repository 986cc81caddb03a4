"""The adapter that uses the sharded channels of Redis 7, with messages as in Node.js.

Every server subscribes to the channel of the namespace, and to a channel of its own for responses.
In the modes `dynamic` and `dynamic-private` it also subscribes to the channel of each room that has
a member on the server: broadcasts to a room do not reach servers without members.
"""

from __future__ import annotations

import re
import secrets
import ssl
from collections.abc import Callable, Iterable
from typing import Literal, cast

from socketio_min.cluster.adapter import LocalNamespace
from socketio_min.cluster.cluster_adapter import REQUEST_TIMEOUT, ClusterAdapter
from socketio_min.cluster.messages import Broadcast, Request, Response
from socketio_min.cluster.redis.address import parse_url
from socketio_min.cluster.redis.bus import RedisBus, make_bus
from socketio_min.cluster.redis.cluster_wire import Message, encode, read_message
from socketio_min.cluster.redis.msgpack import unpack_any
from socketio_min.cluster.values import inner_names, name_bytes
from socketio_min.errors import PacketError, UsageError

Mode = Literal["dynamic", "static", "dynamic-private"]
MODES = ("dynamic", "static", "dynamic-private")

# The official adapter takes a room whose name has this length for the room of a socket's id.
_SOCKET_ID_LENGTH = 20
_LONG_ID = re.compile("[0-9a-f]{16}")


def long_id() -> str:
    """Return a random name of 16 hexadecimal digits, as Node.js gives servers and requests."""
    return secrets.token_hex(8)


def server_ids(prefix: bytes, channels: Iterable[bytes]) -> frozenset[str]:
    """Return the names of servers in channels that are called `prefix`, then a name, then "#"."""
    return frozenset(filter(_LONG_ID.fullmatch, inner_names(prefix, channels)))


class ShardedRedisAdapter(ClusterAdapter):
    """The rooms of one of several servers that share a Redis 7 or later."""

    __slots__ = ("_channel", "_link", "_mode", "_own_channel")

    def __init__(
        self,
        namespace: LocalNamespace,
        link: RedisBus,
        *,
        prefix: str = "socket.io",
        mode: Mode = "dynamic",
        request_timeout: float = REQUEST_TIMEOUT,
    ) -> None:
        super().__init__(namespace, long_id())
        self.status = link.status
        self.request_timeout = request_timeout
        self._link = link
        self._mode = mode
        self._channel = name_bytes(f"{prefix}#{namespace.name}#")
        self._own_channel = self._channel + self.uid.encode() + b"#"

    @classmethod
    def from_url(
        cls,
        url: str,
        *,
        prefix: str = "socket.io",
        mode: Mode = "dynamic",
        request_timeout: float = REQUEST_TIMEOUT,
        tls: ssl.SSLContext | None = None,
    ) -> Callable[[LocalNamespace], ShardedRedisAdapter]:
        """Return the function that makes the adapters of one server's namespaces, for
        `Server(adapter=…)`.

        url: of Redis, as for `RedisAdapter.from_url`.
        prefix: the beginning of the channels' names. All servers have the same prefix and mode.
        mode: with "dynamic" each room has a channel, with "dynamic-private" each socket too, with
        "static" none has.
        request_timeout: seconds that `fetch_sockets` waits for the other servers.

        Raises:
            UsageError: it is no URL of Redis, or there is no such mode.
        """
        if mode not in MODES:
            raise UsageError(f"mode: got {mode!r}, expected one of {', '.join(MODES)}")
        link = make_bus(parse_url(url, tls))

        def make(namespace: LocalNamespace) -> ShardedRedisAdapter:
            return cls(namespace, link, prefix=prefix, mode=mode, request_timeout=request_timeout)

        return make

    async def start(self) -> None:
        self._link.open()
        self._link.subscribe_shard(self._channel, self._take)
        self._link.subscribe_shard(self._own_channel, self._take)
        await self._link.settle()

    async def close(self) -> None:
        self._link.unsubscribe_shard(self._channel, self._take)
        self._link.unsubscribe_shard(self._own_channel, self._take)
        await self._link.close()

    async def server_count(self) -> int:
        return await self._link.shard_subscribers(self._channel)

    async def server_names(self) -> frozenset[str]:
        # Rooms have channels, too.
        found = await self._link.shard_channels(self._channel)
        return server_ids(self._channel, found) - {self.uid}

    def new_request_id(self) -> str:
        return long_id()

    # -- rooms, which have channels

    def add_all(self, socket_id: str, rooms: Iterable[str]) -> None:
        for room, created in self._rooms.add(socket_id, rooms):
            if created and self._has_channel(room):
                self._link.subscribe_shard(self._room_channel(room), self._take)

    def delete(self, socket_id: str, room: str) -> None:
        self._forget(self._rooms.remove(socket_id, room))

    def delete_all(self, socket_id: str) -> None:
        self._forget(self._rooms.remove_all(socket_id))

    def _forget(self, left: list[tuple[str, bool]]) -> None:
        for room, emptied in left:
            if emptied and self._has_channel(room):
                self._link.unsubscribe_shard(self._room_channel(room), self._take)

    def _has_channel(self, room: str) -> bool:
        if self._mode == "dynamic":
            return len(room) != _SOCKET_ID_LENGTH
        return self._mode == "dynamic-private"

    def _room_channel(self, room: str) -> bytes:
        return self._channel + name_bytes(room) + b"#"

    # -- out

    def publish(self, message: Request) -> None:
        channel = self._channel
        # A broadcast with acknowledgements goes to all servers: those without members report too.
        if isinstance(message, Broadcast) and message.request_id is None:
            rooms = message.options.rooms
            if len(rooms) == 1 and self._has_channel(rooms[0]):
                channel = self._room_channel(rooms[0])
        self._link.publish_shard(
            channel, encode(self.uid, self._namespace.name, cast(Message, message))
        )

    def respond(self, uid: str, message: Response) -> None:
        channel = self._channel + name_bytes(uid) + b"#"
        self._link.publish_shard(
            channel, encode(self.uid, self._namespace.name, cast(Message, message))
        )

    # -- in

    def _take(self, _channel: bytes, data: bytes) -> None:
        try:
            uid, namespace, message = read_message(unpack_any(data))
        except PacketError as error:
            self.reject(error)
            return
        if message is not None and namespace == self._namespace.name:
            self.take(uid, message)

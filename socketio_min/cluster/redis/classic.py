"""The adapter that speaks as `@socket.io/redis-adapter` does: servers of both projects are equal
members.

Each namespace has a channel for broadcasts, a channel for each room, which has the broadcasts to
that room alone, a channel for requests, and two for responses. Redis only passes the messages on: a
message that is sent while a server is away never reaches that server.
"""

from __future__ import annotations

import secrets
import ssl
from collections.abc import Callable

from socketio_min.cluster.adapter import LocalNamespace
from socketio_min.cluster.cluster_adapter import REQUEST_TIMEOUT, ClusterAdapter
from socketio_min.cluster.messages import Broadcast, Request, Response, ServerAnswer
from socketio_min.cluster.redis.address import parse_url
from socketio_min.cluster.redis.bus import RedisBus, make_bus
from socketio_min.cluster.redis.classic_wire import (
    decode_broadcast,
    decode_request,
    decode_response,
    encode_broadcast,
    encode_request,
    encode_response,
)
from socketio_min.cluster.redis.msgpack import pack
from socketio_min.cluster.values import inner_names, name_bytes
from socketio_min.errors import PacketError


def short_id() -> str:
    """Return a random name of 6 characters, as the official adapter gives servers and requests."""
    return secrets.token_urlsafe(5)[:6]


class RedisAdapter(ClusterAdapter):
    """The rooms of one of several servers that share a Redis, with messages as in Node.js."""

    __slots__ = (
        "_broadcasts",
        "_bus",
        "_own_head",
        "_own_responses",
        "_requests",
        "_responses",
        "_specific",
    )

    def __init__(
        self,
        namespace: LocalNamespace,
        bus: RedisBus,
        *,
        key: str = "socket.io",
        request_timeout: float = REQUEST_TIMEOUT,
        specific_responses: bool = False,
    ) -> None:
        super().__init__(namespace, short_id())
        self.status = bus.status
        self.request_timeout = request_timeout
        name = namespace.name
        self._bus = bus
        self._broadcasts = name_bytes(f"{key}#{name}#")
        self._requests = name_bytes(f"{key}-request#{name}#")
        self._responses = name_bytes(f"{key}-response#{name}#")
        self._own_responses = self._response_channel(self.uid)
        self._specific = specific_responses
        # The first bytes of this server's own broadcasts: an array of three items, and its name.
        self._own_head = b"\x93" + pack(self.uid)

    @classmethod
    def from_url(
        cls,
        url: str,
        *,
        key: str = "socket.io",
        request_timeout: float = REQUEST_TIMEOUT,
        specific_responses: bool = False,
        tls: ssl.SSLContext | None = None,
    ) -> Callable[[LocalNamespace], RedisAdapter]:
        """Return the function that makes the adapters of one server's namespaces, for
        `Server(adapter=…)`.

        url: of Redis: `redis://[user:password@]host[:port][/database]`, `rediss://…` with TLS,
        `unix:///path`, `redis+sentinel://host,host/name`, `redis+cluster://host,host`.
        key: the beginning of the channels' names, the same for all servers.
        request_timeout: seconds that `fetch_sockets` waits for the other servers.
        specific_responses: whether to answer in a channel of the server that asked, and not in the
        channel of all servers.

        Raises:
            UsageError: it is no URL of Redis.
        """
        bus = make_bus(parse_url(url, tls))

        def make(namespace: LocalNamespace) -> RedisAdapter:
            return cls(
                namespace,
                bus,
                key=key,
                request_timeout=request_timeout,
                specific_responses=specific_responses,
            )

        return make

    async def start(self) -> None:
        self._bus.open()
        self._bus.subscribe_prefix(self._broadcasts, self._take_broadcast)
        self._bus.subscribe(self._requests, self._take_request)
        self._bus.subscribe(self._responses, self._take_response)
        self._bus.subscribe(self._own_responses, self._take_response)
        await self._bus.settle()

    async def close(self) -> None:
        self._bus.unsubscribe_prefix(self._broadcasts, self._take_broadcast)
        self._bus.unsubscribe(self._requests, self._take_request)
        self._bus.unsubscribe(self._responses, self._take_response)
        self._bus.unsubscribe(self._own_responses, self._take_response)
        await self._bus.close()

    async def server_count(self) -> int:
        return await self._bus.subscribers(self._requests)

    async def server_names(self) -> frozenset[str]:
        found = await self._bus.channels(self._responses)
        return inner_names(self._responses, found) - {self.uid}

    def new_request_id(self) -> str:
        return short_id()

    def _response_channel(self, uid: str) -> bytes:
        return self._responses + name_bytes(uid) + b"#"

    # -- out

    def publish(self, message: Request) -> None:
        name = self._namespace.name
        if isinstance(message, Broadcast) and message.request_id is None:
            rooms = message.options.rooms
            channel = self._broadcasts
            if len(rooms) == 1:
                channel += name_bytes(rooms[0]) + b"#"
            self._bus.publish(channel, encode_broadcast(self.uid, name, message))
        else:
            self._bus.publish(self._requests, encode_request(self.uid, name, message))

    def respond(self, uid: str, message: Response) -> None:
        specific = self._specific and uid and not isinstance(message, ServerAnswer)
        channel = self._response_channel(uid) if specific else self._responses
        self._bus.publish(channel, encode_response(message))

    # -- in

    def _take_broadcast(self, channel: bytes, data: bytes) -> None:
        if not self._namespace.sockets:
            return
        room = channel[len(self._broadcasts) : -1]
        if room and not self._has_room(room):
            return
        if data.startswith(self._own_head):
            return
        try:
            message = decode_broadcast(data, self._namespace.name)
        except PacketError as error:
            self.reject(error)
            return
        if message is not None:
            self.handle(*message)

    def _has_room(self, room: bytes) -> bool:
        return len(self._rooms.members(room.decode(errors="replace"))) > 0

    def _take_request(self, _channel: bytes, data: bytes) -> None:
        try:
            message = decode_request(data)
        except PacketError as error:
            self.reject(error)
            return
        if message is not None:
            self.handle(*message)

    def _take_response(self, _channel: bytes, data: bytes) -> None:
        if not self._pending:
            return
        try:
            response = decode_response(data)
        except PacketError as error:
            self.reject(error)
            return
        if response is not None:
            self.settle(response)

"""The adapter that sends by a Redis stream, with messages as in Node.js: they wait for servers that
were away.

A server that was away for a moment reads on where it was. With connection state recovery a client
that was away gets the events that it missed, on any server. Then each event goes to Redis and comes
back by the reader before local clients get it, so that a client's offset is a place in one order of
all events: the client has all events up to that place, and none after it. Rejected: to deliver an
event when Redis has answered, as the official adapter does; the answer overtakes the reader, and of
96 recoveries under load some lost events or got them twice.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple, cast

from socketio_min.cluster.adapter import (
    BroadcastOptions,
    LocalNamespace,
    Recipient,
    Recoverable,
)
from socketio_min.cluster.cluster_adapter import REQUEST_TIMEOUT, ClusterAdapter
from socketio_min.cluster.memory import send_to_all
from socketio_min.cluster.messages import (
    Broadcast,
    Disconnect,
    Fetch,
    Request,
    Response,
    ServerEvent,
)
from socketio_min.cluster.recovery import Restored, Session
from socketio_min.cluster.redis.address import parse_url
from socketio_min.cluster.redis.cluster_wire import Message
from socketio_min.cluster.redis.resp import encode_command
from socketio_min.cluster.redis.sharded import long_id, server_ids
from socketio_min.cluster.redis.stream_hub import StreamHub
from socketio_min.cluster.redis.stream_sessions import StreamSessions
from socketio_min.cluster.redis.stream_wire import (
    Entry,
    decode_entry,
    decode_message,
    encode_entry,
    encode_message,
    position,
)
from socketio_min.cluster.values import name_bytes
from socketio_min.errors import PacketError, UsageError
from socketio_min.protocol.outgoing import event_packets


class _Sent(NamedTuple):
    """An event of this server that has not come back from Redis.

    `socket` is its only receiver, None if the options say who gets it.
    """

    args: Sequence[Any]
    options: BroadcastOptions
    socket: Recipient | None


class RedisStreamsAdapter(ClusterAdapter):
    """The rooms of one of several servers that share a stream of Redis."""

    __slots__ = (
        "_channel",
        "_hub",
        "_number",
        "_only_plaintext",
        "_own_channel",
        "_reader",
        "_sent",
        "_sessions",
        "_sharded",
        "_skipping",
    )

    def __init__(
        self,
        namespace: LocalNamespace,
        hub: StreamHub,
        *,
        prefix: str = "socket.io",
        session_prefix: str = "sio:session:",
        sharded: bool = False,
        only_plaintext: bool = False,
        survive_crashes: bool = True,
        request_timeout: float = REQUEST_TIMEOUT,
    ) -> None:
        super().__init__(namespace, long_id())
        self.status = hub.link.status
        self.request_timeout = request_timeout
        self._hub = hub
        self._reader = hub.reader(namespace.name)
        self._sharded = sharded
        self._only_plaintext = only_plaintext
        self._channel = name_bytes(f"{prefix}#{namespace.name}#")
        self._own_channel = self._channel + self.uid.encode() + b"#"
        self._sessions = StreamSessions(
            namespace,
            hub.link,
            self._reader,
            hub.max_length,
            session_prefix,
            self.uid,
            ahead=survive_crashes,
        )
        # Events on their way to Redis and back, by their numbers.
        self._number = 0
        self._sent: dict[int, _Sent] = {}
        # By the ids of sockets that came back, the last entry that they have got already though the
        # reader has yet to bring it.
        self._skipping: dict[str, tuple[int, int]] = {}

    @classmethod
    def from_url(
        cls,
        url: str,
        *,
        stream: str = "socket.io",
        stream_count: int = 1,
        max_length: int = 10_000,
        prefix: str = "socket.io",
        session_prefix: str = "sio:session:",
        sharded: bool = False,
        only_plaintext: bool = False,
        survive_crashes: bool = True,
        request_timeout: float = REQUEST_TIMEOUT,
        tls: ssl.SSLContext | None = None,
    ) -> Callable[[LocalNamespace], RedisStreamsAdapter]:
        """Return the function that makes the adapters of one server's namespaces, for
        `Server(adapter=…)`.

        url: of Redis, as for `RedisAdapter.from_url`.
        stream, prefix, session_prefix: the names of the stream, and what those of channels and of
        sessions begin with; the same for all servers.
        stream_count: how many streams share the namespaces, for the nodes of a Redis Cluster.
        max_length: about how many entries a stream keeps.
        sharded: whether requests and answers use Redis 7's sharded publish and subscribe.
        only_plaintext: promise that no event holds bytes, which are not looked for then.
        survive_crashes: with recovery, keep the sessions of clients in Redis while they are here,
        too: the clients of a server that was killed come back then. Costs a `SET` for each client,
        each turn of the event loop in which its rooms change, and each half `max_disconnection`.
        request_timeout: seconds that `fetch_sockets` waits for the other servers.

        Raises:
            UsageError: the URL is none of Redis, or a number is no whole one above 0.
        """
        for name, value in (("stream_count", stream_count), ("max_length", max_length)):
            if type(value) is not int or value < 1:
                raise UsageError(f"{name}: got {value!r}, expected a whole number above 0")
        hub = StreamHub(parse_url(url, tls), stream, stream_count, max_length)

        def make(namespace: LocalNamespace) -> RedisStreamsAdapter:
            return cls(
                namespace,
                hub,
                prefix=prefix,
                session_prefix=session_prefix,
                sharded=sharded,
                only_plaintext=only_plaintext,
                survive_crashes=survive_crashes,
                request_timeout=request_timeout,
            )

        return make

    async def start(self) -> None:
        link = self._hub.link
        link.status.on_change(self._changed)
        link.status.on_drop(self.give_up)
        subscribe = link.subscribe_shard if self._sharded else link.subscribe
        subscribe(self._channel, self._take)
        subscribe(self._own_channel, self._take)
        await self._hub.open(self._namespace.name, self)

    async def close(self) -> None:
        link = self._hub.link
        unsubscribe = link.unsubscribe_shard if self._sharded else link.unsubscribe
        unsubscribe(self._channel, self._take)
        unsubscribe(self._own_channel, self._take)
        await self._sessions.close()
        await self._hub.close(self._namespace.name, self)
        link.status.forget(self._changed)
        link.status.forget_drop(self.give_up)

    async def server_count(self) -> int:
        link = self._hub.link
        count = link.shard_subscribers if self._sharded else link.subscribers
        return await count(self._channel)

    async def server_names(self) -> frozenset[str]:
        link = self._hub.link
        channels = link.shard_channels if self._sharded else link.channels
        return server_ids(self._channel, await channels(self._channel)) - {self.uid}

    def new_request_id(self) -> str:
        return long_id()

    # -- out

    def publish(self, message: Request) -> None:
        asks = isinstance(message, Broadcast) and message.request_id is not None
        if asks or isinstance(message, Fetch | ServerEvent):
            self._send(self._channel, cast(Message, message))
        else:
            self._append(cast(Message, message))

    def respond(self, uid: str, message: Response) -> None:
        self._send(self._channel + name_bytes(uid) + b"#", cast(Message, message))

    def _send(self, channel: bytes, message: Message) -> None:
        link = self._hub.link
        publish = link.publish_shard if self._sharded else link.publish
        publish(channel, encode_message(self.uid, self._namespace.name, message))

    def _append(self, message: Message, *more: str) -> bool:
        """Add an entry to the stream. Return False if it was dropped, because too much waits
        already.
        """
        fields = encode_entry(
            self.uid, self._namespace.name, message, only_plaintext=self._only_plaintext
        )
        limit = ("MAXLEN", "~", self._hub.max_length)
        stream = self._reader.stream
        return self._hub.link.send(
            encode_command("XADD", stream, *limit, "*", *fields, *more), stream
        )

    # -- out, with recovery

    def broadcast(self, args: Sequence[Any], options: BroadcastOptions) -> None:
        if self._namespace.recovery is None or options.local or options.volatile:
            super().broadcast(self._marked(args, options), options)
        else:
            self._send_round(_Sent(args, options, None))

    def emit(
        self, socket: Recipient, pid: str, args: Sequence[Any], options: BroadcastOptions
    ) -> None:
        if options.volatile:
            socket = self._namespace.sockets.get(socket.id, socket)
            if socket.writable:
                self._deliver(_Sent(self._marked(args, options), options, socket), None)
        else:
            self._send_round(_Sent(args, options._replace(rooms=(socket.id,)), socket))

    def _marked(self, args: Sequence[Any], options: BroadcastOptions) -> Sequence[Any]:
        """Return the arguments to send of an event that has no offset of its own.

        A client takes a text at the end of any event for an offset. So such an event gets the
        offset of the entry that was read last.
        """
        recovers = self._namespace.recovery is not None
        if recovers and len(args) > 1 and isinstance(args[-1], str):
            return (*args, self._reader.last)
        return args

    def _send_round(self, sent: _Sent) -> None:
        """Send an event to Redis; local clients get it too when it comes back."""
        message = Broadcast(sent.args, sent.options)
        # Names and values are checked even if no client gets the event.
        event_packets(self._namespace, sent.args)
        if self.status.connected and self._reader.reads:
            self._number += 1
            if self._append(message, "n", str(self._number)):
                self._sent[self._number] = sent
                return
        else:
            self._append(message, "late", str(round(time.time() * 1000)))
        self._deliver(sent, None)

    def _changed(self, connected: bool) -> None:
        if connected:
            self._sessions.connected()
        else:
            self.give_up()

    def give_up(self) -> None:
        """Give local clients the events that are on their way to Redis and back, without an offset.

        When Redis is away, has refused a command, or does not let the stream be read, it is not
        known whether these events will come back.
        """
        sent, self._sent = self._sent, {}
        self._sessions.give(sent)
        for one in sent.values():
            self._deliver(one, None)

    def _deliver(self, sent: _Sent, entry_id: str | None) -> None:
        """Give an event to the sockets of this server."""
        args = sent.args if entry_id is None else (*sent.args, entry_id)
        packets = event_packets(self._namespace, args, compress=sent.options.compress)
        if sent.socket is None:
            sockets: Sequence[Recipient] = self._receivers(sent.options)
        else:
            # A handler may have an old socket of a client that has come back meanwhile.
            sockets = (self._namespace.sockets.get(sent.socket.id, sent.socket),)
        if self._skipping and entry_id is not None:
            place = position(entry_id)
            sockets = [one for one in sockets if place > self._skipping.get(one.id, (0, 0))]
        send_to_all(self._namespace, sockets, packets, sent.args)

    # -- in

    def _take(self, _channel: bytes, data: bytes) -> None:
        try:
            uid, namespace, message = decode_message(data)
        except PacketError as error:
            self.reject(error)
            return
        if message is not None and namespace == self._namespace.name:
            self.take(uid, message)

    def take_entry(self, entry: Entry) -> None:
        """Act on an entry; with recovery it may be an event of this server that comes back."""
        number = entry.number
        if number is not None and entry.fields.get(b"uid") == self.uid.encode():
            while (first := next(iter(self._sent), number)) < number:
                # It was taken out of the stream before it was read.
                self._deliver(self._sent.pop(first), None)
            sent = self._sent.pop(number, None)
            if sent is not None:
                self._deliver(sent, entry.id)
        else:
            self._take_other(entry)
        if self._skipping:
            place = position(entry.id)
            self._skipping = {one: last for one, last in self._skipping.items() if last > place}

    def _take_other(self, entry: Entry) -> None:
        try:
            uid, message = decode_entry(entry)
            if message is None or uid == self.uid:
                return
            if (
                isinstance(message, Broadcast)
                and message.request_id is None
                and self._namespace.recovery is not None
                and not message.options.volatile
            ):
                self._deliver(_Sent(message.args, message.options, None), entry.id)
            else:
                self.take(uid, message)
        except PacketError as error:
            self.reject(error)

    # -- who comes back

    def persist_session(self, session: Session) -> None:
        self._skipping.pop(session.id, None)
        self._sessions.persist(session)

    def restore_session(self, pid: str, offset: str | None) -> Awaitable[Restored | None]:
        return self._restore(pid, offset)

    async def _restore(self, pid: str, offset: str | None) -> Restored | None:
        found = await self._sessions.restore(pid, offset)
        if found is None:
            return None
        restored, last, holder = found
        session_id = restored.session.id
        if last > self._reader.position:
            self._skipping[session_id] = last
        if holder is not None:
            # A server that has not noticed the loss must end the old connection. The message does
            # not concern this server.
            self.publish(Disconnect(BroadcastOptions((session_id,)), close=True))
        return restored

    def session_began(self, socket: Recoverable) -> None:
        self._sessions.begin(socket)

    def add_all(self, socket_id: str, rooms: Any) -> None:
        super().add_all(socket_id, rooms)
        self._sessions.enter(socket_id)

    def delete(self, socket_id: str, room: str) -> None:
        super().delete(socket_id, room)
        self._sessions.note(socket_id)

    def delete_all(self, socket_id: str) -> None:
        super().delete_all(socket_id)
        self._sessions.forget(socket_id)

"""One client in one namespace."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection
from email.utils import formatdate
from typing import TYPE_CHECKING, Any, Protocol, cast

from engineio_min import Connection
from engineio_min.ids import random_id
from engineio_min.protocol.packets import Packet
from socketio_min.cluster.adapter import (
    AckCallback,
    BroadcastOptions,
    Output,
    RecoveringAdapter,
)
from socketio_min.cluster.memory import send_to_all
from socketio_min.cluster.recovery import Restored, Session
from socketio_min.errors import AcknowledgementTimeout, Disconnected, UsageError
from socketio_min.protocol.handshake import Handshake
from socketio_min.protocol.outgoing import event_packets
from socketio_min.protocol.rooms import RoomNames, room_names
from socketio_min.protocol.turns import Turns
from socketio_min.protocol.weights import keep_auth
from socketio_min.server.broadcast import BroadcastOperator
from socketio_min.server.elsewhere import SOCKET, tells_names
from socketio_min.server.outputs import NOWHERE, BeforeConnect
from socketio_min.server.recoveries import Recoveries

if TYPE_CHECKING:
    from socketio_min.server.namespace import Namespace

PENDING, CONNECTED, DISCONNECTED = "pending", "connected", "disconnected"


class Link(Protocol):
    """What a socket may ask of the connection that carries it."""

    connection: Connection

    @property
    def turns(self) -> Turns:
        """The order of the connection's calls."""

    def leave(self, socket: Socket, reason: str, *, tell: bool = False) -> None:
        """Let a socket leave its namespace; `tell` sends DISCONNECT."""

    def disconnect(self) -> None:
        """Leave every namespace and close the connection."""

    def overflow(self) -> None:
        """End the connection: a socket was sent too much before its CONNECT was answered."""

    def supersede(self, socket: Socket) -> None:
        """End the connection: the client of a socket is back on another."""


@tells_names(SOCKET)
class Socket:
    """One client in one namespace: what handlers are given.

    `id` is public and not the session's id; `namespace` is what it is in; `data` is the
    application's own, and gone with the socket.
    """

    __slots__ = (
        "_auth",
        "_issued",
        "_link",
        "_pending",
        "closing",
        "data",
        "dismissed",
        "id",
        "namespace",
        "out",
        "state",
    )

    def __init__(self, namespace: Namespace, link: Link, auth: dict[str, Any] | None) -> None:
        self.id = random_id()
        self.namespace = namespace
        self.data: dict[str, Any] = {}
        self.state = PENDING
        # Told to disconnect before its CONNECT was answered, and with the whole connection.
        self.dismissed = self.closing = False
        self.out: Output = BeforeConnect(namespace.server.limits.max_held_packets, link.overflow)
        self._link = link
        self._auth = auth
        self._issued = time.time()
        self._pending: dict[int, AckCallback] | None = None

    def __repr__(self) -> str:
        return f"<Socket {self.id} in {self.namespace.name} ({self.state})>"

    # -- what it is

    @property
    def connected(self) -> bool:
        """Whether the client is in the namespace."""
        return self.state == CONNECTED

    @property
    def recovered(self) -> bool:
        """Whether the client was away and has its state back; see `Recovery`."""
        return False

    @property
    def rooms(self) -> frozenset[str]:
        """The rooms it is in, its own (named by its id) among them."""
        return frozenset(self.namespace.adapter.socket_rooms(self.id))

    @property
    def handshake(self) -> Handshake:
        """What the client presented when it connected."""
        request = self._link.connection.request
        return Handshake(
            headers=request.headers,
            time=formatdate(self._issued, usegmt=True),
            address=request.client,
            xdomain="origin" in request.headers,
            secure=request.secure,
            issued=round(self._issued * 1000),
            url=request.target,
            query=request.query,
            auth={} if self._auth is None else self._auth,
        )

    @property
    def connection(self) -> Connection:
        """The Engine.IO connection under it, which may carry sockets of other namespaces too."""
        return self._link.connection

    @property
    def transport(self) -> str:
        """What carries the connection now: "polling" or "websocket"."""
        return self._link.connection.transport

    @property
    def writable(self) -> bool:
        """Whether a packet sent now would leave at once; volatile ones are dropped otherwise."""
        return self.out.writable

    # -- sending

    def emit(self, event: str, *args: Any) -> None:
        """Send an event. Never blocks: it is queued, and dropped if the client is gone.

        Raises:
            UsageError: the event's name is reserved, or a value cannot be encoded.
        """
        namespace = self.namespace
        values = [event, *args]
        packet = namespace.encoder.plain_event(values)
        if packet is not None:
            self.out.send(packet)
        else:
            for packet in namespace.encoder.event(values):
                self.out.send(packet)
        if namespace.outgoing:
            namespace.announce_outgoing(self, values)

    async def call(self, event: str, *args: Any, timeout: float = 10.0) -> Any:
        """Send an event and wait, at most `timeout` seconds, for the client's acknowledgement.

        Returns None, the one argument of the acknowledgement, or a tuple of several.

        Raises:
            AcknowledgementTimeout: it did not come in time.
            Disconnected: the client has gone.
            UsageError: too many acknowledgements are pending, or as `emit`.
        """
        if self.state == DISCONNECTED:
            raise Disconnected(f"the socket disconnected before {event!r} was sent")
        future: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
        ack_id = self.namespace.next_ack_id()

        def answer(values: list[Any] | None) -> None:
            if future.done():
                return
            if values is None:
                future.set_exception(
                    Disconnected(f"the socket disconnected before it acknowledged {event!r}")
                )
            else:
                future.set_result(values)

        self.expect(ack_id, answer)
        try:
            packets = event_packets(self.namespace, (event, *args), ack_id)
            send_to_all(self.namespace, (self,), packets, (event, *args))
            async with asyncio.timeout(timeout):
                values = await future
        except TimeoutError:
            raise AcknowledgementTimeout(
                f"got no acknowledgement of {event!r} within {timeout:g} seconds"
            ) from None
        finally:
            self.expect_no_more(ack_id)
        if len(values) > 1:
            return tuple(values)
        return values[0] if values else None

    @property
    def volatile(self) -> SocketOperator:
        """For events that may be dropped if the client cannot take them at once."""
        return SocketOperator(self, _PLAIN).volatile

    def compress(self, compress: bool) -> SocketOperator:
        """Whether the transport may compress what is sent."""
        return SocketOperator(self, _PLAIN).compress(compress)

    @property
    def broadcast(self) -> BroadcastOperator:
        """Everybody in the namespace but this socket."""
        return BroadcastOperator(self.namespace, BroadcastOptions(except_=(self.id,)))

    def to(self, rooms: RoomNames) -> BroadcastOperator:
        """The sockets in `rooms` but this one."""
        return self.broadcast.to(rooms)

    in_ = to

    def except_(self, rooms: RoomNames) -> BroadcastOperator:
        """Everybody in the namespace but this socket and those in `rooms`."""
        return self.broadcast.except_(rooms)

    async def drained(self) -> None:
        """Wait until everything queued for the client has been handed to its transport."""
        await self._link.connection.drained()

    # -- rooms

    def join(self, rooms: RoomNames) -> None:
        """Join a room, or several. Does nothing once disconnected.

        Raises:
            UsageError: the name is too long or another socket's id, or the socket is in too many
            rooms.
        """
        if self.state == DISCONNECTED:
            return
        names = room_names(rooms)
        limits = self.namespace.server.limits
        present: Collection[str] = self.namespace.adapter.socket_rooms(self.id)
        new = set(names).difference(present)
        if len(present) + len(new) > limits.max_rooms:
            raise UsageError(
                f"a socket in {len(present)} rooms cannot join {len(new)} more: "
                f"at most {limits.max_rooms} (max_rooms)"
            )
        for name in names:
            if len(name) > limits.max_room_name:
                raise UsageError(
                    f"got a room name of {len(name)} characters, "
                    f"expected at most {limits.max_room_name} (max_room_name)"
                )
            if name != self.id and name in self.namespace.sockets:
                raise UsageError(
                    "got the id of another socket as the name of a room; "
                    "joining it would read along what is sent to that socket"
                )
        self.namespace.adapter.add_all(self.id, names)

    def leave(self, rooms: RoomNames) -> None:
        """Leave a room, or several; nothing happens for those that the socket is not in.

        Raises:
            UsageError: a name is no str.
        """
        for name in room_names(rooms):
            self.namespace.adapter.delete(self.id, name)

    # -- the end

    def disconnect(self, *, close: bool = False) -> None:
        """Disconnect the client from this namespace; with `close`, its whole connection.

        In a middleware or a connect handler it is done once CONNECT is answered: a client that
        loses its connection before that comes back.
        """
        if self.state == PENDING:
            self.dismissed = True
            self.closing |= close
        elif close:
            self._link.disconnect()
        else:
            self._link.leave(self, "server namespace disconnect", tell=True)

    def connect(self, out: Output) -> list[Packet]:
        """CONNECT was accepted: packets go to `out` from now on. Returns those held back so far."""
        early = cast(BeforeConnect, self.out).packets
        self.out = out
        self.state = CONNECTED
        self._auth = keep_auth(self._auth)
        return early

    def greeting(self) -> list[Packet]:
        """Return the packets that answer the CONNECT."""
        return self.namespace.encoder.connect({"sid": self.id})

    def detach(self) -> None:
        """The socket is out of its namespace: nothing is sent and nothing will be acknowledged."""
        self.state = DISCONNECTED
        self.out = NOWHERE
        pending, self._pending = self._pending, None
        if pending:
            self._link.turns.settle_acks(len(pending))
            for answer in pending.values():
                answer(None)

    # -- acknowledgements, both ways

    def expect(self, ack_id: int, answer: AckCallback) -> None:
        """Call `answer` with the arguments of an acknowledgement, or None if the client goes.

        Raises:
            UsageError: the limit of pending acknowledgements is reached.
        """
        limit = self.namespace.server.limits.max_pending_acks
        if self._pending is None:
            self._pending = {}
        if len(self._pending) >= limit:
            raise UsageError(
                f"{limit} acknowledgements are pending, the most for a socket (max_pending_acks)"
            )
        self._pending[ack_id] = answer
        self._link.turns.expect_ack()

    def expect_no_more(self, ack_id: int) -> None:
        """Forget about an acknowledgement; one that comes later is ignored."""
        self._forget(ack_id)

    def _forget(self, ack_id: int) -> AckCallback | None:
        answer = None if self._pending is None else self._pending.pop(ack_id, None)
        if answer is not None:
            self._link.turns.settle_acks()
        return answer

    @property
    def pending_acks(self) -> int:
        """How many acknowledgements are pending."""
        return 0 if self._pending is None else len(self._pending)

    def acknowledged(self, ack_id: int | None, values: list[Any]) -> None:
        """An acknowledgement came; an unknown or repeated one is ignored."""
        answer = None if ack_id is None else self._forget(ack_id)
        if answer is not None:
            answer(values)

    def acknowledge(self, ack_id: int, result: Any) -> None:
        """Answer an event with a handler's result: None, a value, or a tuple of several."""
        if result is None:
            values: list[Any] | tuple[Any, ...] = []
        else:
            values = result if isinstance(result, tuple) else [result]
        for packet in self.namespace.encoder.ack(values, ack_id):
            self.out.send(packet)


class SocketOperator:
    """How to send to one socket: `socket.volatile.emit("event")`. Immutable.

    Not a broadcast to the socket's own room, which it may have left or, while a middleware runs,
    not yet joined.
    """

    __slots__ = ("_options", "_socket")

    def __init__(self, socket: Socket, options: BroadcastOptions) -> None:
        self._socket = socket
        self._options = options

    @property
    def volatile(self) -> SocketOperator:
        """Dropped if the client cannot take it at once."""
        return type(self)(self._socket, self._options._replace(volatile=True))

    def compress(self, compress: bool) -> SocketOperator:
        """Whether the transport may compress it."""
        return type(self)(self._socket, self._options._replace(compress=compress))

    @property
    def broadcast(self) -> BroadcastOperator:
        """As `Socket.broadcast`, with these flags."""
        socket = self._socket
        return BroadcastOperator(socket.namespace, self._options._replace(except_=(socket.id,)))

    def to(self, rooms: RoomNames) -> BroadcastOperator:
        """As `Socket.to`, with these flags."""
        return self.broadcast.to(rooms)

    in_ = to

    def except_(self, rooms: RoomNames) -> BroadcastOperator:
        """As `Socket.except_`, with these flags."""
        return self.broadcast.except_(rooms)

    def emit(self, event: str, *args: Any) -> None:
        """Send an event. Never blocks.

        Raises:
            UsageError: the event's name is reserved, or a value cannot be encoded.
        """
        socket = self._socket
        packets = event_packets(socket.namespace, (event, *args), compress=self._options.compress)
        if socket.writable or not self._options.volatile:
            send_to_all(socket.namespace, (socket,), packets, (event, *args))


class RecoverableSocket(Socket):
    """A socket that may come back when its connection is lost: what it is sent waits for it.

    `pid` is its private id, which only its client knows.
    """

    __slots__ = ("_missed", "_presented", "_recovered", "pid")

    def __init__(self, namespace: Namespace, link: Link, auth: dict[str, Any] | None) -> None:
        super().__init__(namespace, link, auth)
        self.pid = random_id()
        self._presented = offset_in(auth)
        self._recovered = False
        self._missed: list[Packet] = []

    @property
    def recovered(self) -> bool:
        return self._recovered

    @property
    def gone(self) -> bool:
        """Whether its client has gone."""
        return self.state == DISCONNECTED

    @property
    def adapter(self) -> RecoveringAdapter:
        """The adapter of its namespace."""
        return cast(RecoveringAdapter, self.namespace.adapter)

    @property
    def session(self) -> Session:
        """What of it is kept while its client is away."""
        name, rooms = self.namespace.name, tuple(self.rooms)
        return Session(name, self.id, self.pid, rooms, self.data, self._presented)

    def restore(self, restored: Restored) -> None:
        """Be what the client was before it was away."""
        session, self._missed = restored
        self.id = session.id
        self.pid = session.pid
        self.data = session.data
        self._presented = session.presented
        self._recovered = True

    def greeting(self) -> list[Packet]:
        self._recoveries.welcome(self)
        # The official client takes what it missed before the answer to its CONNECT.
        missed, self._missed = self._missed, []
        return [*missed, *self.namespace.encoder.connect({"sid": self.id, "pid": self.pid})]

    @property
    def _recoveries(self) -> Recoveries:
        recoveries = self.namespace.server.recoveries
        assert recoveries is not None
        return recoveries

    def keep(self, reason: str) -> None:
        """Keep what its client needs to come back, if it may after an end for that reason."""
        self._recoveries.keep(self, reason)

    def refuse(self) -> None:
        """End what was kept for a client that is back and is refused."""
        self._recoveries.refuse(self)

    def supersede(self) -> None:
        """End it, for its client is back on another connection."""
        self._link.supersede(self)

    def emit(self, event: str, *args: Any) -> None:
        self.adapter.emit(self, self.pid, (event, *args), _PLAIN)

    @property
    def volatile(self) -> SocketOperator:
        return RecoverableSocketOperator(self, _PLAIN).volatile

    def compress(self, compress: bool) -> SocketOperator:
        return RecoverableSocketOperator(self, _PLAIN).compress(compress)


class RecoverableSocketOperator(SocketOperator):
    """As `SocketOperator`, by way of the adapter, which remembers what it sends."""

    __slots__ = ()

    def emit(self, event: str, *args: Any) -> None:
        socket = cast(RecoverableSocket, self._socket)
        socket.adapter.emit(socket, socket.pid, (event, *args), self._options)


def pid_in(auth: dict[str, Any] | None) -> str | None:
    """Return the private id that a client presents to have its state back, if it does."""
    pid = None if auth is None else auth.get("pid")
    return pid if isinstance(pid, str) else None


def offset_in(auth: dict[str, Any] | None) -> str | None:
    """Return the offset of the last event that a client has had, if it presents one."""
    offset = None if auth is None else auth.get("offset")
    # What is no text is no offset that was ever given.
    return offset if offset is None or isinstance(offset, str) else ""


_PLAIN = BroadcastOptions()

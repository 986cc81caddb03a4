"""One client in one namespace: its state, its rooms, its acknowledgements, and what it is sent."""

from __future__ import annotations

import time
from collections.abc import Collection
from typing import TYPE_CHECKING, Any, Protocol, cast

from engineio_min import Connection
from engineio_min.http.dates import http_date
from engineio_min.ids import random_id
from engineio_min.protocol.backlog import FIRST_MARK, PACKET_OVERHEAD, weigh_packets
from engineio_min.protocol.packets import Packet
from socketio_min.cluster.adapter import PLAIN, AckCallback, BroadcastOptions, Output
from socketio_min.errors import Disconnected, LimitReached, UsageError
from socketio_min.foreign_names import tells_names
from socketio_min.protocol.handshake import Handshake
from socketio_min.protocol.rooms import RoomNames, room_names
from socketio_min.protocol.turns import Turns
from socketio_min.protocol.weights import keep_auth
from socketio_min.server.asking import ask
from socketio_min.server.foreign_names import SOCKET
from socketio_min.server.operators import BroadcastOperator, SocketOperator

if TYPE_CHECKING:
    from socketio_min.server.namespace import Namespace

PENDING, CONNECTED, DISCONNECTED = "pending", "connected", "disconnected"

SERVER_DISCONNECT = "server namespace disconnect"


class Link(Protocol):
    """What a socket may ask of the connection that carries it."""

    connection: Connection

    @property
    def turns(self) -> Turns:
        """Return the order of the connection's calls."""

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
    """One client in one namespace; handlers are called with it.

    `id` is public, and is not the id of the Engine.IO session, which is secret. `data` is the
    application's, and is gone with the socket.
    """

    __slots__ = (
        "_auth",
        "_data",
        "_issued",
        "_link",
        "_pending",
        "closing",
        "dismissed",
        "id",
        "namespace",
        "out",
        "state",
    )

    def __init__(self, namespace: Namespace, link: Link, auth: dict[str, Any] | None) -> None:
        self.namespace = namespace
        self._data: dict[str, Any] | None = None
        self.state = PENDING
        # Whether `disconnect` was called before CONNECT is answered, and whether with `close`.
        self.dismissed = self.closing = False
        limit = namespace.server.limits.max_held_packets
        self.out: Output = BeforeConnect(limit, link)
        self.id = random_id()
        self._link = link
        self._auth = auth
        self._issued = time.time()
        self._pending: dict[int, AckCallback] | None = None

    def __repr__(self) -> str:
        return f"<Socket {self.id} in {self.namespace.name} ({self.state})>"

    # -- what it is

    @property
    def data(self) -> dict[str, Any]:
        """Return the application's data about the client, which is gone with the socket."""
        # Made when it is asked for: not every application keeps something of each client.
        if self._data is None:
            self._data = {}
        return self._data

    @data.setter
    def data(self, data: dict[str, Any]) -> None:
        self._data = data

    @property
    def connected(self) -> bool:
        """Return whether the client is in the namespace."""
        return self.state == CONNECTED

    @property
    def recovered(self) -> bool:
        """Return whether the client came back and its state was restored; see `Recovery`."""
        return False

    @property
    def rooms(self) -> frozenset[str]:
        """Return the rooms that the socket is in, its own (named by its id) among them."""
        return frozenset(self.namespace.adapter.socket_rooms(self.id))

    @property
    def handshake(self) -> Handshake:
        """Return what the client presented when it connected."""
        request = self._link.connection.request
        return Handshake(
            headers=dict(request.headers),
            time=http_date(self._issued),
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
        """Return the Engine.IO connection, which may carry sockets of other namespaces too."""
        return self._link.connection

    @property
    def transport(self) -> str:
        """Return the transport of the connection at present: "polling" or "websocket"."""
        return self._link.connection.transport

    @property
    def writable(self) -> bool:
        """Return whether a packet would leave at once. If not, volatile packets are dropped."""
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

        Return None, the one argument of the acknowledgement, or a tuple of several.

        Raises:
            AcknowledgementTimeout: it did not come in time.
            Disconnected: the client has gone.
            UsageError: too many acknowledgements are pending, or as `emit`.
        """
        if self.state == DISCONNECTED:
            raise Disconnected(f"the socket disconnected before {event!r} was sent")
        return await ask(self.namespace, self, (event, *args), timeout)

    @property
    def volatile(self) -> SocketOperator:
        """Select this socket; events are dropped if the client cannot take them at once."""
        return SocketOperator(self, PLAIN).volatile

    def compress(self, compress: bool) -> SocketOperator:
        """Select this socket, and set whether the transport may compress."""
        return SocketOperator(self, PLAIN).compress(compress)

    @property
    def broadcast(self) -> BroadcastOperator:
        """Select everybody in the namespace but this socket."""
        return BroadcastOperator(self.namespace, BroadcastOptions(except_=(self.id,)))

    def to(self, rooms: RoomNames) -> BroadcastOperator:
        """Select the sockets in `rooms` but this one."""
        return self.broadcast.to(rooms)

    in_ = to

    def except_(self, rooms: RoomNames) -> BroadcastOperator:
        """Select everybody in the namespace but this socket and those in `rooms`."""
        return self.broadcast.except_(rooms)

    async def drained(self) -> None:
        """Wait until all packets for the client have been handed to its transport."""
        await self._link.connection.drained()

    # -- rooms

    def join(self, rooms: RoomNames) -> None:
        """Join a room, or several. Does nothing once disconnected.

        Raises:
            LimitReached: the name is too long, or the socket is in too many rooms.
            UsageError: the name is another socket's id.
        """
        if self.state == DISCONNECTED:
            return
        limits = self.namespace.server.limits
        present: Collection[str] = self.namespace.adapter.socket_rooms(self.id)
        names = room_names(rooms)
        new = set(names).difference(present)
        if len(present) + len(new) > limits.max_rooms:
            raise LimitReached(
                f"a socket in {len(present)} rooms cannot join {len(new)} more: "
                f"at most {limits.max_rooms} (max_rooms)"
            )
        for name in names:
            if len(name) > limits.max_room_name:
                raise LimitReached(
                    f"got a room name of {len(name)} characters, "
                    f"expected at most {limits.max_room_name} (max_room_name)"
                )
            if name != self.id and name in self.namespace.sockets:
                raise UsageError(
                    "got the id of another socket as the name of a room: "
                    "who joins it would also get what is sent to that socket"
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

        In a middleware or a connect handler the disconnection waits until CONNECT is answered: a
        client that is disconnected before would connect again.
        """
        if self.state == PENDING:
            self.dismissed = True
            self.closing |= close
        elif close:
            self._link.disconnect()
        else:
            self._link.leave(self, SERVER_DISCONNECT, tell=True)

    def connect(self, out: Output) -> list[Packet]:
        """Send packets to `out` from now on: the CONNECT is accepted.

        Return the packets to send first: the answer, and those that were emitted before it.
        """
        kept = cast(BeforeConnect, self.out).release()
        self.out = out
        self.state = CONNECTED
        if self._auth:
            self._auth = keep_auth(self._auth)
        return [*self.greeting(), *kept]

    def greeting(self) -> list[Packet]:
        """Return the packets that answer the CONNECT."""
        return self.namespace.encoder.connect({"sid": self.id})

    def detach(self) -> None:
        """End the socket: nothing more is sent, and no acknowledgement is expected."""
        if self.state == PENDING:
            cast(BeforeConnect, self.out).release()
        self.state = DISCONNECTED
        self.out = NOWHERE
        pending, self._pending = self._pending, None
        if pending:
            self._link.turns.settle_acks(len(pending))
            for answer in pending.values():
                answer(None)

    # -- acknowledgements, both ways

    def expect(self, ack_id: int, answer: AckCallback) -> None:
        """Call `answer` with the arguments of an acknowledgement, or with None if the client goes.

        Raises:
            LimitReached: as many acknowledgements are pending as `max_pending_acks` allows.
        """
        limit = self.namespace.server.limits.max_pending_acks
        if self._pending is None:
            self._pending = {}
        if len(self._pending) >= limit:
            raise LimitReached(
                f"{limit} acknowledgements are pending, the most for a socket (max_pending_acks)"
            )
        self._pending[ack_id] = answer
        self._link.turns.expect_ack()

    def expect_no_more(self, ack_id: int) -> AckCallback | None:
        """Forget an acknowledgement; one that comes later is ignored. Return who waited for it."""
        answer = None if self._pending is None else self._pending.pop(ack_id, None)
        if answer is not None:
            self._link.turns.settle_acks()
        return answer

    @property
    def pending_acks(self) -> int:
        """Return how many acknowledgements are pending."""
        return 0 if self._pending is None else len(self._pending)

    def acknowledged(self, ack_id: int | None, values: list[Any]) -> None:
        """Take an acknowledgement; an unknown or repeated one is ignored."""
        answer = None if ack_id is None else self.expect_no_more(ack_id)
        if answer is not None:
            answer(values)

    def acknowledge(self, ack_id: int, result: Any) -> None:
        """Acknowledge an event with a handler's result: None, a value, or a tuple of several."""
        if result is None:
            values: list[Any] | tuple[Any, ...] = []
        else:
            values = result if isinstance(result, tuple) else [result]
        for packet in self.namespace.encoder.ack(values, ack_id):
            self.out.send(packet)


class BeforeConnect:
    """Packets of a socket whose CONNECT is not answered yet: the answer must be first.

    The packet above `limit` ends the connection of `link`, which counts the bytes that are kept.
    """

    __slots__ = ("_limit", "_link", "_mark", "_packets", "_size", "_weight")

    writable = False

    def __init__(self, limit: int, link: Link) -> None:
        self._packets: list[Packet] = []
        self._limit = limit
        self._link = link
        # The bytes of the packets, the bytes above which they are weighed, and their last weight.
        self._size = 0
        self._mark = FIRST_MARK
        self._weight = 0

    def send(self, packet: Packet) -> None:
        if len(self._packets) >= self._limit:
            self._link.overflow()
            return
        self._packets.append(packet)
        self._size += len(packet) + PACKET_OVERHEAD
        if self._size > self._mark:
            self._mark = 2 * self._size
            self._count(weigh_packets(self._packets))

    def release(self) -> list[Packet]:
        """Return the packets, which are not kept any longer."""
        packets, self._packets = self._packets, []
        if self._weight:
            self._count(0)
        return packets

    def _count(self, weight: int) -> None:
        before, self._weight = self._weight, weight
        self._link.connection.hold(weight - before)


class Nowhere:
    """Drops the packets of a socket whose client has left."""

    __slots__ = ()
    writable = False

    def send(self, packet: Packet) -> None:
        """Drop the packet."""


NOWHERE = Nowhere()

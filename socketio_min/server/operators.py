"""Select the receivers of an event, and how it is sent, step by step:
`io.to("a").except_("b").volatile.emit("event")`, `socket.volatile.emit("event")`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from socketio_min.cluster.adapter import BroadcastOptions
from socketio_min.cluster.gathering import gather_acks
from socketio_min.cluster.memory import send_to_all
from socketio_min.cluster.remote_socket import RemoteSocket
from socketio_min.errors import UsageError
from socketio_min.protocol.outgoing import event_packets
from socketio_min.protocol.packets import check_event_name
from socketio_min.protocol.rooms import RoomNames, room_names

if TYPE_CHECKING:
    from socketio_min.server.namespace import Namespace
    from socketio_min.server.socket import Socket


class BroadcastOperator:
    """A selection of a namespace's sockets. Immutable: each step returns a new selection.

    Without `to` all sockets are selected. After `to` with an empty collection of rooms none is: a
    program that computes rooms must not reach everybody when it finds none. Such a selection asks
    no adapter, because to an adapter no rooms mean all sockets.
    """

    __slots__ = ("_namespace", "_nobody", "_options")

    def __init__(
        self, namespace: Namespace, options: BroadcastOptions, *, nobody: bool = False
    ) -> None:
        self._namespace = namespace
        self._options = options
        self._nobody = nobody

    def _with(self, options: BroadcastOptions) -> BroadcastOperator:
        return BroadcastOperator(self._namespace, options, nobody=self._nobody)

    # -- which sockets, and how

    def to(self, rooms: RoomNames) -> BroadcastOperator:
        """Add the sockets in `rooms`; each socket is reached once."""
        options = self._options.to(room_names(rooms))
        return BroadcastOperator(self._namespace, options, nobody=not options.rooms)

    in_ = to

    def except_(self, rooms: RoomNames) -> BroadcastOperator:
        """Leave out the sockets in `rooms`."""
        return self._with(self._options.without(room_names(rooms)))

    @property
    def volatile(self) -> BroadcastOperator:
        """Drop the event for a socket that cannot take it at once."""
        return self._with(self._options._replace(volatile=True))

    @property
    def local(self) -> BroadcastOperator:
        """Send on this server of a cluster only."""
        return self._with(self._options._replace(local=True))

    def compress(self, compress: bool) -> BroadcastOperator:
        """Set whether the transport may compress the event (it may, unless told otherwise)."""
        return self._with(self._options._replace(compress=compress))

    def timeout(self, seconds: float) -> BroadcastOperator:
        """Set how long `call` waits, in seconds."""
        return self._with(self._options._replace(timeout=seconds))

    # -- what to do

    def emit(self, event: str, *args: Any) -> None:
        """Send an event. Never blocks.

        Raises:
            UsageError: the event's name is reserved, or a value cannot be encoded.
        """
        if self._nobody:
            check_event_name(event)
        else:
            self._namespace.adapter.broadcast((event, *args), self._options)

    async def call(self, event: str, *args: Any) -> list[Any]:
        """Send an event and return the first argument of every socket's acknowledgement.

        The call ends as soon as all sockets that are left have acknowledged.

        Raises:
            AcknowledgementTimeout: a socket has disconnected, or not all have acknowledged within
            `timeout`; `responses` has the arguments of those that have.
            UsageError: no `timeout` was given, or as `emit`.
        """
        timeout = self._options.timeout
        if timeout is None:
            raise UsageError(
                "a broadcast with acknowledgements needs .timeout(seconds) before .call"
            )
        if self._nobody:
            check_event_name(event)
            return []
        return await gather_acks(self._namespace.adapter, (event, *args), self._options, timeout)

    async def fetch_sockets(self) -> list[Socket | RemoteSocket]:
        """Return the matching sockets of all servers; `Socket`s are this server's own.

        Raises:
            AcknowledgementTimeout: a server did not answer within `timeout` (5 seconds if there is
            none); `responses` has the sockets of the others.
        """
        if self._nobody:
            return []
        sockets = await self._namespace.adapter.fetch_sockets(self._options)
        return cast("list[Socket | RemoteSocket]", [*sockets])

    def sockets_join(self, rooms: RoomNames) -> None:
        """Make the matching sockets join `rooms`.

        Raises:
            UsageError: as `Socket.join`; the other sockets of this server have joined.
        """
        names = room_names(rooms)
        if not self._nobody:
            self._namespace.adapter.add_sockets(self._options, names)

    def sockets_leave(self, rooms: RoomNames) -> None:
        """Make the matching sockets leave `rooms`."""
        names = room_names(rooms)
        if not self._nobody:
            self._namespace.adapter.delete_sockets(self._options, names)

    def disconnect_sockets(self, *, close: bool = False) -> None:
        """Disconnect the matching sockets; with `close` their whole connections."""
        if not self._nobody:
            self._namespace.adapter.disconnect_sockets(self._options, close=close)


class SocketOperator:
    """Sends to one socket: `socket.volatile.emit("event")`. Immutable.

    An event goes to the socket itself and not to the room of its id: the socket may have left that
    room or, while a middleware runs, not joined it yet.
    """

    __slots__ = ("_options", "_socket")

    def __init__(self, socket: Socket, options: BroadcastOptions) -> None:
        self._socket = socket
        self._options = options

    @property
    def volatile(self) -> SocketOperator:
        """Drop the event if the client cannot take it at once."""
        return type(self)(self._socket, self._options._replace(volatile=True))

    def compress(self, compress: bool) -> SocketOperator:
        """Set whether the transport may compress the event."""
        return type(self)(self._socket, self._options._replace(compress=compress))

    @property
    def broadcast(self) -> BroadcastOperator:
        """Select everybody in the namespace but this socket, with these flags."""
        socket = self._socket
        return BroadcastOperator(socket.namespace, self._options._replace(except_=(socket.id,)))

    def to(self, rooms: RoomNames) -> BroadcastOperator:
        """Select the sockets in `rooms` but this one, with these flags."""
        return self.broadcast.to(rooms)

    in_ = to

    def except_(self, rooms: RoomNames) -> BroadcastOperator:
        """Select everybody but this socket and those in `rooms`, with these flags."""
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

"""The seam between a namespace and a cluster: rooms, and how a broadcast reaches them.

`Adapter` names what a namespace needs; its methods follow the official adapter's. `MemoryAdapter`
is one process. A cluster's adapter does the same for its own sockets and tells the other servers.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

from engineio_min.protocol.packets import Packet, Uncompressed, UncompressedBytes
from socketio_min.errors import UsageError
from socketio_min.protocol.packets import encode_event, encode_plain_event
from socketio_min.protocol.rooms import Rooms

if TYPE_CHECKING:
    from socketio_min.server.namespace import Namespace
    from socketio_min.server.socket import Socket

# Gets the arguments of an acknowledgement, or None when the client has gone without one.
AckCallback = Callable[[list[Any] | None], None]


@dataclass(frozen=True, slots=True)
class BroadcastOptions:
    """Who gets a broadcast, and how.

    `rooms`: the sockets of at least one of them, all if empty (an operator with an empty collection
    of rooms asks no adapter); `except_`: minus the sockets of these.
    """

    rooms: tuple[str, ...] = ()
    except_: tuple[str, ...] = ()
    volatile: bool = False
    compress: bool = True
    local: bool = False
    timeout: float | None = None

    def to(self, rooms: Iterable[str]) -> BroadcastOptions:
        """The same, for more rooms."""
        return replace(self, rooms=tuple(dict.fromkeys((*self.rooms, *rooms))))

    def without(self, rooms: Iterable[str]) -> BroadcastOptions:
        """The same, leaving out more rooms."""
        return replace(self, except_=tuple(dict.fromkeys((*self.except_, *rooms))))


class Adapter(Protocol):
    """What a namespace asks of its cluster."""

    def add_all(self, socket_id: str, rooms: Iterable[str]) -> None:
        """A socket joins rooms."""

    def delete(self, socket_id: str, room: str) -> None:
        """A socket leaves a room."""

    def delete_all(self, socket_id: str) -> None:
        """A socket is gone."""

    def socket_rooms(self, socket_id: str) -> Collection[str]:
        """The rooms of a socket."""

    def broadcast(self, args: Sequence[Any], options: BroadcastOptions) -> None:
        """Send an event: its name and arguments."""

    def broadcast_with_ack(
        self,
        args: Sequence[Any],
        options: BroadcastOptions,
        client_count: Callable[[int], None],
        acknowledged: AckCallback,
    ) -> Callable[[], None]:
        """Send an event that asks for acknowledgement.

        `client_count` is called once a server with the number of its sockets that will answer,
        `acknowledged` once a socket. Returns what to call when no more answers are wanted.
        """

    async def fetch_sockets(self, options: BroadcastOptions) -> list[Socket]:
        """The matching sockets."""

    def add_sockets(self, options: BroadcastOptions, rooms: Sequence[str]) -> None:
        """The matching sockets join rooms."""

    def delete_sockets(self, options: BroadcastOptions, rooms: Sequence[str]) -> None:
        """The matching sockets leave rooms."""

    def disconnect_sockets(self, options: BroadcastOptions, *, close: bool) -> None:
        """The matching sockets are disconnected."""


class MemoryAdapter:
    """The rooms of one process."""

    __slots__ = ("_namespace", "_rooms")

    def __init__(self, namespace: Namespace) -> None:
        self._namespace = namespace
        self._rooms: Rooms[str] = Rooms()

    @property
    def rooms(self) -> Rooms[str]:
        """The registry, to look at."""
        return self._rooms

    def add_all(self, socket_id: str, rooms: Iterable[str]) -> None:
        self._rooms.add(socket_id, rooms)

    def delete(self, socket_id: str, room: str) -> None:
        self._rooms.remove(socket_id, room)

    def delete_all(self, socket_id: str) -> None:
        self._rooms.remove_all(socket_id)

    def socket_rooms(self, socket_id: str) -> Collection[str]:
        return self._rooms.rooms(socket_id)

    def broadcast(self, args: Sequence[Any], options: BroadcastOptions) -> None:
        sockets = self._receivers(options)
        if sockets:
            send_to_all(sockets, event_packets(self._namespace, args, None, options), args)
        else:
            check_event_name(args[0])

    def broadcast_with_ack(
        self,
        args: Sequence[Any],
        options: BroadcastOptions,
        client_count: Callable[[int], None],
        acknowledged: AckCallback,
    ) -> Callable[[], None]:
        sockets = self._receivers(options)
        ack_id = self._namespace.next_ack_id()

        def cancel() -> None:
            for socket in sockets:
                socket.expect_no_more(ack_id)

        if sockets:
            packets = event_packets(self._namespace, args, ack_id, options)
            try:
                for socket in sockets:
                    socket.expect(ack_id, acknowledged)
            except UsageError:
                cancel()
                raise
            send_to_all(sockets, packets, args)
        else:
            check_event_name(args[0])
        client_count(len(sockets))
        return cancel

    async def fetch_sockets(self, options: BroadcastOptions) -> list[Socket]:
        return self._matching(options)

    def add_sockets(self, options: BroadcastOptions, rooms: Sequence[str]) -> None:
        for socket in self._matching(options):
            socket.join(rooms)

    def delete_sockets(self, options: BroadcastOptions, rooms: Sequence[str]) -> None:
        for socket in self._matching(options):
            socket.leave(rooms)

    def disconnect_sockets(self, options: BroadcastOptions, *, close: bool) -> None:
        for socket in self._matching(options):
            socket.disconnect(close=close)

    def _matching(self, options: BroadcastOptions) -> list[Socket]:
        # A middleware may have put a socket into rooms before it was among the namespace's.
        find = self._namespace.sockets.get
        return [*filter(None, map(find, self._rooms.select(options.rooms, options.except_)))]

    def _receivers(self, options: BroadcastOptions) -> list[Socket]:
        sockets = self._matching(options)
        return [socket for socket in sockets if socket.writable] if options.volatile else sockets


def check_event_name(event: str) -> None:
    """Refuse a name that cannot be sent, also when there is nobody to send it to.

    Raises:
        UsageError: the name is reserved, or no str.
    """
    encode_event("/", [event])


def event_packets(
    namespace: Namespace, args: Sequence[Any], ack_id: int | None, options: BroadcastOptions
) -> list[Packet]:
    """Encode an event once, as the packets that carry it."""
    if ack_id is None and options.compress:
        packet = encode_plain_event(namespace.event_head, list(args))
        if packet is not None:
            return [packet]
    text, attachments = encode_event(namespace.name, list(args), ack_id)
    if options.compress:
        return ["4" + text, *attachments]
    return [Uncompressed("4" + text), *map(UncompressedBytes, attachments)]


def send_to_all(sockets: Iterable[Socket], packets: list[Packet], args: Sequence[Any]) -> None:
    """Queue packets for many sockets: nothing a receiver but a reference to the same objects."""
    if len(packets) == 1:
        packet = packets[0]
        for socket in sockets:
            socket.out.send(packet)
    else:
        for socket in sockets:
            for packet in packets:
                socket.out.send(packet)
    for socket in sockets:
        if not socket.namespace.outgoing:
            return
        socket.namespace.announce_outgoing(socket, args)

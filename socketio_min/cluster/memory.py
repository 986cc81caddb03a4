"""The adapter of one process; the adapters of several servers do the same for the sockets of their
own server.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

from engineio_min.protocol.packets import Packet
from socketio_min.cluster.adapter import (
    AckCallback,
    BroadcastOptions,
    FetchedSocket,
    LocalNamespace,
    Recipient,
)
from socketio_min.cluster.status import ClusterStatus
from socketio_min.errors import UsageError
from socketio_min.protocol.outgoing import event_packets
from socketio_min.protocol.packets import check_event_name
from socketio_min.protocol.rooms import Rooms


class MemoryAdapter:
    """The rooms of one process."""

    __slots__ = ("_namespace", "_rooms", "status")

    def __init__(self, namespace: LocalNamespace) -> None:
        self._namespace = namespace
        self._rooms: Rooms[str] = Rooms()
        self.status = ClusterStatus(connected=True)

    @property
    def rooms(self) -> Rooms[str]:
        """Return the registry of rooms, which the caller does not change."""
        return self._rooms

    async def start(self) -> None:
        """Do nothing: there is no other server to join."""

    async def close(self) -> None:
        """Do nothing: there is no other server to leave."""

    async def server_count(self) -> int:
        return 1

    async def server_names(self) -> frozenset[str]:
        return frozenset()

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
            packets = event_packets(self._namespace, args, compress=options.compress)
            send_to_all(self._namespace, sockets, packets, args)
        else:
            check_event_name(args[0])

    def broadcast_with_ack(
        self,
        args: Sequence[Any],
        options: BroadcastOptions,
        client_count: Callable[[int, str], None],
        acknowledged: AckCallback,
    ) -> Callable[[], None]:
        sockets = self._receivers(options)
        ack_id = self._namespace.next_ack_id()

        def cancel() -> None:
            for socket in sockets:
                socket.expect_no_more(ack_id)

        if sockets:
            packets = event_packets(self._namespace, args, ack_id, compress=options.compress)
            try:
                for socket in sockets:
                    socket.expect(ack_id, acknowledged)
            except UsageError:
                cancel()
                raise
            send_to_all(self._namespace, sockets, packets, args)
        else:
            check_event_name(args[0])
        client_count(len(sockets), "")
        return cancel

    async def fetch_sockets(self, options: BroadcastOptions) -> Sequence[FetchedSocket]:
        return self._matching(options)

    def add_sockets(self, options: BroadcastOptions, rooms: Sequence[str]) -> None:
        """Make the matching sockets join rooms.

        Raises:
            UsageError: the limits of a socket do not allow it; all other sockets have joined.
        """
        refusal = None
        for socket in self._matching(options):
            try:
                socket.join(rooms)
            except UsageError as error:
                refusal = error
        if refusal is not None:
            raise refusal

    def delete_sockets(self, options: BroadcastOptions, rooms: Sequence[str]) -> None:
        for socket in self._matching(options):
            socket.leave(rooms)

    def disconnect_sockets(self, options: BroadcastOptions, *, close: bool) -> None:
        for socket in self._matching(options):
            socket.disconnect(close=close)

    def server_side_emit(self, args: Sequence[Any]) -> None:
        """Send nothing: there is no other server."""

    async def server_side_call(self, args: Sequence[Any], timeout: float) -> list[Any]:
        return []

    def _matching(self, options: BroadcastOptions) -> list[Recipient]:
        # A middleware may have put a socket into rooms before the socket is in the namespace.
        find = self._namespace.sockets.get
        return [*filter(None, map(find, self._rooms.select(options.rooms, options.except_)))]

    def _receivers(self, options: BroadcastOptions) -> list[Recipient]:
        sockets = self._matching(options)
        return [socket for socket in sockets if socket.writable] if options.volatile else sockets


def send_to_all(
    namespace: LocalNamespace,
    sockets: Sequence[Recipient],
    packets: list[Packet],
    args: Sequence[Any],
) -> None:
    """Queue the packets of an event, `args`, for many sockets. Each socket costs no more than a
    reference to the same packets.
    """
    if len(packets) == 1:
        packet = packets[0]
        for socket in sockets:
            socket.out.send(packet)
    else:
        for socket in sockets:
            for packet in packets:
                socket.out.send(packet)
    if namespace.outgoing:
        for socket in sockets:
            namespace.announce_outgoing(socket, args)

"""A socket of another server."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from socketio_min.cluster.adapter import Adapter, BroadcastOptions
from socketio_min.cluster.gathering import gather_acks
from socketio_min.errors import Disconnected
from socketio_min.protocol.handshake import Handshake
from socketio_min.protocol.rooms import RoomNames, room_names


class RemoteSocket:
    """A socket of another server, as it was when it was fetched.

    `id`, `handshake`, `rooms` and `data` are copies and do not change. Each method sends a message
    to the server that has the socket; if the socket is gone, nothing happens there.
    """

    __slots__ = ("_adapter", "_options", "data", "handshake", "id", "rooms")

    def __init__(
        self,
        adapter: Adapter,
        socket_id: str,
        handshake: Handshake,
        rooms: Iterable[str],
        data: dict[str, Any],
    ) -> None:
        self.id = socket_id
        self.handshake = handshake
        self.rooms = frozenset(rooms)
        self.data = data
        self._adapter = adapter
        # Only the socket itself is in the room of its id.
        self._options = BroadcastOptions(rooms=(socket_id,))

    def __repr__(self) -> str:
        return f"<RemoteSocket {self.id}>"

    def emit(self, event: str, *args: Any) -> None:
        """Send an event. Never blocks.

        Raises:
            UsageError: the event's name is reserved, or a value cannot be encoded.
        """
        self._adapter.broadcast((event, *args), self._options)

    async def call(self, event: str, *args: Any, timeout: float = 10.0) -> Any:
        """Send an event and return the first argument of the client's acknowledgement.

        Raises:
            AcknowledgementTimeout: it did not come within `timeout` seconds.
            Disconnected: no server has the socket any more.
            UsageError: as `emit`.
        """
        options = self._options._replace(timeout=timeout)
        responses = await gather_acks(self._adapter, (event, *args), options, timeout)
        if not responses:
            raise Disconnected(f"the socket disconnected before it acknowledged {event!r}")
        return responses[0]

    def join(self, rooms: RoomNames) -> None:
        """Make the socket join a room, or several; the limits of its server hold.

        Raises:
            UsageError: a name is no str.
        """
        self._adapter.add_sockets(self._options, room_names(rooms))

    def leave(self, rooms: RoomNames) -> None:
        """Make the socket leave a room, or several.

        Raises:
            UsageError: a name is no str.
        """
        self._adapter.delete_sockets(self._options, room_names(rooms))

    def disconnect(self, *, close: bool = False) -> None:
        """Disconnect the client from the namespace; with `close`, its whole connection."""
        self._adapter.disconnect_sockets(self._options, close=close)

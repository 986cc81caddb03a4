"""Select the clients of a cluster and send to them, from a process without a server.

The messages are those of `@socket.io/redis-emitter` 5, for servers with the classic adapter. What
carries them is in `emitter.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from socketio_min.cluster.adapter import PLAIN, BroadcastOptions
from socketio_min.cluster.message_fields import write_options
from socketio_min.cluster.messages import Disconnect, Join, Leave, ServerEvent
from socketio_min.cluster.redis.classic_wire import encode_request
from socketio_min.cluster.redis.msgpack import pack
from socketio_min.cluster.values import name_bytes, portable
from socketio_min.protocol.packets import check_event_name
from socketio_min.protocol.rooms import RoomNames, room_names

# Sends a message to a channel.
Publish = Callable[[bytes, bytes], object]

_UID = "emitter"
_EVENT = 2


class Emission:
    """A selection of a namespace's sockets on all servers. Immutable: each step returns a new
    selection.

    Without `to` all sockets are selected; with an empty collection of rooms none is.
    """

    def __init__(
        self,
        publish: Publish,
        key: str,
        namespace: str = "/",
        options: BroadcastOptions = PLAIN,
        *,
        nobody: bool = False,
    ) -> None:
        self._publish = publish
        self._key = key
        self._namespace = namespace
        self._options = options
        self._nobody = nobody

    def _with(self, options: BroadcastOptions, *, nobody: bool = False) -> Emission:
        nobody = nobody or self._nobody
        return Emission(self._publish, self._key, self._namespace, options, nobody=nobody)

    # -- which sockets, and how

    def of(self, namespace: str) -> Emission:
        """Return a selection of all in another namespace; a missing leading "/" is added."""
        name = namespace if namespace.startswith("/") else "/" + namespace
        return Emission(self._publish, self._key, name)

    def to(self, rooms: RoomNames) -> Emission:
        """Return the selection with the sockets in `rooms` added; each socket is reached once."""
        names = room_names(rooms)
        nobody = not names and not self._options.rooms
        return self._with(self._options.to(names), nobody=nobody)

    in_ = to

    def except_(self, rooms: RoomNames) -> Emission:
        """Return the selection without the sockets in `rooms`."""
        return self._with(self._options.without(room_names(rooms)))

    @property
    def volatile(self) -> Emission:
        """Return the selection; events are dropped for a socket that cannot take them at once."""
        return self._with(self._options._replace(volatile=True))

    def compress(self, compress: bool) -> Emission:
        """Return the selection, with the flag whether events may be compressed."""
        return self._with(self._options._replace(compress=compress))

    # -- what to do

    def emit(self, event: str, *args: Any) -> None:
        """Send an event.

        Raises:
            UsageError: the event's name is reserved, or a value cannot be encoded.
        """
        check_event_name(event)
        packet = {"type": _EVENT, "data": portable((event, *args)), "nsp": self._namespace}
        written = write_options(self._options)
        # In the order of the official emitter.
        options = {name: written[name] for name in ("rooms", "flags", "except")}
        message = pack([_UID, packet, options])
        rooms = self._options.rooms
        room = f"{rooms[0]}#" if len(rooms) == 1 else ""
        self._send(f"{self._key}#{self._namespace}#{room}", message)

    def sockets_join(self, rooms: RoomNames) -> None:
        """Make the sockets join `rooms`, within the limits of their servers."""
        self._request(Join(self._options, room_names(rooms)))

    def sockets_leave(self, rooms: RoomNames) -> None:
        """Make the sockets leave `rooms`."""
        self._request(Leave(self._options, room_names(rooms)))

    def disconnect_sockets(self, *, close: bool = False) -> None:
        """Disconnect the sockets; with `close` their whole connections."""
        self._request(Disconnect(self._options, close))

    def server_side_emit(self, event: str, *args: Any) -> None:
        """Send an event to the servers, for their `on_server` handlers. The selection of sockets
        does not matter.

        Raises:
            UsageError: a value cannot be encoded.
        """
        message = encode_request(_UID, self._namespace, ServerEvent((event, *args)))
        self._publish(name_bytes(self._requests), message)

    @property
    def _requests(self) -> str:
        """Return the channel of the requests to all servers."""
        return f"{self._key}-request#{self._namespace}#"

    def _request(self, message: Join | Leave | Disconnect) -> None:
        self._send(self._requests, encode_request("", self._namespace, message))

    def _send(self, channel: str, message: bytes) -> None:
        """Send a message that is for the selected sockets."""
        if not self._nobody:
            self._publish(name_bytes(channel), message)

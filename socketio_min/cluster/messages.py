"""The messages between the servers of a cluster, in no particular notation.

A class is named for what the sender asks the other servers to do, or for its answer. `request_id`
says which request an answer is for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from socketio_min.cluster.adapter import BroadcastOptions


class Broadcast(NamedTuple):
    """Send an event, its name and arguments, to sockets. With a `request_id`, report how many will
    acknowledge it, and then their acknowledgements.

    `body` is the JSON of `args` if the sender has that already, for adapters that write JSON.
    """

    args: Sequence[Any]
    options: BroadcastOptions
    request_id: str | None = None
    body: str | None = None


class Join(NamedTuple):
    """Make sockets join rooms."""

    options: BroadcastOptions
    rooms: Sequence[str]


class Leave(NamedTuple):
    """Make sockets leave rooms."""

    options: BroadcastOptions
    rooms: Sequence[str]


class Disconnect(NamedTuple):
    """Disconnect sockets; with `close`, their connections."""

    options: BroadcastOptions
    close: bool


class Fetch(NamedTuple):
    """Describe the matching sockets: `Fetched` is the answer."""

    options: BroadcastOptions
    request_id: str


class ListSockets(NamedTuple):
    """Name the matching sockets: `SocketIds` is the answer."""

    options: BroadcastOptions
    request_id: str


class ListRooms(NamedTuple):
    """Name all rooms: `RoomNames` is the answer."""

    request_id: str


class ServerEvent(NamedTuple):
    """Handle an event of a server, its name and arguments; with `request_id`, answer it."""

    args: Sequence[Any]
    request_id: str | None = None


class ClientCount(NamedTuple):
    """A server's report: how many of its sockets will acknowledge a broadcast."""

    request_id: str
    clients: int


class Acknowledgement(NamedTuple):
    """The first argument of a socket's acknowledgement of a broadcast."""

    request_id: str
    value: Any


class Fetched(NamedTuple):
    """A server's sockets, each as `{"id", "handshake", "rooms", "data"}`."""

    request_id: str
    sockets: Sequence[Any]


class SocketIds(NamedTuple):
    """The ids of a server's sockets."""

    request_id: str
    ids: Sequence[str]


class RoomNames(NamedTuple):
    """The names of a server's rooms."""

    request_id: str
    rooms: Sequence[str]


class ServerAnswer(NamedTuple):
    """A server's answer to an event of another."""

    request_id: str
    value: Any


Request = Broadcast | Join | Leave | Disconnect | Fetch | ListSockets | ListRooms | ServerEvent
Response = ClientCount | Acknowledgement | Fetched | SocketIds | RoomNames | ServerAnswer

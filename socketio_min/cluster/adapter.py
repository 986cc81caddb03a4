"""The interface between a namespace and a cluster: rooms, and how a broadcast reaches them.

`Adapter` is what a namespace asks of its cluster; its methods follow the official adapter's.
`LocalNamespace` and `Recipient` are what an adapter may ask of the namespace and of its sockets:
all that an adapter's author must know. `MemoryAdapter` is a cluster of one process; the adapter of
a larger cluster does the same for its own sockets, and sends messages to the other servers.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple, Protocol, TypeVar, runtime_checkable

from engineio_min.protocol.packets import Packet
from socketio_min.cluster.recovery import Recovery, Restored, Session
from socketio_min.cluster.status import ClusterStatus
from socketio_min.errors import UsageError
from socketio_min.protocol.handshake import Handshake
from socketio_min.protocol.parser import PacketEncoder

SomeNamespace = TypeVar("SomeNamespace")

# Gets the arguments of an acknowledgement, or None if the client has gone before.
AckCallback = Callable[[list[Any] | None], None]


class BroadcastOptions(NamedTuple):
    """The receivers of a broadcast, and how it is sent.

    rooms: the sockets in at least one of these rooms are selected; all, if there are no rooms.
    except_: the sockets in these rooms are left out.
    volatile: whether the event is dropped for a socket that cannot take it at once.
    compress: whether the transport may compress the event.
    local: whether only sockets of this server are selected.
    timeout: seconds that the answers may take.

    These options are a tuple, because making one costs a fifth of what a frozen dataclass does, and
    every broadcast makes some.
    """

    rooms: tuple[str, ...] = ()
    except_: tuple[str, ...] = ()
    volatile: bool = False
    compress: bool = True
    local: bool = False
    timeout: float | None = None

    def to(self, rooms: Iterable[str]) -> BroadcastOptions:
        """Return the same options for more rooms."""
        _, except_, volatile, compress, local, timeout = self
        # Most broadcasts call this, and `_replace` would cost four times as much.
        return BroadcastOptions(
            _distinct((*self.rooms, *rooms)), except_, volatile, compress, local, timeout
        )

    def without(self, rooms: Iterable[str]) -> BroadcastOptions:
        """Return the same options without the sockets of more rooms."""
        return self._replace(except_=_distinct((*self.except_, *rooms)))


# No rooms and no flags.
PLAIN: Final = BroadcastOptions()


def _distinct(names: tuple[str, ...]) -> tuple[str, ...]:
    return names if len(names) < 2 else tuple(dict.fromkeys(names))


class Output(Protocol):
    """Where a socket's packets go."""

    @property
    def writable(self) -> bool:
        """Return whether a packet would leave at once."""

    def send(self, packet: Packet) -> None:
        """Queue a packet."""


class FetchedSocket(Protocol):
    """A socket as `fetch_sockets` returns it, of this server or of another."""

    @property
    def id(self) -> str: ...

    @property
    def handshake(self) -> Handshake: ...

    @property
    def rooms(self) -> frozenset[str]: ...

    @property
    def data(self) -> dict[str, Any]: ...


class Recipient(FetchedSocket, Protocol):
    """A socket of this server, as an adapter sees it."""

    @property
    def out(self) -> Output:
        """Return where the socket's packets go."""

    @property
    def writable(self) -> bool:
        """Return whether a packet sent now would leave at once."""

    def join(self, rooms: Sequence[str]) -> None:
        """Join rooms; raise UsageError if the limits do not allow it."""

    def leave(self, rooms: Sequence[str]) -> None:
        """Leave rooms."""

    def disconnect(self, *, close: bool = False) -> None:
        """Disconnect the client from the namespace; with `close`, its whole connection."""

    def expect(self, ack_id: int, answer: AckCallback) -> None:
        """Call `answer` with an acknowledgement; raise UsageError if too many are pending."""

    def expect_no_more(self, ack_id: int) -> object:
        """Forget an acknowledgement; one that comes later is ignored."""


class Recoverable(Protocol):
    """A socket whose client may come back, as an adapter sees it; `pid` is its private id."""

    id: str
    pid: str

    @property
    def session(self) -> Session:
        """Return what is kept of the socket while its client is away."""


class LocalNamespace(Protocol):
    """A namespace of this server, as an adapter sees it."""

    @property
    def name(self) -> str:
        """Return the name, which begins with "/" (Socket.IO protocol 5, "Namespace")."""

    @property
    def encoder(self) -> PacketEncoder:
        """Return the encoder of packets, for `socketio_min.protocol.outgoing.event_packets`."""

    @property
    def sockets(self) -> Mapping[str, Recipient]:
        """Return the sockets of this server, by id."""

    @property
    def outgoing(self) -> Collection[Callable[..., Any]]:
        """Return the listeners of outgoing events; if there are none, nothing is announced."""

    @property
    def recovery(self) -> Recovery | None:
        """Return the options of connection state recovery, None without it."""

    def next_ack_id(self) -> int:
        """Return an acknowledgement id that the namespace has not used."""

    def announce_outgoing(self, socket: Any, args: Sequence[Any]) -> None:
        """Call the listeners of outgoing events."""

    def server_event(
        self, event: str, args: Sequence[Any], answer: Callable[[Any], None] | None
    ) -> None:
        """Handle an event of another server; `answer` is called with the handler's result."""


class Adapter(Protocol):
    """What a namespace asks of its cluster."""

    @property
    def status(self) -> ClusterStatus:
        """Return whether the other servers can be reached, and how many messages were lost."""

    async def start(self) -> None:
        """Join the cluster; return when messages of the other servers arrive, or when that takes
        too long.
        """

    async def close(self) -> None:
        """Leave the cluster. `start` may follow."""

    async def server_count(self) -> int:
        """Return how many servers have the namespace, this one included."""

    async def server_names(self) -> frozenset[str]:
        """Return the names of the other servers that have the namespace."""

    def add_all(self, socket_id: str, rooms: Iterable[str]) -> None:
        """Put a socket into rooms."""

    def delete(self, socket_id: str, room: str) -> None:
        """Take a socket out of a room."""

    def delete_all(self, socket_id: str) -> None:
        """Forget a socket: it is gone."""

    def socket_rooms(self, socket_id: str) -> Collection[str]:
        """Return the rooms of a socket."""

    def broadcast(self, args: Sequence[Any], options: BroadcastOptions) -> None:
        """Send an event: its name and arguments."""

    def broadcast_with_ack(
        self,
        args: Sequence[Any],
        options: BroadcastOptions,
        client_count: Callable[[int, str], None],
        acknowledged: AckCallback,
    ) -> Callable[[], None]:
        """Send an event that asks for acknowledgement.

        `client_count` is called once for each server, with the number of its sockets that will
        answer and with its name, "" if that is not known. `acknowledged` is called once for each of
        these sockets. Return the function to call when no more answers are wanted.
        """

    async def fetch_sockets(self, options: BroadcastOptions) -> Sequence[FetchedSocket]:
        """Return the matching sockets.

        Raises:
            AcknowledgementTimeout: a server did not answer in time; `responses` has the sockets of
            the others.
        """

    def add_sockets(self, options: BroadcastOptions, rooms: Sequence[str]) -> None:
        """Make the matching sockets join rooms."""

    def delete_sockets(self, options: BroadcastOptions, rooms: Sequence[str]) -> None:
        """Make the matching sockets leave rooms."""

    def disconnect_sockets(self, options: BroadcastOptions, *, close: bool) -> None:
        """Disconnect the matching sockets."""

    def server_side_emit(self, args: Sequence[Any]) -> None:
        """Send an event, its name and arguments, to the other servers."""

    async def server_side_call(self, args: Sequence[Any], timeout: float) -> list[Any]:
        """Send an event to the other servers and return their answers.

        Raises:
            AcknowledgementTimeout: not all answered within `timeout` seconds; `responses` has the
            answers that came.
        """


@runtime_checkable
class RecoveringAdapter(Adapter, Protocol):
    """What a namespace with connection state recovery asks of its cluster besides.

    An event has its offset as a last argument, unless it is volatile or asks for acknowledgement.
    `add_all` follows `restore_session` without a wait: earlier events are in `missed`, and later
    ones reach the socket because of `add_all`.
    """

    def emit(
        self, socket: Recipient, pid: str, args: Sequence[Any], options: BroadcastOptions
    ) -> None:
        """Send an event to one socket of this server, whatever its rooms.

        `pid` is the socket's private id. If the client is away, the event waits for it; if it is
        back, the event goes to its new socket, which has the same id.
        """

    def session_began(self, socket: Recoverable) -> None:
        """Note that the client of a socket was told its private id: now it may come back."""

    def persist_session(self, session: Session) -> None:
        """Keep the session of a client that has gone; `delete_all` of its socket follows."""

    def restore_session(
        self, pid: str, offset: str | None
    ) -> Restored | Awaitable[Restored | None] | None:
        """Take out the session of that private id, with the events after `offset`.

        Without an offset the client has got no event since the session began. Return None if there
        is no such session, or if not all events that the client missed are known.
        """


def recovering(
    make_adapter: Callable[[SomeNamespace], Adapter],
) -> Callable[[SomeNamespace], RecoveringAdapter]:
    """Return `make_adapter` with a check: the function raises a UsageError if an adapter that it
    makes cannot recover clients.
    """

    def make(namespace: SomeNamespace) -> RecoveringAdapter:
        adapter = make_adapter(namespace)
        if not isinstance(adapter, RecoveringAdapter):
            raise UsageError(
                f"connection_state_recovery: got an adapter, {type(adapter).__name__}, that cannot "
                "recover clients: use one that can, or none"
            )
        return adapter

    return make

"""A socket whose client may come back when its connection is lost, and what CONNECT carries for it.

With connection state recovery, which the official client has since 4.6, the answer to CONNECT has a
private id (`pid`), and each event ends with an offset. A client that comes back sends both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from engineio_min.ids import random_id
from engineio_min.protocol.packets import Packet
from socketio_min.cluster.adapter import PLAIN, RecoveringAdapter
from socketio_min.cluster.recovery import Restored, Session
from socketio_min.server.operators import SocketOperator
from socketio_min.server.recoveries import Recoveries
from socketio_min.server.socket import DISCONNECTED, Link, Socket

if TYPE_CHECKING:
    from socketio_min.server.namespace import Namespace


class RecoverableSocket(Socket):
    """A socket whose client may come back when the connection is lost: events for it wait.

    `pid` is the private id, which only the client knows.
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
        """Return whether the client has gone."""
        return self.state == DISCONNECTED

    @property
    def adapter(self) -> RecoveringAdapter:
        """Return the adapter of the namespace."""
        return cast(RecoveringAdapter, self.namespace.adapter)

    @property
    def session(self) -> Session:
        """Return what is kept of the socket while the client is away."""
        name, rooms = self.namespace.name, tuple(self.rooms)
        return Session(name, self.id, self.pid, rooms, self.data, self._presented)

    def restore(self, restored: Restored) -> None:
        """Take over the id, rooms and data that the client had before it was away."""
        session, self._missed = restored
        self.id = session.id
        self.pid = session.pid
        self.data = session.data
        self._presented = session.presented
        self._recovered = True

    def greeting(self) -> list[Packet]:
        self._recoveries.welcome(self)
        # The official client expects the events that it missed before the answer to its CONNECT.
        missed, self._missed = self._missed, []
        return [*missed, *self.namespace.encoder.connect({"sid": self.id, "pid": self.pid})]

    @property
    def _recoveries(self) -> Recoveries:
        recoveries = self.namespace.server.recoveries
        assert recoveries is not None
        return recoveries

    def keep(self, reason: str) -> None:
        """Keep the session, if the client may come back after an end for that reason."""
        self._recoveries.keep(self, reason)

    def refuse(self) -> None:
        """End the session of a client that is back and was refused."""
        self._recoveries.refuse(self)

    def supersede(self) -> None:
        """End the connection: the client is back on another one."""
        self._link.supersede(self)

    def emit(self, event: str, *args: Any) -> None:
        self.adapter.emit(self, self.pid, (event, *args), PLAIN)

    @property
    def volatile(self) -> SocketOperator:
        return RecoverableSocketOperator(self, PLAIN).volatile

    def compress(self, compress: bool) -> SocketOperator:
        return RecoverableSocketOperator(self, PLAIN).compress(compress)


class RecoverableSocketOperator(SocketOperator):
    """A `SocketOperator` that sends by way of the adapter, which remembers the events."""

    __slots__ = ()

    def emit(self, event: str, *args: Any) -> None:
        socket = cast(RecoverableSocket, self._socket)
        socket.adapter.emit(socket, socket.pid, (event, *args), self._options)


def pid_in(auth: dict[str, Any] | None) -> str | None:
    """Return the private id in the payload of a CONNECT, None if there is none."""
    pid = None if auth is None else auth.get("pid")
    return pid if isinstance(pid, str) else None


def offset_in(auth: dict[str, Any] | None) -> str | None:
    """Return the offset in the payload of a CONNECT: that of the last event that the client has
    got.

    Return None if there is none, and "", which no event has, for one that is no text.
    """
    offset = None if auth is None else auth.get("offset")
    return offset if offset is None or isinstance(offset, str) else ""

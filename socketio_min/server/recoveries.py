"""Connection state recovery: the state of a client is kept when its connection is lost, and
restored when the client comes back.

    CONNECT {pid, offset} ─► the old connection ends, if it is still there ─► the session is taken
    ─► middlewares, unless they are skipped ─► `connect` handler ─► missed events ─► CONNECT reply

What is kept, and where, is the adapter's affair.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Generator
from typing import Any, Protocol, cast

from engineio_min.protocol.reasons import (
    FORCED_CLOSE,
    PING_TIMEOUT,
    SLOW_CONSUMER,
    TRANSPORT_CLOSE,
    TRANSPORT_ERROR,
)
from socketio_min.cluster.adapter import RecoveringAdapter
from socketio_min.cluster.recovery import Recovery, Restored, Session
from socketio_min.failures import FAILURES, is_own_cancellation, log_failure
from socketio_min.tasks import is_awaitable

SERVER_SHUTDOWN = "server shutting down"

# The reasons of an end after which a client may come back: neither side wanted that end.
RECOVERABLE = frozenset(
    (
        TRANSPORT_ERROR,
        TRANSPORT_CLOSE,
        FORCED_CLOSE,
        PING_TIMEOUT,
        SLOW_CONSUMER,
        SERVER_SHUTDOWN,
    )
)


class Place(Protocol):
    """What recovery asks of a namespace."""

    name: str
    deciding: int
    sockets: dict[str, Any]

    def admission(self, socket: Any) -> Generator[Awaitable[Any], Any, None]:
        """Run the middlewares and the `connect` handler."""


class Returning(Protocol):
    """A socket that may come back."""

    id: str
    pid: str

    @property
    def namespace(self) -> Place: ...

    @property
    def adapter(self) -> RecoveringAdapter: ...

    @property
    def gone(self) -> bool: ...

    @property
    def session(self) -> Session: ...

    def restore(self, restored: Restored) -> None: ...

    def supersede(self) -> None: ...


class Recoveries:
    """Keeps and restores the state of a server's clients.

    max_missed: the most bytes of missed events that are sent to one client; a client that missed
    more begins anew. It is the number of bytes that may wait for a client at any time.
    start: runs a coroutine.
    """

    def __init__(
        self,
        options: Recovery,
        max_missed: int,
        start: Callable[[Coroutine[Any, Any, None]], object],
    ) -> None:
        self.options = options
        self._max_missed = max_missed
        self._start = start
        # The sockets whose clients are connected, as far as the server knows, by private id.
        self._present: dict[str, Returning] = {}

    def admission(
        self, socket: Returning, pid: str | None, offset: str | None
    ) -> Generator[Awaitable[Any], Any, None]:
        """Restore the state of a client that presents a private id, then admit it as any other.

        Yield as `Namespace.admission` does.
        """
        namespace = socket.namespace
        # The child of a dynamic namespace must stay even if its last other socket leaves meanwhile.
        namespace.deciding += 1
        try:
            if pid is not None:
                self._take_over(namespace, pid)
                found = socket.adapter.restore_session(pid, offset)
                result = (yield found) if is_awaitable(found) else found
                restored = cast(Restored | None, result)
                if restored is not None and not self._restore(socket, restored):
                    return
            # From now on the adapter remembers what the socket is sent.
            socket.adapter.add_all(socket.id, ())
            yield from namespace.admission(socket)
        finally:
            namespace.deciding -= 1

    def _take_over(self, namespace: Place, pid: str) -> None:
        """End the client's old connection, if the server has not noticed its loss yet."""
        holder = self._present.get(pid)
        if holder is not None and holder.namespace is namespace:
            holder.supersede()

    def _restore(self, socket: Returning, restored: Restored) -> bool:
        """Restore the state of a client. Return False if the client has gone again meanwhile."""
        session = restored.session
        if socket.gone:
            socket.adapter.persist_session(session)
            return False
        if sum(map(len, restored.missed)) > self._max_missed:
            self.expired(session)
            return True
        socket.restore(restored)
        self._present[socket.pid] = socket
        socket.namespace.sockets[socket.id] = socket
        socket.adapter.add_all(socket.id, session.rooms)
        return True

    def welcome(self, socket: Returning) -> None:
        """Note that the client of a socket was told its private id."""
        self._present[socket.pid] = socket
        socket.adapter.session_began(socket)

    def keep(self, socket: Returning, reason: str) -> None:
        """Keep the state of a socket whose client has gone, if it may come back after `reason`."""
        if self._leave(socket) and reason in RECOVERABLE:
            socket.adapter.persist_session(socket.session)

    def refuse(self, socket: Returning) -> None:
        """End the session of a client that has come back and is refused."""
        if self._leave(socket):
            self.expired(socket.session)

    def _leave(self, socket: Returning) -> bool:
        """Stop tracking a socket. Return False if its client was never told the private id, or is
        back on another socket.
        """
        if self._present.get(socket.pid) is not socket:
            return False
        del self._present[socket.pid]
        return True

    # -- sessions that end

    def expired(self, session: Session) -> None:
        """Call the application's handler of expired sessions: the client can not come back."""
        handler = self.options.expired
        if handler is None:
            return
        try:
            result = handler(session)
        except FAILURES as error:
            log_failure(error, "the handler of expired sessions failed")
            return
        if is_awaitable(result):
            self._start(_finish(result))


async def _finish(result: Awaitable[Any]) -> None:
    try:
        await result
    except FAILURES as error:
        if is_own_cancellation(error):
            raise
        log_failure(error, "the handler of expired sessions failed")

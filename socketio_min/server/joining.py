"""What a CONNECT causes: a socket is made, and welcomed or refused (Socket.IO v5, "Connection to a
namespace").

A client joins a namespace when the namespace's middlewares and its "connect" handler have ended and
none has raised. Meanwhile the client's connection goes on, and may end.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Coroutine, Generator, Iterable
from contextvars import Context
from typing import TYPE_CHECKING, Any, Protocol

from engineio_min.protocol.packets import Packet as EnginePacket
from engineio_min.protocol.reasons import TRANSPORT_CLOSE
from socketio_min.errors import ConnectionRefused, EncodeError
from socketio_min.failures import FAILURES, is_own_cancellation, log_failure
from socketio_min.protocol.parser import Parser
from socketio_min.protocol.peer import Peer
from socketio_min.server.connect_deadlines import Closable, ConnectDeadlines
from socketio_min.server.leaving import drop_undecided, let_go
from socketio_min.server.recoverable_socket import RecoverableSocket, offset_in, pid_in
from socketio_min.server.socket import SERVER_DISCONNECT, Link, Socket
from socketio_min.tasks import take_all

if TYPE_CHECKING:
    from socketio_min.server.namespace import Namespace
    from socketio_min.server.recoveries import Recoveries

logger = logging.getLogger("socketio_min")

Steps = Generator[Awaitable[Any], Any, None]


class JoiningHost(Protocol):
    """What CONNECT asks of the server."""

    parser: Parser
    recoveries: Recoveries | None
    connect_deadlines: ConnectDeadlines
    namespaces: dict[str, Namespace]

    def find_dynamic(self, name: str, auth: Any) -> Namespace | None:
        """Return the child of a dynamic namespace that a client may connect to under that name."""


class JoiningClient(Link, Closable, Protocol):
    """What CONNECT asks of the client's connection.

    `deciding` are the sockets whose CONNECT is being decided, None for none.
    """

    peer: Peer[Socket]
    deciding: set[Socket] | None

    def send(self, packets: Iterable[EnginePacket]) -> None:
        """Send a Socket.IO packet."""

    def start(
        self, coroutine: Coroutine[Any, Any, None], weight: int, context: Context | None = None
    ) -> None:
        """Take the first step of a coroutine, and count its weight for as long as it goes on."""


class Joining:
    """Acts on the CONNECTs of all clients of a server."""

    __slots__ = ("_server",)

    def __init__(self, server: JoiningHost) -> None:
        self._server = server

    def connect(
        self, client: JoiningClient, name: str, auth: dict[str, Any] | None, weight: int
    ) -> None:
        """Act on a CONNECT for the namespace `name`. Its `weight` in bytes is counted for as long
        as the decision takes.
        """
        namespace = self._server.namespaces.get(name)
        if namespace is None:
            try:
                namespace = self._server.find_dynamic(name, auth)
            except FAILURES as error:
                log_failure(error, "the predicate of a dynamic namespace failed for %r", name)
                self.refuse_name(client, name, "Internal server error")
                return
        if namespace is None:
            self.refuse_name(client, name, "Invalid namespace")
            return
        socket, steps = self._candidate(client, namespace, auth)
        if client.deciding is None:
            client.deciding = {socket}
        else:
            client.deciding.add(socket)
        try:
            awaitable = next(steps, None)
        except FAILURES as error:
            self._refuse(client, socket, error)
            return
        if awaitable is None:
            self._welcome(client, socket)
        else:
            # In the connection's context and not in a copy: later handlers see the ContextVars that
            # are set here.
            decision = self._decide(client, socket, steps, awaitable)
            client.start(decision, weight, client.connection.context)

    def _candidate(
        self, client: JoiningClient, namespace: Namespace, auth: dict[str, Any] | None
    ) -> tuple[Socket, Steps]:
        """Return a socket for a CONNECT, and the steps that decide whether it joins."""
        recoveries = self._server.recoveries
        if recoveries is None:
            plain = Socket(namespace, client, auth)
            return plain, namespace.admission(plain)
        socket = RecoverableSocket(namespace, client, auth)
        return socket, recoveries.admission(socket, pid_in(auth), offset_in(auth))

    def refuse_name(self, client: JoiningClient, name: str, message: str) -> None:
        """Refuse a CONNECT before a socket is made."""
        client.peer.refuse(name)
        client.send(self._server.parser.encoder(name).connect_error(message))

    async def _decide(
        self, client: JoiningClient, socket: Socket, steps: Steps, awaitable: Awaitable[Any]
    ) -> None:
        try:
            await take_all(awaitable, steps)
        except FAILURES as error:
            steps.close()
            if is_own_cancellation(error):
                # The server closes.
                self._refuse(client, socket, ConnectionRefused("Internal server error"))
                raise
            self._refuse(client, socket, error)
        else:
            self._welcome(client, socket)

    def _welcome(self, client: JoiningClient, socket: Socket) -> None:
        namespace = socket.namespace
        if not self.decided(client, socket):
            namespace.remove(socket)
            return
        self._server.connect_deadlines.discard(client)
        client.peer.join(namespace.name, socket)
        session = client.connection.session
        for packet in socket.connect(session):
            session.send(packet)
        if socket.closing:
            client.disconnect()
        elif socket.dismissed:
            client.leave(socket, SERVER_DISCONNECT, tell=True)

    def _refuse(self, client: JoiningClient, socket: Socket, error: BaseException) -> None:
        namespace = socket.namespace
        alive = self.decided(client, socket)
        if alive and isinstance(socket, RecoverableSocket):
            socket.refuse()
        namespace.remove(socket)
        socket.detach()
        if isinstance(error, ConnectionRefused):
            message, data = error.message, error.data
        else:
            message, data = "Internal server error", None
            log_failure(error, "the admission to namespace %s failed", namespace.name)
        if alive:
            client.peer.refuse(namespace.name)
            try:
                packets = namespace.encoder.connect_error(message, data)
            except EncodeError:
                logger.exception("the data of a refusal in %s cannot be sent", namespace.name)
                packets = namespace.encoder.connect_error(message)
            client.send(packets)
            if socket.closing:
                client.disconnect()

    def decided(self, client: JoiningClient, socket: Socket) -> bool:
        """Stop tracking a socket whose CONNECT was decided. Return False if the client is gone."""
        if client.deciding is None or socket not in client.deciding:
            return False
        client.deciding.discard(socket)
        if not client.deciding:
            client.deciding = None
        return True

    def supersede(self, client: JoiningClient, socket: Socket) -> None:
        """End a connection because the client of its socket `socket` is back on another connection.

        Packets of the connection that wait for their turn are dropped, as a connection that is lost
        may lose packets.
        """
        if self.decided(client, socket):
            drop_undecided(socket, TRANSPORT_CLOSE)
        else:
            client.peer.leave(socket.namespace.name, by_peer=False)
            client.connection.call(let_go, socket, TRANSPORT_CLOSE)
        client.connection.session.fail(TRANSPORT_CLOSE, "the client is back on another connection")
        client.connection.settle()

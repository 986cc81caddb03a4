"""What follows when a socket leaves its namespace (Socket.IO v5, "Disconnection from a namespace"),
or its connection ends.

A client that has lost its connection may come back to its rooms and data; see `recoveries.py`.
"""

from __future__ import annotations

from typing import Protocol

from socketio_min.protocol.peer import Peer
from socketio_min.server.recoverable_socket import RecoverableSocket
from socketio_min.server.socket import Socket


def let_go(socket: Socket, reason: str) -> None:
    """Take a connected socket out of its namespace. The handler of "disconnecting" is called
    before, while the socket is in its rooms, and that of "disconnect" after.
    """
    namespace = socket.namespace
    namespace.report_end(socket, "disconnecting", reason)
    if isinstance(socket, RecoverableSocket):
        socket.keep(reason)
    socket.detach()
    namespace.remove(socket)
    namespace.report_end(socket, "disconnect", reason)


class Leaving(Protocol):
    """A connection that has ended, with the sockets that it had.

    `deciding` are those whose CONNECT is being decided, None for none.
    """

    peer: Peer[Socket]
    deciding: set[Socket] | None


def end_sockets(client: Leaving, reason: str) -> None:
    """Let go of all sockets of a connection."""
    joined = client.peer.leave_all()
    deciding, client.deciding = client.deciding, None
    for socket in deciding or ():
        drop_undecided(socket, reason)
    for socket in joined:
        let_go(socket, reason)


def drop_undecided(socket: Socket, reason: str) -> None:
    """Let go of a socket whose client has gone before its CONNECT was decided."""
    if isinstance(socket, RecoverableSocket):
        socket.keep(reason)
    socket.detach()
    socket.namespace.remove(socket)

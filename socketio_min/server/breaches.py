"""What follows when a client breaks a rule of the protocol: its connection is closed, and the log
tells which rule that was.
"""

from __future__ import annotations

import logging
from typing import Protocol

import engineio_min
from socketio_min.errors import ProtocolError
from socketio_min.protocol.peer import ConnectedTwice

logger = logging.getLogger("socketio_min")


class Warned(Protocol):
    """An Engine.IO server, which bounds how often it warns."""

    def complain(self, kind: str, message: str) -> None:
        """Log `message` as a warning, but of each kind only a bounded number."""


def close_for(engine: Warned, connection: engineio_min.Connection, error: ProtocolError) -> None:
    """Close a connection whose client has broken a rule of the protocol, and log a warning."""
    client = connection.request.client or "a client"
    kind, advice = "packet", ""
    if isinstance(error, ConnectedTwice):
        kind = "second connect"
        advice = (
            "; a connection joins each namespace once, and again only after it has left it "
            "(Socket.IO v5, Connection to a namespace)"
        )
    engine.complain(kind, f"closed the connection of {client}: {error}{advice}")
    logger.debug("closing a connection: %s", error)
    connection.close()

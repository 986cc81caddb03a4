"""What follows when a client breaks a rule of the protocol, or goes above a rate limit."""

from __future__ import annotations

import logging
import math
from typing import Protocol

import engineio_min
from socketio_min.errors import ProtocolError
from socketio_min.protocol.peer import ConnectedTwice
from socketio_min.server.gate import Gate
from socketio_min.server.joining import Joining, JoiningClient
from socketio_min.server.socket import Socket

logger = logging.getLogger("socketio_min")

RATE_LIMIT = "rate limit"

# The event that tells a client of its first refused event: {"retryAfter": milliseconds}.
RATE_LIMITED = "rate_limited"


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


def drop_packet(
    gate: Gate, joining: Joining, client: JoiningClient, name: str, socket: Socket | None
) -> None:
    """Answer a packet that is one too many for its client's rate limits.

    It is an event of `socket`, or a CONNECT for the namespace `name` if there is no socket.
    """
    if gate.exhausted:
        reason = "went on sending more than the limit allows"
        client.connection.session.fail(RATE_LIMIT, reason)
    elif socket is None:
        joining.refuse_name(client, name, "Too many requests")
    elif gate.first_refusal:
        socket.emit(RATE_LIMITED, {"retryAfter": math.ceil(gate.wait * 1000)})

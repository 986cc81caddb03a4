"""The options of a Socket.IO server beyond those of Engine.IO. Times in seconds, sizes in bytes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from engineio_min.options import ServerOptionValues
from socketio_min.server.limits import Limits

if TYPE_CHECKING:
    from socketio_min.cluster.adapter import Adapter
    from socketio_min.cluster.recovery import Recovery
    from socketio_min.protocol.parser import Parser
    from socketio_min.server.namespace import Namespace


class SocketIOOptionValues(ServerOptionValues, total=False):
    """The options of `Server` as keyword arguments: those of Engine.IO, and these.

    connect_timeout: seconds until a connection must have joined a namespace.
    limits: what one client may make the server keep.
    adapter: makes the adapter of each namespace.
    parser: what packets are written in, the same as the clients'; JSON unless told otherwise.
    connection_state_recovery: `Recovery(...)`: clients that lose their connection come back as they
    were and get what they missed; None for not.
    """

    connect_timeout: float
    parser: Parser
    limits: Limits
    adapter: Callable[[Namespace], Adapter]
    connection_state_recovery: Recovery | None

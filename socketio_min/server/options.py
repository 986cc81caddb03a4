"""The options of a Socket.IO server beyond those of Engine.IO. Times in seconds, sizes in bytes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from engineio_min.option_checks import check_function, check_positive, check_type
from engineio_min.options import ServerOptionValues
from socketio_min.cluster.recovery import Recovery
from socketio_min.protocol.json_parser import JSON_PARSER
from socketio_min.protocol.parser import Parser, check_parser
from socketio_min.server.limits import Limits

if TYPE_CHECKING:
    from socketio_min.cluster.adapter import Adapter
    from socketio_min.server.namespace import Namespace


@dataclass(frozen=True, slots=True, kw_only=True)
class SocketIOOptions:
    """The options of a Socket.IO server besides those of `engineio_min.ServerOptions`.

    Raises:
        UsageError: an option has a value that it cannot have.
    """

    connect_timeout: float = 45.0
    """Seconds until a connection must have joined a namespace."""
    parser: Parser = JSON_PARSER
    """How packets are written and read; all clients must have the same parser."""
    limits: Limits = field(default_factory=Limits)
    """What one client may make the server keep."""
    adapter: Callable[[Namespace], Adapter] | None = None
    """Makes the adapter of each namespace; None keeps the rooms in this process."""
    connection_state_recovery: Recovery | None = None
    """With `Recovery(...)` a client that loses its connection may come back to its id, rooms and
    data, and gets the events that it missed; None for no recovery.
    """

    def __post_init__(self) -> None:
        check_positive("connect_timeout", self.connect_timeout)
        check_parser(self.parser)
        check_type("limits", self.limits, Limits, "Limits(...)")
        check_function("adapter", self.adapter)
        if self.connection_state_recovery is not None:
            check_type(
                "connection_state_recovery",
                self.connection_state_recovery,
                Recovery,
                "Recovery(...), or None",
            )


class SocketIOOptionValues(ServerOptionValues, total=False):
    """The options of `Server` as keyword arguments: those of Engine.IO and `SocketIOOptions`;
    `scripts/option_types.py` copies the fields.
    """

    connect_timeout: float
    parser: Parser
    limits: Limits
    adapter: Callable[[Namespace], Adapter] | None
    connection_state_recovery: Recovery | None

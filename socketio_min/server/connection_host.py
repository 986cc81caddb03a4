"""What a connection may ask of its server: `connection.py` imports no server."""

from __future__ import annotations

from typing import Protocol, TypeVar

import engineio_min
from socketio_min.first_steps import FirstSteps
from socketio_min.protocol.parser import Parser
from socketio_min.protocol.peer import PeerRules
from socketio_min.server.connect_deadlines import ConnectDeadlines
from socketio_min.server.handler_tasks import HandlerTasks
from socketio_min.server.joining import Joining
from socketio_min.server.large_message_queue import LargeMessageQueue
from socketio_min.server.limits import Limits
from socketio_min.server.socket import Socket

Connection = TypeVar("Connection")


class ConnectionHost(Protocol[Connection]):
    """What a connection may ask of its server, and nothing else.

    `connections` are the open ones. `shutdown_reason` is None until the server closes; then the
    handlers of "disconnect" are given it.
    """

    engine: engineio_min.Server
    limits: Limits
    parser: Parser
    shutdown_reason: str | None
    connect_deadlines: ConnectDeadlines
    connections: set[Connection]
    joining: Joining
    large_message_queue: LargeMessageQueue
    first_steps: FirstSteps
    handler_tasks: HandlerTasks
    peer_rules: PeerRules[Socket]

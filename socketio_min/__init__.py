"""Socket.IO v5 in pure Python: namespaces, events, acknowledgements and rooms.

Each folder uses only those before it. `protocol` has the rules, pure: packets, and what may come
when. `cluster` has the rooms, and makes many servers one. `server` and `client` are the two ends of
a connection. The docstring of each folder says what its modules are for.

Both ends have handlers: `registration`, with `handler_checks` and `foreign_names`; `first_steps` of
asynchronous ones, with `tasks`; their `failures`, and all `errors`. Programs: `serve`, `terminal`.

Reading order: `protocol.packets`, `protocol.rooms`, `protocol.peer`, `protocol.turns` (pure), then
`registration`, `server.connection`, `server.joining`, `server.namespace`, `server.socket`,
`server.operators`, `cluster.adapter`, `server.server`; for the client `protocol.client_peer`,
`protocol.retries`, `protocol.backoff` (pure), then `client.membership`, `client.handler_calls`,
`client.namespace`, `client.connection`, `client.client`, `client.blocking`.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from engineio_min import CookieOptions, CorsOptions, Forbidden, __version__
from engineio_min.limits.rate_limit import RateLimit
from socketio_min.cluster.adapter import (
    Adapter,
    BroadcastOptions,
    FetchedSocket,
    LocalNamespace,
    Output,
    Recipient,
)
from socketio_min.cluster.memory import MemoryAdapter
from socketio_min.cluster.recovery import Recovery, Session
from socketio_min.cluster.remote_socket import RemoteSocket
from socketio_min.cluster.status import ClusterStatus
from socketio_min.errors import (
    AcknowledgementTimeout,
    ConnectionFailed,
    ConnectionRefused,
    Disconnected,
    EncodeError,
    HandlerCancelled,
    PacketError,
    ProtocolError,
    SocketIOError,
    UsageError,
)
from socketio_min.protocol.handshake import Handshake
from socketio_min.server.dynamic import DynamicNamespace
from socketio_min.server.limits import Limits
from socketio_min.server.namespace import Namespace
from socketio_min.server.operators import BroadcastOperator
from socketio_min.server.options import SocketIOOptionValues
from socketio_min.server.server import Server
from socketio_min.server.socket import Socket

if TYPE_CHECKING:
    from socketio_min.client.blocking import BlockingClient, BlockingNamespace
    from socketio_min.client.client import Client
    from socketio_min.client.namespace import ClientNamespace
    from socketio_min.client.options import ClientLimits, SocketIOClientOptionValues
else:
    # What only clients need, with the module that has it: a server does not import it.
    _OF_CLIENTS = {
        "BlockingClient": "socketio_min.client.blocking",
        "BlockingNamespace": "socketio_min.client.blocking",
        "Client": "socketio_min.client.client",
        "ClientLimits": "socketio_min.client.options",
        "ClientNamespace": "socketio_min.client.namespace",
        "SocketIOClientOptionValues": "socketio_min.client.options",
    }

    def __getattr__(name: str) -> object:
        """Import what only clients need when it is asked for."""
        if name not in _OF_CLIENTS:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(_OF_CLIENTS[name]), name)


__all__ = [
    "AcknowledgementTimeout",
    "Adapter",
    "BlockingClient",
    "BlockingNamespace",
    "BroadcastOperator",
    "BroadcastOptions",
    "Client",
    "ClientLimits",
    "ClientNamespace",
    "ClusterStatus",
    "ConnectionFailed",
    "ConnectionRefused",
    "CookieOptions",
    "CorsOptions",
    "Disconnected",
    "DynamicNamespace",
    "EncodeError",
    "FetchedSocket",
    "Forbidden",
    "HandlerCancelled",
    "Handshake",
    "Limits",
    "LocalNamespace",
    "MemoryAdapter",
    "Namespace",
    "Output",
    "PacketError",
    "ProtocolError",
    "RateLimit",
    "Recipient",
    "Recovery",
    "RemoteSocket",
    "Server",
    "Session",
    "Socket",
    "SocketIOClientOptionValues",
    "SocketIOError",
    "SocketIOOptionValues",
    "UsageError",
    "__version__",
]

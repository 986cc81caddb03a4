"""Engine.IO v4 in pure Python: the transport protocol under Socket.IO.

Reading order: `protocol.packets`, `protocol.phases`, `protocol.session`, `protocol.deadlines`
(pure), then `transports.polling`, `transports.websocket`, `server` and `http.server`, and
`limits.admission` for who gets in at all; for the client `protocol.client_session` (pure),
`client.client`, `client.http` and `client.websocket`.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from engineio_min.cors import CorsOptions
from engineio_min.errors import (
    Code,
    ConnectionFailed,
    EngineIOError,
    Forbidden,
    PacketError,
    ProtocolError,
    RequestRefused,
    UsageError,
)
from engineio_min.http.limits import HttpLimits
from engineio_min.http.server import HttpServer
from engineio_min.limits.rate_limit import RateLimit
from engineio_min.options import CookieOptions, ServerOptions
from engineio_min.request import Request, Response, StreamedResponse
from engineio_min.server import Server
from engineio_min.transports.connection import Connection

__version__ = "0.1.0"

if TYPE_CHECKING:
    from engineio_min.client.client import Client
    from engineio_min.client.options import ClientOptions
else:
    # What only clients need, with the module that has it: a server does not import it.
    _OF_CLIENTS = {
        "Client": "engineio_min.client.client",
        "ClientOptions": "engineio_min.client.options",
    }

    def __getattr__(name: str) -> object:
        """Import what only clients need when it is asked for."""
        if name not in _OF_CLIENTS:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(_OF_CLIENTS[name]), name)


__all__ = [
    "Client",
    "ClientOptions",
    "Code",
    "Connection",
    "ConnectionFailed",
    "CookieOptions",
    "CorsOptions",
    "EngineIOError",
    "Forbidden",
    "HttpLimits",
    "HttpServer",
    "PacketError",
    "ProtocolError",
    "RateLimit",
    "Request",
    "RequestRefused",
    "Response",
    "Server",
    "ServerOptions",
    "StreamedResponse",
    "UsageError",
    "__version__",
]

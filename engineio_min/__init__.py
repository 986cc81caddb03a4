"""Engine.IO v4 in pure Python: the transport protocol under Socket.IO.

The stack, from the bottom. A file imports from its own folder and from those named before it:

    protocol/     the rules of both ends, without input, output or a clock
    limits/       what one peer, one address, one user and all together may take
    transports/   a session and what carries it: polls, or a WebSocket
    http/         our HTTP/1.1 server, which knows no rule of Engine.IO
    asgi/         the same for any ASGI 3 host
    server/       which session a request is for, who may open one, when writes leave
    client/       the other end, with HTTP of its own
    workers/      several processes on one port

The files beside the folders are for several of them: `request`, `forwarding`, `cors`, `options` and
`option_checks`, `errors` and `ids`, and what runs on the event loop: `timer`, `end_of_turn`,
`waiters` and `runner`.

Reading order: `protocol.packets`, `protocol.phases`, `protocol.session`, `protocol.deadlines`, then
`transports.polling`, `transports.websocket`, `server.server` and `http.server`, and
`limits.admission` for who gets in at all; for the client `protocol.client_session`,
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

"""The errors of Socket.IO, in one tree with those of Engine.IO.

Either the peer broke the protocol (`ProtocolError`: the connection must be closed, and the program
need not change) or the caller misused the API (`UsageError`: a bug in the program). The others are
signals: the application raises `ConnectionRefused` to refuse a client; `ConnectionFailed`,
`Disconnected` and `AcknowledgementTimeout` tell the application that the other end cannot be
reached or does not answer, and `HandlerCancelled` that what a handler waited for was cancelled.
"""

from collections.abc import Sequence
from typing import Any

from engineio_min.errors import (
    ConnectionFailed,
    EngineIOError,
    PacketError,
    ProtocolError,
    UsageError,
)

__all__ = [
    "AcknowledgementTimeout",
    "ConnectionFailed",
    "ConnectionRefused",
    "Disconnected",
    "EncodeError",
    "HandlerCancelled",
    "LimitReached",
    "PacketError",
    "ProtocolError",
    "SocketIOError",
    "UsageError",
]

# The errors of both packages have one base class, which has a name in each package.
SocketIOError = EngineIOError


class EncodeError(UsageError, TypeError):
    """A value that cannot travel in a packet. Nothing was sent."""


class LimitReached(UsageError):
    """A client has as much of something as `Limits` allow. The program has asked for more, perhaps
    because the client did.
    """


class ConnectionRefused(SocketIOError):
    """A CONNECT is refused: the application raises this in a connect handler or a middleware of a
    server, and `connect` raises it in the client.

    The client receives CONNECT_ERROR with `message`, and with `data` (any JSON value) unless that
    is None (Socket.IO v5, "Connection to a namespace").
    """

    def __init__(self, message: str = "not authorized", data: Any = None) -> None:
        super().__init__(message)
        self.message = message
        self.data = data


class AcknowledgementTimeout(SocketIOError, TimeoutError):
    """Not every acknowledgement arrived in time.

    `responses` has the arguments of those that did, in the order of arrival; it is empty for a call
    to one socket. `silent` has the names of the servers of a cluster that did not answer, as far as
    they are known: each is the `uid` of that server's adapter.
    """

    def __init__(
        self,
        message: str = "got no acknowledgement in time: handle the missing answer, "
        "or give a longer timeout",
        responses: Sequence[Any] = (),
        silent: Sequence[str] = (),
    ) -> None:
        super().__init__(message)
        self.responses: list[Any] = list(responses)
        self.silent = tuple(silent)


class Disconnected(SocketIOError):
    """The peer has gone before it acknowledged, or this side left while it was connecting."""


class HandlerCancelled(SocketIOError):
    """Something that a handler waited for was cancelled, but not the handler itself.

    The handler of `on_error` is called with this; the `CancelledError` is its `__cause__`.
    """

"""The errors of Socket.IO, in one tree with those of Engine.IO.

Either the peer broke the protocol (`ProtocolError`: close the connection, nothing to repair here)
or the caller misused the API (`UsageError`: a bug in the program). The others are signals: the
application raises `ConnectionRefused` to refuse a client; `ConnectionFailed`, `Disconnected` and
`AcknowledgementTimeout` tell the application that the other end cannot be reached or does not
answer, and `HandlerCancelled` that what a handler waited for was cancelled.
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
    """A client has as much of something as `Limits` allow; the client itself may have asked for
    more.
    """


class ConnectionRefused(SocketIOError):
    """Raised by the application, in a connect handler or a middleware, to refuse a client; and by
    a client that was refused.

    The client receives CONNECT_ERROR with `message`, and with `data` unless it is None
    (any JSON value).
    """

    def __init__(self, message: str = "not authorized", data: Any = None) -> None:
        super().__init__(message)
        self.message = message
        self.data = data


class AcknowledgementTimeout(SocketIOError, TimeoutError):
    """Not every acknowledgement arrived in time.

    `responses` holds those that did, in the order of arrival; it is empty for a call to one socket.
    `silent` are the names of the servers of a cluster that did not answer, as far as they are
    known: each is the `uid` of that server's adapter.
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
    """Given to the handler of `on_error`: what a handler waited for was cancelled, which is no
    cancellation of the handler. The `CancelledError` is its `__cause__`.
    """

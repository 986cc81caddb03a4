"""Errors of socketio_min: two roots under one base.

Either the peer broke the protocol (`ProtocolError`: close the connection, nothing to repair here)
or the caller misused the API (`UsageError`: a bug in the program). Those that are neither are
signals: `ConnectionRefused` is raised by the application to refuse a client, `ConnectionFailed`,
`Disconnected` and `AcknowledgementTimeout` tell it that somebody cannot be reached or does not
answer, `HandlerCancelled` that a handler waited in vain.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import engineio_min.errors


class SocketIOError(Exception):
    """Base of every error this package raises."""


class ProtocolError(SocketIOError):
    """The peer broke the protocol. The connection must be closed."""


class PacketError(ProtocolError):
    """A packet that is malformed, or larger than a limit; the only error of decoding."""


class UsageError(SocketIOError):
    """The caller misused the API; the message says what to do instead."""


class EncodeError(UsageError, TypeError):
    """A value that cannot travel in a packet. Nothing was sent."""


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


class ConnectionFailed(SocketIOError):
    """A client could not connect, or gave up; `status` is the HTTP status of a refusal, or None."""

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class AcknowledgementTimeout(SocketIOError, TimeoutError):
    """Not every acknowledgement arrived in time.

    `responses` holds those that did, in the order of arrival; it is empty for a call to one socket.
    """

    def __init__(
        self,
        message: str = "got no acknowledgement in time: handle the missing answer, "
        "or give a longer timeout",
        responses: Sequence[Any] = (),
    ) -> None:
        super().__init__(message)
        self.responses: list[Any] = list(responses)


class Disconnected(SocketIOError):
    """The peer has gone before it acknowledged, or this side left while it was connecting."""


class HandlerCancelled(SocketIOError):
    """Given to the handler of `on_error`: what a handler waited for was cancelled, which is no
    cancellation of the handler. The `CancelledError` is its `__cause__`.
    """


@contextmanager
def usage_errors() -> Iterator[None]:
    """Raise what Engine.IO calls a wrong use as this package's `UsageError`: there is one hierarchy
    for its callers.

    Raises:
        UsageError: the caller misused the API.
    """
    try:
        yield
    except engineio_min.errors.UsageError as error:
        raise UsageError(str(error)) from None

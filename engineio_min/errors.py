"""The errors of Engine.IO: the peer broke the protocol, or the caller misused the API.

A peer's error costs the peer its own connection and never reaches the caller as an exception; a
caller's error is raised where it was made. A client whose server cannot be reached, or refuses it,
gets `ConnectionFailed`, which is neither of the two. `RequestRefused` is a peer's error that is
answered by HTTP; its codes 0 to 5 are those of the official server and do not change.
"""

from __future__ import annotations

import enum


class EngineIOError(Exception):
    """Base of every error that this package raises."""


class UsageError(EngineIOError):
    """The caller misused the API: the message says what was passed and what is expected."""


class ProtocolError(EngineIOError):
    """The peer broke the protocol; its session is closed."""


class ConnectionFailed(EngineIOError):
    """A client could not open a session; the message says what happened.

    `status` is the HTTP status of a refusal, or None where there was no answer.
    """

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class WorkersFailed(EngineIOError):
    """The processes that serve die as soon as they have begun; the message has their last words."""


class PacketError(ProtocolError):
    """A packet or payload that cannot be decoded (Engine.IO v4, "Packet encoding")."""


class Code(enum.IntEnum):
    """Why a request was refused: the `code` of the error's JSON body."""

    TRANSPORT_UNKNOWN = 0
    SESSION_ID_UNKNOWN = 1
    BAD_HANDSHAKE_METHOD = 2
    BAD_REQUEST = 3
    FORBIDDEN = 4
    UNSUPPORTED_PROTOCOL_VERSION = 5


MESSAGES = {
    Code.TRANSPORT_UNKNOWN: "Transport unknown",
    Code.SESSION_ID_UNKNOWN: "Session ID unknown",
    Code.BAD_HANDSHAKE_METHOD: "Bad handshake method",
    Code.BAD_REQUEST: "Bad request",
    Code.FORBIDDEN: "Forbidden",
    Code.UNSUPPORTED_PROTOCOL_VERSION: "Unsupported protocol version",
}


class RequestRefused(ProtocolError):
    """A request answered with an HTTP error whose body is `{"code": code, "message": message}`.

    `context` names the exact cause for the `connection_error` hook and the log; it is not sent.
    """

    def __init__(
        self, code: Code, context: str, *, status: int = 400, message: str | None = None
    ) -> None:
        self.code = code
        self.context = context
        self.status = status
        self.message = MESSAGES[code] if message is None else message
        super().__init__(f"{self.message} (code {code.value}): {context}")


class Forbidden(RequestRefused):
    """Raised by an `allow_request` hook to refuse a handshake: HTTP 403, code 4."""

    def __init__(self, message: str = "Forbidden") -> None:
        super().__init__(Code.FORBIDDEN, "refused by allow_request", status=403, message=message)

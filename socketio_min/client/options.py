"""The options of a Socket.IO client beyond those of Engine.IO. Times in seconds, sizes in bytes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from engineio_min.client.options import ClientOptionValues
from engineio_min.option_checks import check_flag, check_positive, is_positive
from socketio_min.errors import UsageError
from socketio_min.protocol.parser import Parser

AuthValue = Mapping[str, Any] | None
Auth = AuthValue | Callable[[], AuthValue | Awaitable[AuthValue]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconnectionOptions:
    """Whether and when a client comes back; the names and defaults of the official client.

    reconnection: whether at all. reconnection_attempts: how often in a row, None for ever.
    reconnection_delay: before the first attempt; it doubles up to `reconnection_delay_max`.
    randomization_factor: by how much of itself, 0 to 1, a delay is moved at random.

    Raises:
        UsageError: an option has a value that it cannot have.
    """

    reconnection: bool = True
    reconnection_attempts: int | None = None
    reconnection_delay: float = 1.0
    reconnection_delay_max: float = 5.0
    randomization_factor: float = 0.5

    def __post_init__(self) -> None:
        check_flag("reconnection", self.reconnection)
        check_positive("reconnection_delay", self.reconnection_delay)
        check_positive("reconnection_delay_max", self.reconnection_delay_max)
        if self.reconnection_attempts is not None:
            check_positive("reconnection_attempts", self.reconnection_attempts)
        factor = self.randomization_factor
        if factor != 0 and not (is_positive(factor) and factor <= 1):
            raise UsageError(f"randomization_factor: got {factor!r}, expected a number from 0 to 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientLimits:
    """What the server may make a client keep.

    max_attachments: binary attachments in one packet; attachment_timeout: seconds until all must
    be there.
    max_handlers: asynchronous handlers in flight, less the acknowledgements that the server owes;
    reading pauses at this number.
    max_held_packets: events that come before the server has answered CONNECT.

    Raises:
        UsageError: a limit is no number above 0.
    """

    max_attachments: int = 10
    attachment_timeout: float = 30.0
    max_handlers: int = 128
    max_held_packets: int = 10_000

    def __post_init__(self) -> None:
        for name in self.__slots__:
            check_positive(name, getattr(self, name))


class SocketIOClientOptionValues(ClientOptionValues, total=False):
    """The options of `Client` as keyword arguments: those of Engine.IO, reconnection, and these.

    auth: what CONNECT carries, or a function, maybe asynchronous, that is asked for it each time.
    retries: how often an event is sent again when it was not acknowledged within `ack_timeout`.
    ack_timeout: seconds until an acknowledgement is given up that no other time is named for.
    limits: what the server may make the client keep.
    parser: what packets are written in, the same as the server's; JSON unless told otherwise.
    """

    reconnection: bool
    reconnection_attempts: int | None
    reconnection_delay: float
    reconnection_delay_max: float
    randomization_factor: float
    auth: Auth
    retries: int
    ack_timeout: float | None
    limits: ClientLimits
    parser: Parser


def check_auth(auth: object) -> None:
    """Refuse what CONNECT cannot carry.

    Raises:
        UsageError: it is neither a mapping nor a function nor None.
    """
    if auth is not None and not isinstance(auth, Mapping) and not callable(auth):
        # Not its value, which is a secret.
        raise UsageError(
            f"auth: got a value of type {type(auth).__name__}, expected a dict, such as "
            '{"token": "..."}, or a function that returns one'
        )


def check_retries(retries: int, ack_timeout: float | None) -> None:
    """Check the two options that belong together.

    Raises:
        UsageError: one of them cannot be, or retries have no time after which they happen.
    """
    if ack_timeout is not None:
        check_positive("ack_timeout", ack_timeout)
    if retries != 0 and not is_positive(retries):
        raise UsageError(f"retries: got {retries!r}, expected a number, 0 or more")
    if retries and ack_timeout is None:
        raise UsageError(
            "retries need an ack_timeout: the seconds after which an event is sent again"
        )

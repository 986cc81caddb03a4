"""The options of a Socket.IO client beyond those of Engine.IO. Times in seconds, sizes in bytes."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from engineio_min.client.options import ClientOptionValues
from engineio_min.option_checks import check_flag, check_positive, check_type, is_positive
from socketio_min.errors import UsageError
from socketio_min.protocol.backoff import Backoff
from socketio_min.protocol.json_parser import JSON_PARSER
from socketio_min.protocol.parser import Parser, check_parser

AuthValue = Mapping[str, Any] | None
Auth = AuthValue | Callable[[], AuthValue | Awaitable[AuthValue]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconnectionOptions:
    """Whether and when a client comes back. Names and defaults are those of the official client.

    Raises:
        UsageError: an option has a value that it cannot have.
    """

    reconnection: bool = True
    """Whether the client comes back at all."""
    reconnection_attempts: int | None = None
    """How often in a row the client tries; None for ever."""
    reconnection_delay: float = 1.0
    """Seconds before the first attempt; each attempt doubles them."""
    reconnection_delay_max: float = 5.0
    """The most seconds before an attempt."""
    randomization_factor: float = 0.5
    """By how much of itself, 0 to 1, a delay is moved at random."""

    def __post_init__(self) -> None:
        check_flag("reconnection", self.reconnection)
        check_positive("reconnection_delay", self.reconnection_delay)
        check_positive("reconnection_delay_max", self.reconnection_delay_max)
        if self.reconnection_attempts is not None:
            check_positive("reconnection_attempts", self.reconnection_attempts)
        factor = self.randomization_factor
        if factor != 0 and not (is_positive(factor) and factor <= 1):
            raise UsageError(f"randomization_factor: got {factor!r}, expected a number from 0 to 1")

    def backoff(self) -> Backoff:
        """Return the delays of a new series of attempts."""
        return Backoff(
            self.reconnection_delay,
            self.reconnection_delay_max,
            self.randomization_factor,
            random.random,
        )

    def is_last(self, backoff: Backoff) -> bool:
        """Return whether the present attempt of a series is the last one."""
        return not self.reconnection or backoff.attempts == self.reconnection_attempts


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientLimits:
    """What the server may make a client keep.

    max_attachments: binary attachments in one packet. attachment_timeout: seconds until all
    attachments of a packet must have come.
    max_handlers: asynchronous handlers in flight, less the acknowledgements that the server owes;
    reading pauses at this number.
    max_held_packets, max_held_bytes: events that come before the server has answered CONNECT, and
    about how many bytes they take; the event that goes above these is still kept.

    Raises:
        UsageError: a limit is no number above 0.
    """

    max_attachments: int = 10
    attachment_timeout: float = 30.0
    max_handlers: int = 128
    max_held_packets: int = 10_000
    max_held_bytes: int = 67_108_864

    def __post_init__(self) -> None:
        for name in self.__slots__:
            check_positive(name, getattr(self, name))


@dataclass(frozen=True, slots=True, kw_only=True)
class SocketIOClientOptions:
    """The options of a Socket.IO client besides `ClientOptions` and `ReconnectionOptions`.

    Raises:
        UsageError: an option has a value that it cannot have, or there are `retries` without an
        `ack_timeout`.
    """

    auth: Auth = None
    """What CONNECT carries, or a function, maybe asynchronous, that returns it for each CONNECT."""
    retries: int = 0
    """How often an event is sent again when it was not acknowledged within `ack_timeout`."""
    ack_timeout: float | None = None
    """Seconds until an acknowledgement is given up, if the call names no other time."""
    limits: ClientLimits = field(default_factory=ClientLimits)
    """What the server may make the client keep."""
    parser: Parser = JSON_PARSER
    """How packets are written and read; the server must have the same parser."""

    def __post_init__(self) -> None:
        check_auth(self.auth)
        if self.ack_timeout is not None:
            check_positive("ack_timeout", self.ack_timeout)
        if self.retries != 0 and not is_positive(self.retries):
            raise UsageError(f"retries: got {self.retries!r}, expected a number, 0 or more")
        if self.retries and self.ack_timeout is None:
            raise UsageError(
                "retries need an ack_timeout: the seconds after which an event is sent again"
            )
        check_type("limits", self.limits, ClientLimits, "ClientLimits(...)")
        check_parser(self.parser)


class SocketIOClientOptionValues(ClientOptionValues, total=False):
    """The options of `Client` as keyword arguments: `ClientOptions`, `ReconnectionOptions` and
    `SocketIOClientOptions`; `scripts/option_types.py` copies the fields.
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
    """Refuse a value that CONNECT cannot carry.

    Raises:
        UsageError: the value is neither a mapping nor a function nor None.
    """
    if auth is not None and not isinstance(auth, Mapping) and not callable(auth):
        # The error does not show the value, which is a secret.
        raise UsageError(
            f"auth: got a value of type {type(auth).__name__}, expected a dict, such as "
            '{"token": "..."}, or a function that returns one'
        )

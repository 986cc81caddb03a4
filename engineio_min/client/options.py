"""The options of a client. Times are in seconds and sizes in bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ssl import SSLContext
from typing import TypedDict

from engineio_min.client.http import check_request_headers
from engineio_min.option_checks import (
    check_compression,
    check_flag,
    check_path,
    check_positive,
    check_transports,
    check_type,
)
from engineio_min.protocol.client_session import ClientTiming
from engineio_min.protocol.transports import POLLING, WEBSOCKET

_POSITIVE = (
    "timeout",
    "upgrade_timeout",
    "close_timeout",
    "max_post_packets",
    "max_receive_size",
    "max_packets",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientOptions:
    """All options of a client, each with its default and what it is for.

    Raises:
        UsageError: an option has a value that it cannot have.
    """

    path: str = "/engine.io/"
    """Where the server answers."""
    transports: Sequence[str] = (POLLING, WEBSOCKET)
    """What to use, the first one first."""
    try_all_transports: bool = False
    """Whether the other transports follow if the first one fails."""
    upgrade: bool = True
    """Whether polling may become a WebSocket."""
    timeout: float = 20.0
    """Seconds until the session must be open."""
    upgrade_timeout: float = 10.0
    """Seconds until an upgrade must be done."""
    close_timeout: float = 5.0
    """Seconds that the last packets may take."""
    query: Mapping[str, str] = field(default_factory=dict)
    """What is added to the query of every request."""
    extra_headers: Mapping[str, str] = field(default_factory=dict)
    """What is added to the headers of every request."""
    ssl: SSLContext | None = None
    """For https; without one, certificates and host names are verified against the system's."""
    per_message_deflate: bool | int = False
    """False, True, or the bytes from which a WebSocket message is compressed."""
    force_base64: bool = False
    """Send binary messages as text over WebSocket too, and ask the server for it: for what lies
    between and cannot carry binary frames.
    """
    max_post_packets: int = 16
    """Packets in one POST; servers on python-engineio refuse more than 16."""
    max_receive_size: int = 100_000_000
    """Bytes of one answer to a poll and of one WebSocket message."""
    max_packets: int = 100_000
    """Packets in one answer to a poll."""

    def __post_init__(self) -> None:
        check_path(self.path)
        object.__setattr__(self, "path", self.path.rstrip("/") + "/")
        check_transports(self.transports)
        check_flag("try_all_transports", self.try_all_transports)
        check_flag("upgrade", self.upgrade)
        check_flag("force_base64", self.force_base64)
        check_compression("per_message_deflate", self.per_message_deflate)
        if self.ssl is not None:
            check_type("ssl", self.ssl, SSLContext, "an ssl.SSLContext, or None")
        check_type("query", self.query, Mapping, "a dict")
        check_type("extra_headers", self.extra_headers, Mapping, "a dict")
        for name in _POSITIVE:
            check_positive(name, getattr(self, name))
        check_request_headers(self.extra_headers)

    @property
    def upgrades(self) -> Sequence[str]:
        """Return the transports that may take over a session of another."""
        return self.transports if self.upgrade else ()

    @property
    def timing(self) -> ClientTiming:
        """Return the options that a session needs."""
        return ClientTiming(
            self.timeout, self.upgrade_timeout, self.close_timeout, self.max_post_packets
        )

    @property
    def deflate_threshold(self) -> int | None:
        """Return from how many bytes a WebSocket message is compressed, or None for never."""
        setting = self.per_message_deflate
        if setting is False:
            return None
        return 1024 if setting is True else setting


class ClientOptionValues(TypedDict, total=False):
    """`ClientOptions` as keyword arguments; `scripts/option_types.py` copies the fields."""

    path: str
    transports: Sequence[str]
    try_all_transports: bool
    upgrade: bool
    timeout: float
    upgrade_timeout: float
    close_timeout: float
    query: Mapping[str, str]
    extra_headers: Mapping[str, str]
    ssl: SSLContext | None
    per_message_deflate: bool | int
    force_base64: bool
    max_post_packets: int
    max_receive_size: int
    max_packets: int

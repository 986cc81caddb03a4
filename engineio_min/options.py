"""The options of a server, with the official names in snake_case and the official defaults.

Times are in seconds and sizes in bytes, here and everywhere in this package.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypedDict

from engineio_min.cors import CorsOptions, as_cors
from engineio_min.errors import RequestRefused, UsageError
from engineio_min.forwarding import TrustedProxies
from engineio_min.option_checks import (
    check_compression,
    check_flag,
    check_function,
    check_node,
    check_path,
    check_threshold,
    check_transports,
    check_type,
    is_positive,
)
from engineio_min.protocol.session import Timing
from engineio_min.protocol.transports import POLLING, WEBSOCKET, upgrades
from engineio_min.request import Request

AllowRequest = Callable[[Request], Awaitable[None] | None]
GenerateId = Callable[[Request], Awaitable[str] | str]
HeadersHook = Callable[[list[tuple[str, str]], Request], None]
ErrorHook = Callable[[RequestRefused, Request], None]

_FUNCTIONS = (
    "allow_request",
    "generate_id",
    "address",
    "user",
    "initial_headers",
    "headers",
    "connection_error",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CookieOptions:
    """The cookie set by the polling handshake; a session never depends on it.

    `max_age` is in seconds. With `path` or `same_site` False the cookie has no such attribute.

    Raises:
        UsageError: `path` or `same_site` has a value that it cannot have.
    """

    name: str = "io"
    path: str | Literal[False] = "/"
    http_only: bool = True
    same_site: Literal["strict", "lax", "none", False] = "lax"
    secure: bool = False
    max_age: int | None = None
    domain: str | None = None

    def __post_init__(self) -> None:
        if self.path is not False:
            check_path(self.path)
        if self.same_site not in ("strict", "lax", "none") and self.same_site is not False:
            raise UsageError(
                f'same_site: got {self.same_site!r}, expected "strict", "lax", "none" or False'
            )

    def header(self, value: str) -> str:
        """Return the value of `Set-Cookie` (RFC 6265, section 4.1)."""
        parts = [f"{self.name}={value}"]
        if self.max_age is not None:
            parts.append(f"Max-Age={self.max_age}")
        if self.domain is not None:
            parts.append(f"Domain={self.domain}")
        if self.path is not False:
            parts.append(f"Path={self.path}")
        if self.http_only:
            parts.append("HttpOnly")
        if self.secure:
            parts.append("Secure")
        if self.same_site is not False:
            parts.append(f"SameSite={self.same_site.capitalize()}")
        return "; ".join(parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerOptions:
    """All options of a server, each with its default and what it is for.

    Raises:
        UsageError: an option has a value that it cannot have.
    """

    path: str = "/engine.io/"
    """Where the server answers; matched exactly, with the slash at its end."""
    ping_interval: float = 25.0
    """Seconds between pings."""
    ping_timeout: float = 20.0
    """Seconds until a missing pong ends the session."""
    upgrade_timeout: float = 10.0
    """Seconds that a WebSocket may take to take over from polling."""
    max_http_buffer_size: int = 1_000_000
    """Bytes of one POST body and of one WebSocket message."""
    max_text_size: int | None = None
    """Bytes of one text message and of one POST body, which are decoded in one piece; None for
    max_http_buffer_size.
    """
    transports: Sequence[str] = (POLLING, WEBSOCKET)
    """The transports that are offered."""
    allow_upgrades: bool = True
    """Whether polling may become a WebSocket."""
    allow_request: AllowRequest | None = None
    """Called with each handshake's request; raises `Forbidden` to refuse it."""
    cors: CorsOptions | str | Sequence[str] | None = None
    """None (same origin only), "*", an origin, several, or `CorsOptions`."""
    cookie: CookieOptions | bool = False
    """False, True, or `CookieOptions`: a cookie with the session id for sticky load balancing."""
    http_compression: int | None = 1024
    """Bytes from which a poll's answer is compressed, or None for never."""
    per_message_deflate: bool | int = False
    """False, True, or the bytes from which a WebSocket message is compressed."""
    generate_id: GenerateId | None = None
    """Makes a session id, sync or async; it is a secret and must not be guessable. A handshake that
    gets one in use is refused.
    """
    node: str = ""
    """2 characters that each session id begins with, for a proxy to find the machine by."""
    max_connections: int | None = None
    """Sessions at once; more get HTTP 503."""
    max_connections_per_address: int | None = None
    """Sessions of one address at once; more get HTTP 429."""
    max_connections_per_user: int | None = None
    """Sessions of one user at once; needs `user`."""
    trusted_proxies: Sequence[str] = ()
    """Addresses and networks of proxies, "unix:" for those on a Unix socket. X-Forwarded-For,
    -Host, -Proto and Forwarded are believed from these alone.
    """
    address: Callable[[Request], str | None] | None = None
    """Names the address that a request is counted for, None for nobody's; by default its peer's,
    and of IPv6 the /64 network.
    """
    user: Callable[[Request], str | None] | None = None
    """Names the user that a handshake is counted for, or None for nobody."""
    max_held: int = 268_435_456
    """Bytes kept for all connections together: messages that are incomplete, wait, or are worked
    on, and what clients have not taken. Above it the connection that holds most is closed; 64 KiB
    of each connection are free.
    """
    max_held_per_address: int = 134_217_728
    """The same of one address; never less than twice max_http_buffer_size."""
    max_held_per_user: int = 134_217_728
    """The same of one user; never less than twice max_http_buffer_size."""
    max_held_per_connection: int = 16_777_216
    """Bytes of one connection that wait, are worked on, or are not taken by its client; above it
    nothing more is read.
    """
    stall_timeout: float = 10.0
    """Seconds that a client may take not a byte of what waits for it."""
    max_buffered: int = 67_108_864
    """Bytes that may wait for one client, however fast it takes them."""
    # The official client fills a POST up to max_http_buffer_size, whatever the number of packets.
    max_packets: int = 10_000
    """Packets in one polling payload."""
    initial_headers: HeadersHook | None = None
    """Called with the headers of a handshake's answer and its request, to add to them."""
    headers: HeadersHook | None = None
    """Called with the headers of every answer and its request, to add to them."""
    connection_error: ErrorHook | None = None
    """Called with each refused request."""

    def __post_init__(self) -> None:
        check_path(self.path)
        object.__setattr__(self, "path", self.path.rstrip("/") + "/")
        object.__setattr__(self, "cors", as_cors(self.cors))
        for name in (
            "ping_interval",
            "ping_timeout",
            "upgrade_timeout",
            "max_http_buffer_size",
            "max_held",
            "max_held_per_address",
            "max_held_per_user",
            "max_held_per_connection",
            "stall_timeout",
            "max_buffered",
            "max_packets",
        ):
            value = getattr(self, name)
            # The handshake tells three of these to the client, and JSON has no infinity.
            if not is_positive(value) or value == math.inf:
                raise UsageError(f"{name}: got {value!r}, expected a number above 0")
        check_transports(self.transports)
        check_flag("allow_upgrades", self.allow_upgrades)
        if self.cookie is not True and self.cookie is not False:
            check_type("cookie", self.cookie, CookieOptions, "True, False, or CookieOptions(...)")
        check_compression("per_message_deflate", self.per_message_deflate)
        check_threshold("http_compression", self.http_compression)
        for name in _FUNCTIONS:
            check_function(name, getattr(self, name))
        check_node(self.node)
        if self.node and self.generate_id is not None:
            raise UsageError("node: got generate_id as well; begin its ids with the node instead")
        for name in (
            "max_text_size",
            "max_connections",
            "max_connections_per_address",
            "max_connections_per_user",
        ):
            limit = getattr(self, name)
            if limit is not None and not (is_positive(limit) and limit >= 1):
                raise UsageError(f"{name}: got {limit!r}, expected at least 1, or None")
        TrustedProxies(self.trusted_proxies)
        if self.max_connections_per_user is not None and self.user is None:
            raise UsageError(
                "max_connections_per_user: got no `user`, which names a request's user"
            )

    @property
    def timing(self) -> Timing:
        """Return the options that a session needs."""
        return Timing(
            ping_interval=self.ping_interval,
            ping_timeout=self.ping_timeout,
            upgrade_timeout=self.upgrade_timeout,
            max_buffered=self.max_buffered,
        )

    @property
    def text_limit(self) -> int:
        """Return the bytes of one text message and of one POST body."""
        if self.max_text_size is None:
            return self.max_http_buffer_size
        return min(self.max_text_size, self.max_http_buffer_size)

    @property
    def upgrades(self) -> list[str]:
        """Return the transports that may take over a session on polling."""
        return upgrades(POLLING, self.transports) if self.allow_upgrades else []


class ServerOptionValues(TypedDict, total=False):
    """`ServerOptions` as keyword arguments; `scripts/option_types.py` copies the fields."""

    path: str
    ping_interval: float
    ping_timeout: float
    upgrade_timeout: float
    max_http_buffer_size: int
    max_text_size: int | None
    transports: Sequence[str]
    allow_upgrades: bool
    allow_request: AllowRequest | None
    cors: CorsOptions | str | Sequence[str] | None
    cookie: CookieOptions | bool
    http_compression: int | None
    per_message_deflate: bool | int
    generate_id: GenerateId | None
    node: str
    max_connections: int | None
    max_connections_per_address: int | None
    max_connections_per_user: int | None
    trusted_proxies: Sequence[str]
    address: Callable[[Request], str | None] | None
    user: Callable[[Request], str | None] | None
    max_held: int
    max_held_per_address: int
    max_held_per_user: int
    max_held_per_connection: int
    stall_timeout: float
    max_buffered: int
    max_packets: int
    initial_headers: HeadersHook | None
    headers: HeadersHook | None
    connection_error: ErrorHook | None

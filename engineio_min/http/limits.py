"""What a peer of our own HTTP server may send, and how long it may take."""

from __future__ import annotations

from dataclasses import dataclass

from engineio_min.option_checks import check_positive

# Bytes on the wire for each byte of a body. Chunk extensions and trailers are no part of a body's
# limit, and would be free (RFC 9112, section 7.1.1).
MAX_FRAMING = 16
# A connection too many is told so in an answer, which takes a moment to leave. This many at a time
# are told; the others are closed without a word.
TOLD_AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """What a peer may send (bytes, counts) and how long it may take (seconds).

    connections: TCP connections at once; fewer where the process has fewer file descriptors, of
    which some are kept for files. More are answered with 503 and closed.
    connections_per_address: those of one address (of IPv6, one /64 network) without a session, or
    None for no limit. A WebSocket with a session does not count, and each session that polls makes
    room for six more. Not for proxies; see `HttpServer`.
    header_timeout: also for the handshake of TLS.
    write_timeout: until a peer has read something of an answer that waits for it.
    linger: until a peer has closed its end of a connection, after the last answer.
    pipelined: requests that wait behind the one being answered; what follows is not parsed.

    Raises:
        UsageError: a limit is no number above 0.
    """

    request_line: int = 8_192
    header_block: int = 16_384
    header_count: int = 100
    header_timeout: float = 10.0
    body_timeout: float = 30.0
    keep_alive_timeout: float = 75.0
    write_timeout: float = 20.0
    pipelined: int = 16
    linger: float = 1.0
    # More than one process can serve; a bound where descriptors have none.
    connections: int = 65_536
    # When many clients behind one address reconnect at once, each is without a session for a
    # moment.
    connections_per_address: int | None = 512

    def __post_init__(self) -> None:
        for name in self.__slots__:
            value = getattr(self, name)
            if name != "connections_per_address" or value is not None:
                check_positive(name, value)

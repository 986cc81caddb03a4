"""Connection state recovery: its options, and what is kept of a socket while its client is away.

A client that has lost its connection presents its private id when it connects again. Its new socket
has the same id, rooms and data as before, and is sent the missed events first. Only the client
knows the private id, which is good for one return.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from engineio_min.option_checks import check_flag, check_function, check_positive
from engineio_min.protocol.packets import Packet


class Session(NamedTuple):
    """What is kept of a socket whose client is away.

    `pid` is the private id. `presented` is the offset that the client presented when the session
    began: a client that presents the same offset again has got no event since. `begun` is the place
    in a Redis stream where the session began, None if that is not known.
    """

    namespace: str
    id: str
    pid: str
    rooms: tuple[str, ...]
    data: dict[str, Any]
    presented: str | None = None
    begun: str | None = None


class Restored(NamedTuple):
    """A session whose client is back, and the packets of the events that it missed, in order."""

    session: Session
    missed: list[Packet]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """How long clients may be away, and what is kept for them.

    max_disconnection: seconds until a session expires.
    skip_middlewares: whether the middlewares of the namespace are not run for a client that comes
    back.
    max_packets, max_bytes: the most events that are kept, of all namespaces together; none is kept
    for longer than `max_disconnection`.
    max_sessions: the most sessions that are kept; one more ends the session that waits longest.
    expired: called with each `Session` that ends without having been restored: its client did not
    come back in time, presented an offset that is too old, or was refused; or `max_sessions` was
    reached, or the server closes. May be asynchronous.

    Raises:
        UsageError: an option has a value that it cannot have.
    """

    max_disconnection: float = 120.0
    skip_middlewares: bool = True
    max_packets: int = 10_000
    max_bytes: int = 16_777_216
    max_sessions: int = 100_000
    expired: Callable[[Session], object] | None = None

    def __post_init__(self) -> None:
        for name in ("max_disconnection", "max_packets", "max_bytes", "max_sessions"):
            check_positive(name, getattr(self, name))
        check_flag("skip_middlewares", self.skip_middlewares)
        check_function("expired", self.expired)

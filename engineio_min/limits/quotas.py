"""How many sessions one address and one user may have at once.

A session counts from its opening to its end, on whichever transport. Only the application knows to
which address or user a request belongs: behind a proxy the peer's address is the proxy's.
"""

from __future__ import annotations

from collections.abc import Callable

from engineio_min.errors import Code, RequestRefused
from engineio_min.limits.addresses import network_of
from engineio_min.request import Request

# What a session takes up: "address" or "user", and which.
Seat = tuple[str, str]


class Quotas:
    """Sessions of each address and of each user; None is no limit.

    `limited` tells whether there is any limit, so that there is something to take.
    """

    __slots__ = ("_open", "_rules", "limited")

    def __init__(
        self,
        address: Callable[[Request], str | None] | None,
        per_address: int | None,
        user: Callable[[Request], str | None] | None,
        per_user: int | None,
    ) -> None:
        self._open: dict[Seat, int] = {}
        self._rules: list[tuple[str, Callable[[Request], str | None], int]] = []
        if per_address is not None:
            self._rules.append(("address", address or peer_address, per_address))
        if per_user is not None and user is not None:
            self._rules.append(("user", user, per_user))
        self.limited = bool(self._rules)

    def __len__(self) -> int:
        """Count the addresses and users that have a session."""
        return len(self._open)

    def take(self, request: Request) -> tuple[Seat, ...]:
        """Count a session for its address and its user; hand the result to `release` at its end.

        Raises:
            RequestRefused: one of them has as many as allowed: HTTP 429.
        """
        seats = []
        for kind, name_of, limit in self._rules:
            name = name_of(request)
            if name is None:
                continue
            if self._open.get((kind, name), 0) >= limit:
                raise RequestRefused(
                    Code.FORBIDDEN,
                    f"the {kind} {name!a} has {limit} sessions (max_connections_per_{kind})",
                    status=429,
                    message="Too many connections",
                )
            seats.append((kind, name))
        for seat in seats:
            self._open[seat] = self._open.get(seat, 0) + 1
        return tuple(seats)

    def release(self, seats: tuple[Seat, ...]) -> None:
        """Give back what was taken for a session: it is over."""
        for seat in seats:
            self._open[seat] -= 1
            if not self._open[seat]:
                del self._open[seat]


def peer_address(request: Request) -> str:
    """Return the address that a request comes from; of IPv6 the network of one host."""
    return network_of(request.client)

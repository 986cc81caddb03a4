"""How many TCP connections a server takes: in all, and of one address without a session.

Connections are counted when they are accepted, before a byte is read: the attackers that this stops
send few bytes or none. For its address a connection counts until it carries a session as a
WebSocket. The connections of a session that polls are not told apart from others, because that
would cost something in every request; instead each such session makes room for as many as a browser
opens to one host. So clients that poll take no place from others behind the same address, and a
client that wants more connections has to open sessions, which are counted themselves.

Behind a proxy every connection comes from the proxy, and a limit for its address would be one for
everybody. So the networks of proxies are exempt: unless they are named, this host and all private
networks, where proxies usually are and attackers from the internet are not.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence

from engineio_min.limits.addresses import network_of, parse_ip, parse_network

logger = logging.getLogger("engineio_min.http")

# Where a proxy usually connects from: this host, and networks that are not part of the internet.
PRIVATE_NETWORKS = (
    "127.0.0.0/8",
    "::1/128",
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "169.254.0.0/16",
    "100.64.0.0/10",
    "fc00::/7",
    "fe80::/10",
)

# What a browser opens to one host over HTTP/1.1.
CONNECTIONS_PER_SESSION = 6

# Seconds between two lines of the log about connections that are turned away.
COMPLAINT_INTERVAL = 60.0


class Headcount:
    """How many of something each address has."""

    __slots__ = ("_counts",)

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}

    def __len__(self) -> int:
        """Count the addresses that have any."""
        return len(self._counts)

    def of(self, client: str) -> int:
        """Return how many one address has."""
        return self._counts.get(network_of(client) if ":" in client else client, 0)

    def add(self, client: str) -> None:
        """Count one more."""
        place = network_of(client) if ":" in client else client
        self._counts[place] = self._counts.get(place, 0) + 1

    def remove(self, client: str) -> None:
        """Count one fewer."""
        counts = self._counts
        place = network_of(client) if ":" in client else client
        count = counts[place]
        if count > 1:
            counts[place] = count - 1
        else:
            del counts[place]


class Admission(Headcount):
    """The connections of each address without a session, and whether another one may stay.

    A connection is removed when it is gone or carries a session as a WebSocket.

    capacity: all connections at once. per_address: connections of one address besides those of its
    sessions, or None for no limit. proxies: addresses and networks for which `per_address` does not
    count. sessions_of: returns how many sessions of an address began with polling.

    Raises:
        UsageError: one of `proxies` is no address and no network.
    """

    __slots__ = ("_per_address", "_proxies", "_sessions_of", "_silent_until", "capacity")

    def __init__(
        self,
        capacity: float,
        per_address: int | None,
        proxies: Sequence[str],
        sessions_of: Callable[[str], int],
    ) -> None:
        super().__init__()
        self.capacity = capacity
        self._per_address = math.inf if per_address is None else per_address
        self._proxies = [parse_network("proxies", proxy) for proxy in proxies]
        self._sessions_of = sessions_of
        self._silent_until = -math.inf

    def enter(self, client: str, connections: int) -> float:
        """Count a connection of `client`, the last of `connections` that there are in all.

        Return 0 if the connection may stay, or else how many there are too many.
        """
        # `add`, written out: a call less for each connection.
        counts = self._counts
        place = network_of(client) if ":" in client else client
        of_address = counts[place] = counts.get(place, 0) + 1
        if connections <= self.capacity and of_address <= self._per_address:
            return 0
        excess = connections - self.capacity
        if excess <= 0 and not self.exempts(client):
            room = CONNECTIONS_PER_SESSION * self._sessions_of(client)
            excess = of_address - self._per_address - room
        return max(0, excess)

    def log_turned_away(self, client: str, now: float) -> None:
        """Log that a connection of `client` was turned away, once in `COMPLAINT_INTERVAL`."""
        if now >= self._silent_until:
            self._silent_until = now + COMPLAINT_INTERVAL
            logger.warning(
                "turned away a connection of %s: at most %s are taken, and %s of one address "
                "without a session (HttpLimits); a proxy is named with HttpServer(proxies=[...])",
                client,
                self.capacity,
                self._per_address,
            )

    def exempts(self, client: str) -> bool:
        """Return whether `client` may be a proxy, whose connections are those of many."""
        if not client:
            # A Unix socket: whoever reaches it is on this host.
            return True
        try:
            address = parse_ip(client)
        except ValueError:
            # An ASGI host may call its clients what it likes.
            return True
        return any(address in network for network in self._proxies)

"""Which address of the internet a client has, with and without a reverse proxy in front.

The limits for an address are for strangers. A connection from this host or a private network is
that of a reverse proxy, which says in `X-Forwarded-For` whom it passes on; or it is that of a
neighbour, who is not limited. What a proxy has added stands last, so the list is read from its end,
and whatever a client puts before that counts for nothing. If a client connects directly, the header
is not read at all. A neighbour may put anything there, so failed logins do not count by this
address.
"""

from __future__ import annotations

from engineio_min import Request
from engineio_min.limits.addresses import network_of, parse_ip


def client_of(request: Request) -> str | None:
    """Return the client's address (of IPv6 the /64 network), None if it is not of the internet."""
    hops = [*request.headers.get("x-forwarded-for", "").split(","), request.client]
    for hop in reversed(hops):
        try:
            address = parse_ip(hop.strip())
        except ValueError:
            return None
        if address.is_global:
            return network_of(str(address))
    return None

"""The listening sockets of the workers, which their supervisor makes and keeps.

Each slot has sockets of its own with SO_REUSEPORT, and the kernel spreads the connections over
them. The slot's first worker begins to listen on them. Until then connections are refused, and a
proxy asks the next server instead of waiting. The sockets stay when a worker goes, so connections
that a dead worker has not accepted wait for the next one.

Rejected: sockets made by the workers (the connections that a dead worker has not accepted would be
lost), and one socket for all (the worker that is awake first would serve most). Where SO_REUSEPORT
does not spread connections, which is everywhere but on Linux, all slots have one socket.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Sequence

from engineio_min.option_checks import check_port

SPREADS = sys.platform == "linux"


def bind_all(
    host: str | None, port: int, slots: int, *, spread: bool = SPREADS
) -> list[list[socket.socket]]:
    """Return the sockets of each slot, one for each address of `host`; nobody listens on them yet.

    All have the same port, a free one for 0. Without `spread` the slots share their sockets.

    Raises:
        OSError: an address cannot be bound.
        UsageError: there is no such port.
    """
    check_port(port)
    addresses = socket.getaddrinfo(
        host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    bound: list[list[socket.socket]] = []
    try:
        for _ in range(slots if spread else 1):
            bound.append([])
            for family, _, _, _, address in dict.fromkeys(addresses):
                place = (address[0], port, *address[2:])
                bound[-1].append(_bind(family, place, spread=spread))
                port = bound[0][0].getsockname()[1]
    except OSError:
        close_all(bound)
        raise
    return bound if spread else bound * slots


def _bind(family: int, place: tuple[object, ...], *, spread: bool) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if spread:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind(place)
    except OSError:
        listener.close()
        raise
    return listener


def close_all(listeners: Sequence[Sequence[socket.socket]]) -> None:
    """Close the sockets of all slots."""
    for slot in listeners:
        for listener in slot:
            listener.close()

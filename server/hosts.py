"""Loopback addresses, and who may reach a server that listens on one.

Only programs on this machine reach a loopback address. But a browser is such a program, and runs
the pages of any site: a page can let its site's host name point to 127.0.0.1 (DNS rebinding), and
then talks to this server as to its own origin. Its requests still carry that host name. So a server
on a loopback address answers only to names of this machine, and to the hosts of the allowed
origins, which a reverse proxy in front passes on.
"""

from __future__ import annotations

import ipaddress
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from engineio_min import Forbidden, Request, Response

Route = Callable[[Request], Response | Awaitable[Response]]

ORIGINS: Final = "SOCKET_CORS_ORIGIN"
"""The setting that names the allowed origins."""
_MOST_WARNED: Final = 100
"""Hosts that the log names."""
_LONGEST: Final = 100
"""Characters of a host in the log."""

logger = logging.getLogger("server")


def is_loopback(host: str) -> bool:
    """Return whether a host means this machine and no other. Names are not looked up."""
    name = host.lower().rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False


def host_check(listening_on: str, origins: Sequence[str]) -> Callable[[Request], None] | None:
    """Return the `allow_request` hook for a server on this host, None if any name may be used."""
    if not is_loopback(listening_on) or "*" in origins:
        return None
    known = {_without_port(origin.partition("://")[2]) for origin in origins}
    warned: set[str] = set()

    def allow(request: Request) -> None:
        host = _without_port(request.headers.get("host", "").lower())
        if not is_loopback(host) and host not in known:
            name = host[:_LONGEST]
            if name not in warned and len(warned) < _MOST_WARNED:
                warned.add(name)
                logger.warning("refused the host %r; allow it with an origin in %s", name, ORIGINS)
            raise Forbidden(
                f"this server does not answer to the host {host!r}: use localhost, "
                f"or add its origin to {ORIGINS}"
            )

    return allow


def guarded(check: Callable[[Request], None] | None, answer: Route) -> Route:
    """Return the handler of a plain route behind the same check, so that no other site can read
    it.
    """
    if check is None:
        return answer

    def checked(request: Request) -> Response | Awaitable[Response]:
        try:
            check(request)
        except Forbidden as error:
            headers = [("Content-Type", "text/plain; charset=utf-8"), ("Cache-Control", "no-store")]
            return Response(403, f"{error.message}\n".encode(), headers)
        return answer(request)

    return checked


def _without_port(host: str) -> str:
    name, _, port = host.rpartition(":")
    # An IPv6 address ends with a bracket, not with a port.
    return name if port.isdigit() else host

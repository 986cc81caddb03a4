"""Which pages may use a server: those of its own host, and those that `cors` allows.

Browsers name the page's origin with every POST and with a WebSocket's handshake, but not when a
page asks its own host by GET. What the rules mean is in `cors.py`.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

from engineio_min.cors import CorsOptions, read_origin, same_origin
from engineio_min.errors import Code, RequestRefused
from engineio_min.forwarding import UNIX
from engineio_min.options import ServerOptions
from engineio_min.protocol.reasons import TRANSPORT_ERROR
from engineio_min.request import Request
from engineio_min.transports.connection import Connection

logger = logging.getLogger("engineio_min")

# How many refused origins the log names.
MOST_WARNED = 100


class Origins:
    """The origins that a server allows; `sessions` are those of the server by their ids."""

    def __init__(self, options: ServerOptions, sessions: Mapping[str, Connection]) -> None:
        self._cors = options.cors
        self._sessions = sessions
        self._warned: set[str] = set()
        self._told_of_loop = False

    def check(self, request: Request, origin: str) -> None:
        """Refuse a request of a page whose origin is not allowed.

        Raises:
            RequestRefused: the origin is not allowed: HTTP 403.
        """
        if same_origin(request, origin) or self._allows(origin):
            return
        connection = self._sessions.get(request.query.get("sid", ""))
        if (
            connection is not None
            and request.method == "POST"
            and "origin" not in connection.request.headers
        ):
            self._end_loop(connection, request, origin)
        elif origin not in self._warned and len(self._warned) < MOST_WARNED:
            self._warned.add(origin)
            if read_origin(origin) is None:
                logger.warning("refused the origin %r, which is none", origin)
            else:
                logger.warning(
                    "refused the origin %r; allow it with %s", origin, self._advice(origin)
                )
        raise RequestRefused(
            Code.FORBIDDEN, f"got the origin {origin!r}", status=403, message="Origin not allowed"
        )

    def _end_loop(self, connection: Connection, request: Request, origin: str) -> None:
        """End the session of a page that cannot use it, and say why, once.

        Behind a proxy that changes Host each handshake passes, because it names no origin, and the
        first POST is refused; the page begins again, over and over.
        """
        connection.session.fail(TRANSPORT_ERROR, "its origin is refused")
        connection.settle()
        if not self._told_of_loop:
            self._told_of_loop = True
            logger.warning(
                "a page opens sessions and may not use them, over and over: its GETs come without "
                "an Origin, its POSTs come from %r while Host is %r. If a proxy changes "
                "Host, let it pass on the browser's (nginx: proxy_set_header Host $http_host;) or "
                "send it as X-Forwarded-Host, with the option trusted_proxies=[%r]; if the page is "
                "another host's, %s allows it",
                origin,
                request.host,
                request.peer or UNIX,
                self._advice(origin),
            )

    def _advice(self, origin: str) -> str:
        """Return what allows an origin: the application's setting, or the option."""
        setting = self._cors.setting if isinstance(self._cors, CorsOptions) else None
        return f"the option cors=[{origin!r}]" if setting is None else setting

    def _allows(self, origin: str) -> bool:
        try:
            return isinstance(self._cors, CorsOptions) and self._cors.allows(origin)
        except Exception:
            logger.exception("cors failed for the origin %r, which is refused", origin)
            return False

    def allowed(self, request: Request) -> str | None:
        """Return the origin of a request if it is allowed."""
        origin = request.headers.get("origin")
        if origin is None:
            return None
        return origin if same_origin(request, origin) or self._allows(origin) else None


def check_site(request: Request) -> None:
    """Refuse the handshake of a page of another site that names no origin, as an image does.

    Raises:
        RequestRefused: the request is one: HTTP 403.
    """
    headers = request.headers
    if headers.get("sec-fetch-site") == "cross-site" and "origin" not in headers:
        raise RequestRefused(
            Code.FORBIDDEN,
            "got Sec-Fetch-Site: cross-site without an Origin",
            status=403,
            message="Origin not allowed",
        )

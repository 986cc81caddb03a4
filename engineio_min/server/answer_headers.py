"""The headers of a server's answers: CORS, the cookie of a handshake, and what the hooks add."""

from __future__ import annotations

import logging

from engineio_min.cors import CorsOptions
from engineio_min.options import CookieOptions, ServerOptions
from engineio_min.request import Headers, Request, check_headers
from engineio_min.server.origins import Origins
from engineio_min.transports.connection import Connection

logger = logging.getLogger("engineio_min")


class AnswerHeaders:
    """What a server adds to the headers of its answers."""

    def __init__(self, options: ServerOptions, origins: Origins) -> None:
        self._options = options
        self._origins = origins

    def add(
        self,
        request: Request,
        headers: Headers,
        connection: Connection | None,
        *,
        initial: bool = False,
    ) -> Headers:
        """Return `headers` with those of every answer. Those of a handshake's answer are added if
        `request` opened the session of `connection`, or if the caller says that it is `initial`.
        """
        options = self._options
        greeted = connection if connection is not None and connection.request is request else None
        initial = initial or greeted is not None
        if not initial and options.cors is None and options.headers is None:
            return headers
        result = list(headers)
        if isinstance(options.cors, CorsOptions):
            result.extend(options.cors.response_headers(self._origins.allowed(request)))
        if greeted is not None and options.cookie is not False:
            cookie = CookieOptions() if options.cookie is True else options.cookie
            result.append(("Set-Cookie", cookie.header(greeted.sid)))
        hooks = (options.initial_headers if initial else None, options.headers)
        for hook in hooks:
            if hook is not None:
                extended = list(result)
                try:
                    hook(extended, request)
                    check_headers(extended)
                except Exception:
                    logger.exception("a hook for headers failed; its headers are left out")
                else:
                    result = extended
        return result

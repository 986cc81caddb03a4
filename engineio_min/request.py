"""A request and its answer, as every host of the server presents them.

Our own HTTP/1.1 in `http/` and `asgi/` (any ASGI 3 server) make these.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence

from engineio_min.errors import Code, RequestRefused, UsageError

Headers = Sequence[tuple[str, str]]

# Parameters that decide which session a request belongs to: of two values nobody could say which
# one counts.
_SINGLE = ("sid", "transport", "EIO")


class Request:
    """One HTTP request without its body.

    `headers` has lower-case names; repeated ones are joined with ", ". `client` is the client's
    address, `host` the host that it asked for, and `secure` tells whether it asked by https. Behind
    trusted proxies these three are what the proxies say; `peer` is the address that the connection
    comes from. `websocket` tells whether the request asks to become a WebSocket. The target is
    split only when needed.
    """

    __slots__ = (
        "_query",
        "client",
        "headers",
        "host",
        "method",
        "path",
        "peer",
        "query_string",
        "secure",
        "websocket",
    )

    def __init__(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str],
        client: str,
        *,
        secure: bool = False,
        websocket: bool = False,
    ) -> None:
        self._query: Mapping[str, str] | None = None
        self.method = method
        self.path, _, self.query_string = target.partition("?")
        self.headers = headers
        self.host = headers.get("host", "")
        self.client = self.peer = client
        self.secure = secure
        self.websocket = websocket

    def again(
        self, query_string: str, headers: Mapping[str, str], query: Mapping[str, str] | None
    ) -> Request:
        """Return the same request with other headers and another query string, whose parameters
        are `query` if given.
        """
        # Not `copy`: this happens with every poll.
        request = Request.__new__(Request)
        request._query = query
        request.method = self.method
        request.path = self.path
        request.query_string = query_string
        request.headers = headers
        request.host = self.host
        request.client = self.client
        request.peer = self.peer
        request.secure = self.secure
        request.websocket = self.websocket
        return request

    @property
    def target(self) -> str:
        """Return the path and the query string, as sent."""
        return f"{self.path}?{self.query_string}" if self.query_string else self.path

    @property
    def query(self) -> Mapping[str, str]:
        """Parse the query's parameters; of a repeated one the last counts. The result is not kept:
        the handshake's request lives as long as its session, and is seldom asked for it.

        Raises:
            RequestRefused: `sid`, `transport` or `EIO` is repeated.
        """
        if self._query is not None:
            return self._query
        query: dict[str, str] = {}
        for part in self.query_string.split("&"):
            if not part:
                continue
            name, _, value = part.partition("=")
            if "%" in part or "+" in part:
                # Imported late: a usual client's query has no escapes.
                from urllib.parse import unquote_plus

                name, value = unquote_plus(name), unquote_plus(value)
            if name in query and name in _SINGLE:
                raise RequestRefused(Code.BAD_REQUEST, f"the parameter {name} is repeated")
            query[name] = value
        return query


class Response:
    """A complete answer of a plain HTTP route; `headers` are pairs of a name and a value.

    `Content-Length` and `Date` are added.
    """

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int = 200, body: bytes = b"", headers: Headers = ()) -> None:
        self.status = status
        self.body = body
        self.headers = headers


class StreamedResponse(Response):
    """An answer of a plain HTTP route whose body comes piece by piece, as fast as the peer reads.

    `pieces` is closed when the peer is gone. If it fails, the connection is cut: the peer knows
    that what it has is not all.
    """

    __slots__ = ("pieces",)

    def __init__(
        self, pieces: AsyncGenerator[bytes, None], status: int = 200, headers: Headers = ()
    ) -> None:
        super().__init__(status, b"", headers)
        self.pieces = pieces


def add_header(headers: dict[str, str], name: str, value: str) -> None:
    """Add a header, whose `name` is in lower case; join repeated ones (RFC 9110, section 5.3).

    Repeated cookies have a separator of their own: HTTP/2 clients split them (RFC 9113, 8.2.3).
    """
    before = headers.get(name)
    if before is not None:
        value = f"{before}{'; ' if name == 'cookie' else ', '}{value}"
    headers[name] = value


def check_headers(headers: Headers) -> None:
    """Refuse a line break in a header: it would start another header, or a whole response.

    Raises:
        UsageError: a name or value has a control character that ends a line.
    """
    for name, value in headers:
        if any(character in name + value for character in "\r\n\0"):
            raise UsageError(
                f"got the response header {name!r} with a control character in its name or value: "
                "expected neither line breaks nor NUL, remove them"
            )

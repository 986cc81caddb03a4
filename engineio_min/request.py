"""A request and the exchange it belongs to, as every host of the server presents them.

`http.py` (our own HTTP/1.1) and `asgi.py` (any ASGI 3 server) both make these; `server.py` and
`polling.py` know nothing else about HTTP.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol
from urllib.parse import unquote_plus

from engineio_min.errors import Code, RequestRefused, UsageError

if TYPE_CHECKING:
    from engineio_min.limits.budget import Budget
    from engineio_min.transports.connection import Connection
    from engineio_min.transports.host import WebSocketCarrier

Headers = Sequence[tuple[str, str]]

# Parameters that decide who a request belongs to: which of two would count is nobody's guess.
_SINGLE = ("sid", "transport", "EIO")


class Request:
    """One HTTP request without its body.

    `headers` has lower-case names; repeated ones are joined with ", ". `client` is the peer's
    address, `websocket` tells whether the request asks to become a WebSocket. The target is split
    only when needed.
    """

    __slots__ = (
        "_query",
        "client",
        "headers",
        "method",
        "path",
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
        self.client = client
        self.secure = secure
        self.websocket = websocket

    def again(
        self, query_string: str, headers: Mapping[str, str], query: Mapping[str, str] | None
    ) -> Request:
        """The same request with another query string, whose parameters are `query` if given, and
        other headers.
        """
        # Not `copy`: this happens with every poll.
        request = Request.__new__(Request)
        request._query = query
        request.method = self.method
        request.path = self.path
        request.query_string = query_string
        request.headers = headers
        request.client = self.client
        request.secure = self.secure
        request.websocket = self.websocket
        return request

    @property
    def target(self) -> str:
        """The path and the query string, as sent."""
        return f"{self.path}?{self.query_string}" if self.query_string else self.path

    @property
    def query(self) -> Mapping[str, str]:
        """The query's parameters, parsed anew each time: the handshake's request is kept as long as
        its session, its parameters are seldom asked for. Of a repeated one the last counts.

        Raises:
            RequestRefused: `sid`, `transport` or `EIO` is repeated.
        """
        return _parse_query(self.query_string) if self._query is None else self._query


def _parse_query(text: str) -> dict[str, str]:
    query: dict[str, str] = {}
    for part in text.split("&"):
        if not part:
            continue
        name, _, value = part.partition("=")
        if "%" in part or "+" in part:
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


class Exchange(Protocol):
    """One request and its answer.

    Exactly one of `respond` and `accept` is called, once. `on_abort` is called if the peer goes
    away first; neither may be called then.
    """

    request: Request
    on_abort: Callable[[], None] | None

    def respond(self, status: int, headers: Headers, body: bytes) -> None:
        """Answer. If the request's body was not read, the connection is closed after it."""

    def read_body(self, limit: int, done: Callable[[bytes | None], None], budget: Budget) -> None:
        """Read the body and call `done` with it, or with None once it is larger than `limit` bytes
        or `budget` is exhausted.

        An exchange that is answered meanwhile calls it no more.
        """

    def accept(self, connection: Connection, headers: Headers) -> WebSocketCarrier:
        """Become the WebSocket of `connection`; nothing is read from it before `start`.

        Raises:
            RequestRefused: the WebSocket handshake is invalid; nothing was sent.
        """


class Carrier(Protocol):
    """What carries a session's packets at the moment: a poll or a WebSocket."""

    def flush(self) -> None:
        """Hand over what the session has to send, as far as it can leave now."""

    def close(self) -> None:
        """Carry nothing more: the session is over, or carried by another."""

    def pause(self) -> None:
        """Take nothing more from the client until `resume`."""

    def resume(self) -> None:
        """Take packets from the client again."""


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

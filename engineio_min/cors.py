"""Which origins may talk to the server, and the headers that tell a browser so.

CORS alone protects nothing here: a browser opens a WebSocket to any origin and sends the cookies
along. So an origin that is not allowed is refused on every transport, polling and WebSocket alike.
The same origin and requests without an `Origin` (which no browser page can make) pass.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from engineio_min.errors import UsageError
from engineio_min.request import Request

OriginRule = str | re.Pattern[str] | Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class CorsOptions:
    """The options of the npm package `cors` that concern Socket.IO.

    `origin` is "*", an origin such as "https://app.example.com", a compiled pattern (matched in
    full), a predicate, or a sequence of these. `max_age` is in seconds.

    Raises:
        UsageError: an origin is none of these.
    """

    origin: OriginRule | Sequence[OriginRule] = "*"
    credentials: bool = False
    methods: Sequence[str] = ("GET", "HEAD", "PUT", "PATCH", "POST", "DELETE")
    allowed_headers: Sequence[str] | None = None
    exposed_headers: Sequence[str] = ()
    max_age: int | None = None

    def __post_init__(self) -> None:
        _check_rules(self.rules)

    @property
    def rules(self) -> Sequence[OriginRule]:
        """`origin` as a sequence."""
        if isinstance(self.origin, str | re.Pattern) or callable(self.origin):
            return (self.origin,)
        return self.origin

    def allows(self, origin: str) -> bool:
        """Whether one of the rules allows `origin`."""
        return any(_matches(rule, origin) for rule in self.rules)

    def response_headers(self, origin: str | None) -> list[tuple[str, str]]:
        """The headers of every response to an allowed request."""
        headers: list[tuple[str, str]] = []
        if self.origin == "*" and not self.credentials:
            headers.append(("Access-Control-Allow-Origin", "*"))
        else:
            if origin is not None:
                headers.append(("Access-Control-Allow-Origin", origin))
            headers.append(("Vary", "Origin"))
        if self.credentials:
            headers.append(("Access-Control-Allow-Credentials", "true"))
        if self.exposed_headers:
            headers.append(("Access-Control-Expose-Headers", ",".join(self.exposed_headers)))
        return headers

    def preflight_headers(self, request: Request) -> list[tuple[str, str]]:
        """The headers of the answer to an OPTIONS request (status 204)."""
        headers = self.response_headers(request.headers.get("origin"))
        headers.append(("Access-Control-Allow-Methods", ",".join(self.methods)))
        if self.allowed_headers is not None:
            headers.append(("Access-Control-Allow-Headers", ",".join(self.allowed_headers)))
        else:
            headers.append(("Vary", "Access-Control-Request-Headers"))
            requested = request.headers.get("access-control-request-headers")
            if requested is not None:
                headers.append(("Access-Control-Allow-Headers", requested))
        if self.max_age is not None:
            headers.append(("Access-Control-Max-Age", str(self.max_age)))
        return headers


def _check_rules(rules: object) -> None:
    if isinstance(rules, Mapping) or not isinstance(rules, Collection):
        raise UsageError(
            f"cors: got {rules!r}, expected an origin, several, or CorsOptions(origin=..., "
            "credentials=...)"
        )
    for rule in rules:
        if not isinstance(rule, str):
            if not isinstance(rule, re.Pattern) and not callable(rule):
                raise UsageError(f"cors: got the origin {rule!r}, expected a str")
        elif rule != "*" and ("://" not in rule or rule.endswith("/")):
            raise UsageError(
                f'cors: got the origin {rule!r}, expected "*" or scheme://host[:port], '
                "without a path"
            )


def _matches(rule: OriginRule, origin: str) -> bool:
    if isinstance(rule, str):
        return rule in ("*", origin)
    if isinstance(rule, re.Pattern):
        return rule.fullmatch(origin) is not None
    return rule(origin)


def same_origin(request: Request, origin: str) -> bool:
    """Whether `origin` names the host that the request was sent to.

    The scheme is left out: behind a proxy that ends TLS the server cannot know it.
    """
    return _names(origin, request.headers.get("host", ""))


@functools.lru_cache(maxsize=64)
def _names(origin: str, host: str) -> bool:
    return origin.partition("://")[2].lower() == host.lower() != ""


def as_cors(cors: CorsOptions | str | Sequence[str] | None) -> CorsOptions | None:
    """Read the `cors` option: None, an origin, a sequence of origins, or the full options."""
    if cors is None or isinstance(cors, CorsOptions):
        return cors
    return CorsOptions(origin=cors)

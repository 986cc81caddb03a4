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
from typing import NamedTuple

from engineio_min.errors import UsageError
from engineio_min.request import Request

OriginRule = str | re.Pattern[str] | Callable[[str], bool]

# What pages without an origin of their own send: sandboxed frames, `data:` URLs, local files.
OPAQUE = "null"

# What browsers leave out of an origin.
_DEFAULT_PORTS = {"http": "80", "ws": "80", "https": "443", "wss": "443"}

# scheme://host[:port]. The host is empty in "file://", which local pages of embedded browsers and
# small devices send; a backslash, a space or a user would be read differently elsewhere.
_ORIGIN = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?P<host>[^\x00-\x20/?#@:\\\[\]]*|\[[0-9a-f:.]+\])"
    r"(?::(?P<port>[0-9]{1,5}))?",
    re.ASCII | re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class CorsOptions:
    """The options of the npm package `cors` that concern Socket.IO.

    `origin` is "*", an origin such as "https://app.example.com", "null" or "file://" (capitals and
    a default port do not matter), a compiled pattern (matched in full), a predicate, or a sequence
    of these. `max_age` is in seconds. `setting` is the application's setting that `origin` comes
    from: the log then advises it instead of the option.

    Raises:
        UsageError: an origin is none of these, or one that no browser and no device sends.
    """

    origin: OriginRule | Sequence[OriginRule] = "*"
    credentials: bool = False
    methods: Sequence[str] = ("GET", "HEAD", "PUT", "PATCH", "POST", "DELETE")
    allowed_headers: Sequence[str] | None = None
    exposed_headers: Sequence[str] = ()
    max_age: int | None = None
    setting: str | None = None

    def __post_init__(self) -> None:
        _check_rules(self.rules)

    @property
    def rules(self) -> Sequence[OriginRule]:
        """Return `origin` as a sequence."""
        if isinstance(self.origin, str | re.Pattern) or callable(self.origin):
            return (self.origin,)
        return self.origin

    def allows(self, origin: str) -> bool:
        """Return whether one of the rules allows `origin`."""
        return any(_matches(rule, origin) for rule in self.rules)

    def response_headers(self, origin: str | None) -> list[tuple[str, str]]:
        """Return the headers of every response to an allowed request (Fetch, section 3.3)."""
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
        """Return the headers of the answer to a preflight, an OPTIONS request (status 204)."""
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
        elif rule != "*":
            _check_origin(rule)


def _check_origin(rule: str) -> None:
    """Refuse a rule that no `Origin` header can match.

    Raises:
        UsageError: it is no origin; the message says what to write.
    """
    if "*" in rule:
        scheme, _, host = rule.rpartition("://")
        pattern = f"{scheme or 'https'}://{host}".replace(".", r"\.").replace("*", "[^.]+")
        raise UsageError(
            f'cors: got the origin {rule!r}, where "*" has no meaning: write '
            f're.compile(r"{pattern}") for every host of that form'
        )
    if read_origin(rule) is None:
        raise UsageError(
            f'cors: got the origin {rule!r}, expected "*", "null" or scheme://host[:port], '
            "without a path, such as 'https://app.example.com'"
        )


class Origin(NamedTuple):
    """The parts of an origin (RFC 6454, section 6.1) in lower case; `port` is "" for the default
    one.
    """

    scheme: str
    host: str
    port: str


@functools.lru_cache(maxsize=64)
def read_origin(text: str) -> Origin | None:
    """Return the parts of an `Origin` header or of a rule; None if the text is no origin.

    Names in other scripts become what browsers send for them ("xn--...").
    """
    if text == OPAQUE:
        return Origin("", OPAQUE, "")
    match = _ORIGIN.fullmatch(text)
    if match is None:
        return None
    scheme, host, port = match["scheme"].lower(), match["host"].lower(), match["port"] or ""
    if not host.isascii():
        try:
            encoded = host.encode("idna")
        except UnicodeError:
            return None
        if encoded.decode("idna") != host:
            # A letter that browsers keep and this older standard replaces, such as the German ß.
            return None
        host = encoded.decode()
    if port:
        if int(port) > 65_535:
            return None
        port = str(int(port))
    if (scheme in _DEFAULT_PORTS and not host) or (port and not host):
        return None
    return Origin(scheme, host, "" if port == _DEFAULT_PORTS.get(scheme) else port)


def _matches(rule: OriginRule, origin: str) -> bool:
    if isinstance(rule, str):
        if rule in ("*", origin):
            return True
        read = read_origin(origin)
        return read is not None and read == read_origin(rule)
    if isinstance(rule, re.Pattern):
        return rule.fullmatch(origin) is not None
    return rule(origin)


def same_origin(request: Request, origin: str) -> bool:
    """Return whether `origin` names the host that the request was sent to.

    The scheme is left out: behind a proxy that ends TLS the server cannot know it.
    """
    return _names(origin, request.host)


@functools.lru_cache(maxsize=64)
def _names(origin: str, host: str) -> bool:
    if not host:
        return False
    # As text first: nearly every page's host stands there as it is in the header.
    if origin.partition("://")[2].lower() == host.lower():
        return True
    read = read_origin(origin)
    # Some proxies write the default port, which browsers leave out.
    return read is not None and read == read_origin(f"{read.scheme}://{host}")


def as_cors(cors: CorsOptions | str | Sequence[str] | None) -> CorsOptions | None:
    """Read the `cors` option: None, an origin, a sequence of origins, or the full options."""
    if cors is None or isinstance(cors, CorsOptions):
        return cors
    return CorsOptions(origin=cors)

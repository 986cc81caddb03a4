"""Where a client connects to, read from a URL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlencode, urlsplit

from engineio_min.errors import UsageError

_PORTS = {"http": 80, "ws": 80, "https": 443, "wss": 443}
_SECURE = ("https", "wss")


@dataclass(frozen=True, slots=True)
class Address:
    """A server, and the path and query that a URL adds to it; the path is not decoded."""

    secure: bool
    host: str
    port: int
    path: str
    query: str

    @property
    def authority(self) -> str:
        """Return the value of the `Host` header (RFC 9110, section 7.2)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        default = _PORTS["https" if self.secure else "http"]
        return host if self.port == default else f"{host}:{self.port}"


def parse_url(url: str) -> Address:
    """Read an http, https, ws or wss URL. The scheme does not decide which transport carries the
    session.

    Raises:
        UsageError: the URL is none of these, has no host, a bad port, or a password in it.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
        host = (parts.hostname or "").encode("idna").decode("ascii")
    except (ValueError, AttributeError) as error:
        # urlsplit raises the latter for a value that is no text.
        raise UsageError(f"got the URL {url!r}, which cannot be read: {error}") from None
    if parts.scheme not in _PORTS or not host:
        raise UsageError(
            f"got the URL {url!r}, expected http://, https://, ws:// or wss:// and a host"
        )
    if parts.username is not None or parts.password is not None:
        raise UsageError(
            "got a URL with a user name or a password: pass an Authorization header instead "
            "(extra_headers)"
        )
    secure = parts.scheme in _SECURE
    return Address(secure, host, port or _PORTS[parts.scheme], parts.path, parts.query)


def request_target(path: str, query: str, parameters: Mapping[str, str]) -> str:
    """Return the target of a request (RFC 9112, section 3.2.1): `path`, the `query` of the URL as
    it is there, and `parameters`.
    """
    encoded = urlencode(parameters, quote_via=quote, errors="replace")
    if query:
        # Only characters that would end a request line are quoted.
        encoded = quote(query, safe="%/:?#[]@!$&'()*+,;=~") + "&" + encoded
    return f"{quote(path, safe='/%')}?{encoded}"

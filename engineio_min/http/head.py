"""The head of a parsed request: its headers by their names, and whether it can be served."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING

from engineio_min.request import add_header

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from engineio_min.http.limits import HttpLimits

# The usual methods as text.
METHODS = {method.encode(): method for method in ("GET", "POST", "OPTIONS", "HEAD", "PUT")}
# The names of usual headers as clients and browsers write them. The first ones have values that
# many clients have in common, and that are nobody's secrets.
_COMMON = frozenset(
    (
        "accept",
        "accept-encoding",
        "accept-language",
        "cache-control",
        "connection",
        "host",
        "origin",
        "pragma",
        "sec-fetch-dest",
        "sec-fetch-mode",
        "sec-fetch-site",
        "sec-websocket-extensions",
        "sec-websocket-version",
        "upgrade",
        "user-agent",
    )
)
_NAMES = {
    name.encode(): lower
    for lower in (
        *_COMMON,
        "content-length",
        "content-type",
        "cookie",
        "referer",
        "sec-websocket-key",
        "x-forwarded-for",
        "x-forwarded-proto",
    )
    for name in (lower, lower.title(), lower.title().replace("socket", "Socket"))
}
# How many lines are kept, and the bytes of the longest value.
MOST_LINES = 512
_LONGEST_VALUE = 256
# The headers by which a request needs a closer look.
_SCRUTINIZED = frozenset(("transfer-encoding", "content-encoding", "expect"))
_HOST_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-._~%!$&'()*+,;=:[]")
# Nobody sends a body whose length has more digits.
LENGTH_DIGITS = 16

_ABSOLUTE = re.compile(r"https?://(?P<host>[^/?#]+)(?P<rest>.*)", re.IGNORECASE)


class HeaderLines(dict[tuple[bytes, bytes], tuple[str, str]]):
    """The names in lower case and the values of header lines, as text.

    The handshake's headers live as long as their session, and most of them are the same for
    thousands of clients. So the usual ones are kept: each text is there once.
    """

    def __missing__(self, line: tuple[bytes, bytes]) -> tuple[str, str]:
        """Return the name and the value of a line that is not kept; keep a usual one."""
        raw, value = line
        name = _NAMES.get(raw) or raw.decode("latin-1").lower()
        header = name, value.decode("latin-1")
        if name in _COMMON and len(value) <= _LONGEST_VALUE:
            if len(self) >= MOST_LINES:
                self.clear()
            self[line] = header
        return header


_header_of = HeaderLines().__getitem__


def read_headers(lines: Sequence[tuple[bytes, bytes]]) -> dict[str, str] | None:
    """Return the headers by their names in lower case, repeated ones joined; None if Host is
    repeated (RFC 9112, section 3.2).
    """
    headers = dict(map(_header_of, lines))
    if len(headers) == len(lines):
        return headers
    headers.clear()
    for name, value in map(_header_of, lines):
        if name == "host" and name in headers:
            return None
        add_header(headers, name, value)
    return headers


def refusal(
    target: bytes, headers: Mapping[str, str], version: str, limits: HttpLimits, size: int
) -> tuple[int, str] | None:
    """Return the status and the reason to refuse a head with, if it cannot be served.

    `size` is how many bytes were read since the head began; some may come after the head.
    """
    if len(target) > limits.request_line:
        return 414, "got a request target that is too long"
    if size > limits.header_block:
        size = sum(map(len, headers)) + sum(map(len, headers.values()))
        if size + 4 * len(headers) > limits.header_block:
            return 431, "got too many bytes of headers"
    if version not in ("1.1", "1.0"):
        return 505, f"got HTTP version {version}, expected 1.1"
    host = headers.get("host")
    if not (version == "1.0" if host is None else _is_host(host)):
        return 400, "got no valid Host header"
    length = headers.get("content-length", "0")
    if not length.isascii() or not length.isdigit() or len(length) > LENGTH_DIGITS:
        return 400, "got an invalid Content-Length"
    if _SCRUTINIZED.isdisjoint(headers):
        return None
    encoding = headers.get("transfer-encoding")
    if encoding is not None and (encoding.lower() != "chunked" or version == "1.0"):
        return 501, "got a Transfer-Encoding other than chunked"
    if headers.get("content-encoding", "identity").lower() != "identity":
        return 415, "got a compressed request body, which is not supported"
    if headers.get("expect", "100-continue").lower() != "100-continue":
        return 417, "got an Expect header other than 100-continue"
    return None


def split_absolute(target: str) -> tuple[str, str] | None:
    """Split a target in absolute form, such as "http://host/path" (RFC 9112, section 3.2.2).

    Return its host, and its path with the query; None for a target of another form, or without a
    host.
    """
    match = _ABSOLUTE.fullmatch(target)
    if match is None or not _is_host(match["host"]):
        return None
    rest = match["rest"]
    return match["host"], rest if rest.startswith("/") else f"/{rest}"


@functools.lru_cache(maxsize=64)
def _is_host(host: str) -> bool:
    # Every request of a client names the same host.
    return _HOST_CHARACTERS.issuperset(host.lower())

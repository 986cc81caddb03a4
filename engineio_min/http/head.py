"""The head of a request: what of it is refused, and how one is known again.

A client that polls sends the same head over and over. Only two places of it change: the timestamp
`t` in the target, which is there against caches, and the number in Content-Length. So a connection
keeps its last heads, and one that differs from them in nothing but these two places is not parsed
again. Parsing stays the specification: equal bytes mean the same, and the two places admit only
what the parser would take there without another thought.

Rejected: heads shared by all connections (no two browsers send the same), and a regular expression
for each head (compiling one costs more than parsing a hundred heads).
"""

from __future__ import annotations

import contextlib
import functools
import re
from typing import TYPE_CHECKING

from engineio_min.errors import RequestRefused
from engineio_min.request import Request, add_header

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from engineio_min.http.limits import HttpLimits

# The usual methods as text.
METHODS = {method.encode(): method for method in ("GET", "POST", "OPTIONS", "HEAD", "PUT")}
# The names of usual headers as clients and browsers write them.
_NAMES = {
    name.encode(): lower
    for lower in (
        "accept",
        "accept-encoding",
        "accept-language",
        "cache-control",
        "connection",
        "content-length",
        "content-type",
        "cookie",
        "host",
        "origin",
        "pragma",
        "referer",
        "sec-fetch-dest",
        "sec-fetch-mode",
        "sec-fetch-site",
        "sec-websocket-extensions",
        "sec-websocket-key",
        "sec-websocket-version",
        "upgrade",
        "user-agent",
        "x-forwarded-for",
        "x-forwarded-proto",
    )
    for name in (lower, lower.title(), lower.title().replace("socket", "Socket"))
}
# What a request that needs a closer look has among its headers.
_SCRUTINIZED = frozenset(("transfer-encoding", "content-encoding", "expect"))
_HOST_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-._~%!$&'()*+,;=:[]")
# A Content-Length of more digits is no length that anybody sends.
_LENGTH_DIGITS = 16

_TIMESTAMP_CHARACTERS = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
_TIMESTAMP = re.compile(rb"[A-Z]+ [^ ?]+\?(?:[^ ]*&)?t=([A-Za-z0-9_-]+)[& ]")
_ABSOLUTE = re.compile(r"https?://(?P<host>[^/?#]+)(?P<rest>.*)", re.IGNORECASE)
_LENGTH = re.compile(rb"\r\nContent-Length: ([0-9]+)\r\n", re.IGNORECASE)


# The headers on which the end of a request depends.
_FRAMING = re.compile(rb"\n(?:content-length|transfer-encoding|upgrade)[ \t]*:", re.IGNORECASE)


def request_end(data: bytes) -> int:
    """Return where the request at the beginning of `data` ends, as far as its head tells.

    It is the end of `data` if that has no more, or if only the parser will know.
    """
    size = len(data)
    end = data.find(b"\r\n\r\n") + 4
    if end in (3, size):
        return size
    framing = _FRAMING.findall(data, 0, end)
    if not framing:
        return end
    length = _LENGTH.search(data, 0, end)
    if len(framing) > 1 or length is None or len(length[1]) > _LENGTH_DIGITS:
        return size
    return min(size, end + int(length[1]))


def read_headers(lines: Sequence[tuple[bytes, bytes]]) -> dict[str, str] | None:
    """Return the headers by their names in lower case, repeated ones joined; None if Host is
    repeated (RFC 9112, section 3.2).
    """
    headers = {
        _NAMES.get(name) or name.decode("latin-1").lower(): value.decode("latin-1")
        for name, value in lines
    }
    if len(headers) == len(lines):
        return headers
    headers.clear()
    for line, value in lines:
        name = line.decode("latin-1").lower()
        if name == "host" and name in headers:
            return None
        add_header(headers, name, value.decode("latin-1"))
    return headers


def refusal(
    target: bytes, headers: Mapping[str, str], version: str, limits: HttpLimits
) -> tuple[int, str] | None:
    """Return the status and the reason to refuse a head with, if it cannot be served."""
    if len(target) > limits.request_line:
        return 414, "got a request target that is too long"
    size = sum(map(len, headers)) + sum(map(len, headers.values()))
    if size + 4 * len(headers) > limits.header_block:
        return 431, "got too many bytes of headers"
    if version not in ("1.1", "1.0"):
        return 505, f"got HTTP version {version}, expected 1.1"
    host = headers.get("host")
    if not (version == "1.0" if host is None else _is_host(host)):
        return 400, "got no valid Host header"
    length = headers.get("content-length", "0")
    if not length.isascii() or not length.isdigit() or len(length) > _LENGTH_DIGITS:
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
    """Return the host and the path with the query of a target in absolute form, such as
    "http://host/path" (RFC 9112, section 3.2.2); None if it is of another form, or has no host.
    """
    match = _ABSOLUTE.fullmatch(target)
    if match is None or not _is_host(match["host"]):
        return None
    rest = match["rest"]
    return match["host"], rest if rest.startswith("/") else f"/{rest}"


@functools.lru_cache(maxsize=64)
def _is_host(host: str) -> bool:
    # Every request of a client has the same.
    return _HOST_CHARACTERS.issuperset(host.lower())


class KnownHead:
    """A head that was parsed and not refused, to know it again."""

    __slots__ = (
        "_after",
        "_before",
        "_between",
        "_head",
        "_length",
        "_query",
        "_query_string",
        "_request",
        "_start",
        "_stop",
    )

    def __init__(self, head: bytes, request: Request) -> None:
        self._head = head
        self._request = request
        # Taken apart when a second request of its kind comes: many are the only one.
        self._between = b""

    def again(self, data: bytes) -> tuple[Request, int] | None:
        """Return the request in `data` and the size of its head in bytes, if it has this head and
        is complete, with nothing after it.
        """
        if not self._between:
            self._take_apart()
        start, stop, between = self._start, self._stop, self._between
        if not (data.startswith(self._before) and data.startswith(between, stop)):
            return None
        stamp = data[start:stop]
        if stamp.strip(_TIMESTAMP_CHARACTERS):
            return None
        last = self._request
        headers = last.headers
        size = stop + len(between)
        length = self._length
        if self._after:
            end = data.find(b"\r", size, size + _LENGTH_DIGITS)
            digits = data[size:end]
            if not (digits.isdigit() and data.startswith(self._after, end)):
                return None
            size = end + len(self._after)
            length = int(digits)
            headers = {**headers, "content-length": digits.decode()}
        if len(data) - size != length:
            return None
        query = self._query
        if stamp and query is not None:
            query = {**query, "t": stamp.decode()}
        return last.again(data[self._query_string].decode("latin-1"), headers, query), size

    def _take_apart(self) -> None:
        head, self._head = self._head, b""
        stamp = _TIMESTAMP.match(head)
        self._start, self._stop = (0, 0) if stamp is None else stamp.span(1)
        length = _LENGTH.search(head, self._stop)
        place, end = (len(head), len(head)) if length is None else length.span(1)
        self._before = head[: self._start]
        self._between = head[self._stop : place]
        # Empty if there is no number, for then the end of the head is in `_between`.
        self._after = head[end:]
        self._length = int(self._request.headers.get("content-length", 0))
        # By the "?", as the parser has it: there may be more than one space before a target.
        query = head.find(b"?") + 1
        self._query_string = slice(query, query + len(self._request.query_string))
        # One that is refused is refused each time.
        self._query: Mapping[str, str] | None = None
        with contextlib.suppress(RequestRefused):
            self._query = self._request.query

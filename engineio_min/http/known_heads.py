"""What can be said of a request without parsing it: where it ends, and whether its head is known.

A client that polls sends the same head over and over. Only two places of it change: the timestamp
`t` in the target, which is there against caches, and the number in Content-Length. So a connection
keeps its last heads, and one that differs from them in nothing but these two places is not parsed
again. Parsing stays the specification: equal bytes mean the same, and the two places take only what
the parser would accept there as it is.

Rejected: heads shared by all connections (no two browsers send the same), and a regular expression
for each head (compiling one costs more than parsing a hundred heads).
"""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING

from engineio_min.errors import RequestRefused
from engineio_min.http.head import LENGTH_DIGITS
from engineio_min.request import Request

if TYPE_CHECKING:
    from collections.abc import Mapping

_TIMESTAMP_CHARACTERS = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
_TIMESTAMP = re.compile(rb"[A-Z]+ [^ ?]+\?(?:[^ ]*&)?t=([A-Za-z0-9_-]+)[& ]")
_LENGTH = re.compile(rb"\r\nContent-Length: ([0-9]+)\r\n", re.IGNORECASE)
# The headers on which the end of a request depends.
_FRAMING = re.compile(rb"\n(?:content-length|transfer-encoding|upgrade)[ \t]*:", re.IGNORECASE)


def request_end(data: bytes) -> int:
    """Return where the request at the beginning of `data` ends, as far as its head tells.

    That is the end of `data` if the request goes on, or if only the parser can tell.
    """
    size = len(data)
    end = data.find(b"\r\n\r\n") + 4
    if end in (3, size):
        return size
    framing = _FRAMING.findall(data, 0, end)
    if not framing:
        return end
    length = _LENGTH.search(data, 0, end)
    if len(framing) > 1 or length is None or len(length[1]) > LENGTH_DIGITS:
        return size
    return min(size, end + int(length[1]))


class KnownHead:
    """A head that was parsed and not refused, to recognise the same head later."""

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
        # The head is taken apart when a second request of its kind comes: many heads come only
        # once.
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
            end = data.find(b"\r", size, size + LENGTH_DIGITS)
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
        # The target begins where the parser says: there may be more than one space before it.
        query = head.find(b"?") + 1
        self._query_string = slice(query, query + len(self._request.query_string))
        # A head that is refused is refused each time.
        self._query: Mapping[str, str] | None = None
        with contextlib.suppress(RequestRefused):
            self._query = self._request.query

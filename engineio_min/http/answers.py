"""How the answers of a server begin: status line, headers and the date (RFC 9112, section 4)."""

from __future__ import annotations

import http
import time
from typing import Final

from engineio_min.http.dates import http_date
from engineio_min.request import Headers, check_headers

# How many starts of answers are kept.
KEPT_STARTS: Final = 64

_STATUS_LINES = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode()
    for status in http.HTTPStatus
}
_WITHOUT_LENGTH = (204, 304)


class AnswerHeads:
    """The heads of all answers of a server.

    Nearly every answer has the same status and headers as one before: such a start of a head is
    kept for a second.
    """

    __slots__ = ("_second", "_starts")

    def __init__(self) -> None:
        self._starts: dict[tuple[int, tuple[tuple[str, str], ...]], bytes] = {}
        self._second = 0

    def make(self, status: int, headers: Headers, length: int | None, *, keep_alive: bool) -> bytes:
        """Return the head of an answer whose body has `length` bytes, or comes in chunks if None
        (RFC 9112, section 7.1).

        Raises:
            UsageError: a header has a control character.
        """
        starts = self._starts
        second = int(time.time())
        if second != self._second or len(starts) >= KEPT_STARTS:
            starts.clear()
            self._second = second
        kind = status, tuple(headers)
        head = starts.get(kind)
        if head is None:
            head = _STATUS_LINES[status] + header_lines(headers) + self.date_line()
            starts[kind] = head
        if not keep_alive:
            head += b"Connection: close\r\n"
        if length is None:
            return head + b"Transfer-Encoding: chunked\r\n\r\n"
        if status in _WITHOUT_LENGTH:
            return head + b"\r\n"
        return head + b"Content-Length: %d\r\n\r\n" % length

    def refusal(self, status: int, reason: str) -> bytes:
        """Return a whole answer that tells the reason, after which the connection closes."""
        body = reason.encode()
        headers = (("Content-Type", "text/plain; charset=utf-8"),)
        return self.make(status, headers, len(body), keep_alive=False) + body

    def date_line(self) -> bytes:
        """Return the line of the `Date` header (RFC 9110, section 6.6.1)."""
        return f"Date: {http_date(self._second)}\r\n".encode()


def header_lines(headers: Headers) -> bytes:
    """Return the lines of an answer's headers.

    Raises:
        UsageError: a name or value has a control character that ends a line.
    """
    check_headers(headers)
    return "".join([f"{name}: {value}\r\n" for name, value in headers]).encode("latin-1", "replace")

"""What HTTP/1.1 says, read strictly and written plainly: the judge of the differential test.

It shares nothing with the server, reads a finished byte string, and refuses whatever two readers
could understand in two ways: RFC 9112 without any of its leniency, and without trailers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
ABSOLUTE = re.compile(rb"http://[^/?#]+(.*)", re.IGNORECASE)
REQUEST_LINE = re.compile(rb"(" + TOKEN + rb") ([\x21-\x7e]+) HTTP/1\.([01])")
FIELD = re.compile(
    rb"(" + TOKEN + rb"):[ \t]*((?:[\x21-\x7e\x80-\xff](?:[ \t]*[\x21-\x7e\x80-\xff])*)?)[ \t]*"
)
CHUNK = re.compile(rb"([0-9A-Fa-f]{1,15})(?:;[\t\x20-\x7e\x80-\xff]*)?")
LENGTH = re.compile(rb"[0-9]{1,16}")

OPEN_ENDED, REFUSED, INCOMPLETE = "open-ended", "refused", "incomplete"


class Refused(Exception):
    """These bytes are no request."""


class Incomplete(Exception):
    """More bytes are needed."""


@dataclass(frozen=True)
class Reading:
    """The whole requests in some bytes as (method, target, body), and what comes after them."""

    requests: list[tuple[bytes, bytes, bytes]]
    end: str


def read(data: bytes) -> Reading:
    """Read requests until the bytes end, are too few, or are none."""
    requests: list[tuple[bytes, bytes, bytes]] = []
    place = 0
    while place < len(data):
        try:
            request, place = _request(data, place)
        except Refused:
            return Reading(requests, REFUSED)
        except Incomplete:
            return Reading(requests, INCOMPLETE)
        requests.append(request)
    return Reading(requests, OPEN_ENDED)


def _line(data: bytes, place: int) -> tuple[bytes, int]:
    end = data.find(b"\r\n", place)
    if end == -1:
        raise Incomplete
    return data[place:end], end + 2


def _request(data: bytes, place: int) -> tuple[tuple[bytes, bytes, bytes], int]:
    line, place = _line(data, place)
    if not line:
        # An empty line before a request is to be ignored (RFC 9112, section 2.2).
        line, place = _line(data, place)
    start = REQUEST_LINE.fullmatch(line)
    if start is None:
        raise Refused
    fields: list[tuple[bytes, bytes]] = []
    while True:
        line, place = _line(data, place)
        if not line:
            break
        field = FIELD.fullmatch(line)
        if field is None:
            raise Refused
        fields.append((field[1].lower(), field[2]))
    body, place = _body(data, place, fields, recent=start[3] == b"1")
    absolute = ABSOLUTE.fullmatch(start[2])
    if absolute is None:
        return (start[1], start[2], body), place
    # The absolute form names the same resource as its path (RFC 9112, section 3.2.2).
    return (start[1], b"/" + absolute[1].removeprefix(b"/"), body), place


def _body(
    data: bytes, place: int, fields: list[tuple[bytes, bytes]], *, recent: bool
) -> tuple[bytes, int]:
    def values(name: bytes) -> list[bytes]:
        return [value for key, value in fields if key == name]

    hosts, lengths, codings = (
        values(b"host"),
        values(b"content-length"),
        values(b"transfer-encoding"),
    )
    if len(hosts) > 1 or (recent and not hosts):
        raise Refused
    if codings:
        if lengths or len(codings) > 1 or codings[0].lower() != b"chunked" or not recent:
            raise Refused
        return _chunks(data, place)
    if not lengths:
        return b"", place
    if len(lengths) > 1 or LENGTH.fullmatch(lengths[0]) is None:
        raise Refused
    end = place + int(lengths[0])
    if end > len(data):
        raise Incomplete
    return data[place:end], end


def _chunks(data: bytes, place: int) -> tuple[bytes, int]:
    body = b""
    while True:
        line, place = _line(data, place)
        chunk = CHUNK.fullmatch(line)
        if chunk is None:
            raise Refused
        size = int(chunk[1], 16)
        if place + size + 2 > len(data):
            raise Incomplete
        if data[place + size : place + size + 2] != b"\r\n":
            raise Refused
        body += data[place : place + size]
        place += size + 2
        if size == 0:
            return body, place

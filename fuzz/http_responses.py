"""HTTP answers as the client reads them (engineio_min/client/http.py).

An input is what a server sends after one request; then it closes the connection.

Invariants:
- The request ends, with an answer or ConnectionFailed, and nothing else is raised.
- The answer, what belongs to the WebSocket after a 101, the cookies, and whether another request
  may follow are the same however the bytes are split into reads.
- An answer stays within the limits, and is read as the same when it is written plainly.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import NamedTuple

from engineio_min.client.address import Address
from engineio_min.client.http import MAX_HEADERS, HttpClient, HttpClientConnection, HttpResponse
from engineio_min.errors import ConnectionFailed
from fuzz.loop import run
from fuzz.reads import readings
from tests.hostile.memory import MemoryTransport

MAX_BODY = 64

OK = b"HTTP/1.1 200 OK\r\n"
SEEDS = (
    OK + b"Content-Length: 5\r\n\r\n4abcd",
    OK + b"Content-Length: 0\r\nKeep-Alive: timeout=5\r\n\r\n",
    OK + b"Content-Length: 65\r\n\r\n" + b"4" * 65,
    OK + b"Transfer-Encoding: chunked\r\n\r\n2;a=b\r\n4a\r\n3\r\nbcd\r\n0\r\nX: y\r\n\r\n",
    OK + b"Connection: close\r\n\r\n4until the end",
    OK + b"Content-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx",
    OK + b"Set-Cookie: a=b; Path=/; HttpOnly\r\nSet-Cookie: c=d; Max-Age=0\r\n"
    b"X: 1\r\nx: \xe9\r\nContent-Length: 2\r\n\r\nok",
    b"HTTP/1.0 400 Bad\r\n\r\n" + b'{"code":1,"message":"Session ID unknown"}',
    b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + OK + b"Content-Length: 1\r\n\r\n6",
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n\x81\x014",
    b"HTTP/1.1 204 No Content\r\n\r\n",
    b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n",
    OK + b"Content-Length: 1\r\n\r\n6" + OK + b"Content-Length: 1\r\n\r\n6",
    OK + b"Content-Length: 1\r\n\r\n6" + OK + b"Set-Cookie: a=b\r\nX: y\r\n\r\n",
    OK + b"Set-Cookie: a=b\r\nX\r\n\r\n",
    OK + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    OK + b"Content-Length: 1\n\n6",
    b"ICY 200 OK\r\n\r\n",
)


class Outcome(NamedTuple):
    """An answer or None, what came after a 101, the cookies, whether the connection is reusable."""

    response: HttpResponse | None
    rest: bytes
    cookies: str
    reusable: bool


class Rest(asyncio.Protocol):
    """What takes over after a 101."""

    def __init__(self) -> None:
        self.data = b""

    def data_received(self, data: bytes) -> None:
        self.data += data


async def outcome(pieces: Iterable[bytes]) -> Outcome:
    """Return what the client makes of these reads and the end of the connection."""
    address = Address(False, "a", 80, "/", "")
    client = HttpClient(address, ssl=None, headers={}, max_body=MAX_BODY)
    connection = HttpClientConnection(client)
    transport = MemoryTransport(connection)
    request = asyncio.ensure_future(connection.exchange(b""))
    # The request is on its way.
    await asyncio.sleep(0)
    for piece in pieces:
        if not transport.is_closing():
            transport.receive(piece)
    reusable = connection.reusable
    rest = Rest()
    if request_is_upgraded(transport):
        rest.data = connection.release(rest)
        transport.resume_reading()
    transport.lose()
    try:
        response = await request
    except ConnectionFailed:
        response = None
    connection.connection_lost(None)
    assert not client.connections
    # An answer that fails ends the session, and its cookies with it.
    cookies = client.cookies.header(0.0) if response is not None else ""
    return Outcome(response, rest.data, cookies, reusable)


def request_is_upgraded(transport: MemoryTransport) -> bool:
    """Return whether the client stopped reading for the WebSocket to read on."""
    return not transport.is_reading() and not transport.is_closing()


def check(data: bytes) -> None:
    """Hold the bytes of one answer against the invariants."""
    run(check_in_loop(data))


async def check_in_loop(data: bytes) -> None:
    whole = await outcome([data])
    for pieces in readings(data):
        assert await outcome(pieces) == whole, (pieces, await outcome(pieces), whole)
    response = whole.response
    if response is None:
        return
    assert len(response.body) <= MAX_BODY
    assert len(response.headers) <= MAX_HEADERS
    lines = b"".join(
        f"{name}: {value}\r\n".encode("latin-1")
        for name, value in response.headers.items()
        if name not in ("content-length", "transfer-encoding")
    )
    if response.status >= 200 and response.status not in (204, 304):
        length = b"Content-Length: %d\r\n" % len(response.body)
        plain = b"HTTP/1.1 %d OK\r\n%b%b\r\n%b" % (response.status, lines, length, response.body)
        again = (await outcome([plain])).response
        assert again is not None, plain
        assert (again.status, again.body) == (response.status, response.body)
        assert without_framing(again) == without_framing(response)


def without_framing(response: HttpResponse) -> dict[str, str]:
    """Return the headers that do not say where the body ends."""
    framing = ("content-length", "transfer-encoding")
    return {name: value for name, value in response.headers.items() if name not in framing}

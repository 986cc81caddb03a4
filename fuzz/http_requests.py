"""HTTP requests as the server reads them (engineio_min/http.py).

Invariants:
- Nothing is raised, whatever comes on a connection.
- The requests that are read, all that is answered, and whether the connection ends are the same
  however the bytes are split into reads; but of several faults of one request, which one its
  refusal names is not.
- No request is read that a strict reading of the standard does not, but for two known liberties.
- A request that was read is read as the same when it is written plainly.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable
from typing import NamedTuple

from engineio_min.budget import Budget
from engineio_min.http import HttpConnection
from engineio_min.http_exchange import HttpExchange
from engineio_min.http_server import HttpServer
from engineio_min.timer import Timer
from fuzz.loop import run
from fuzz.reads import readings
from tests.hostile.memory import MemoryTransport
from tests.hostile.strict_http import read

MAX_BODY = 64

GET = b"GET /engine.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: a\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\n"
SEEDS = (
    GET + b"\r\n",
    GET + b"Cookie: a=b; c=d\r\nCookie: e\r\nAccept: */*\r\n\r\n" + GET + b"\r\n",
    POST + b"Content-Length: 5\r\n\r\n4abcd" + GET + b"\r\n",
    POST + b"Content-Length: 65\r\n\r\n" + b"4" * 65,
    POST
    + b"Transfer-Encoding: chunked\r\n\r\n2;a=b\r\n4a\r\n3\r\nbcd\r\n0\r\n\r\n"
    + GET
    + b"\r\n",
    POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\nX: y\r\n\r\n",
    POST + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    POST + b"Content-Length: 5, 5\r\n\r\n4abcd",
    POST + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n4a",
    b"HEAD /\xe9 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    GET + b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n\x81\x80abcd",
    GET + b"X: y\n\r\n",
    GET + b"Host: b\r\nX\xff: y\r\n\r\n",
    b"\r\nGET / HTTP/1.1\r\nhost:\ta \r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n",
)

# llhttp skips line breaks before a request and surplus spaces after its method. Both are before any
# framing, and no reader takes them for a request.
LIBERTIES = re.compile(rb"(?:\A|\n)[\r\n]*\n|[A-Z-] {2}")

# The refusal of a request that cannot be read, always the last answer; 413 is the application's.
REFUSAL = re.compile(rb"HTTP/1\.1 (?!413)[45]\d\d .*", re.DOTALL)

Request = tuple[bytes, bytes, bytes]


class Outcome(NamedTuple):
    """Requests as (method, target, body), all that is answered, whether the connection ends."""

    requests: list[Request]
    answered: bytes
    ended: bool


class RecordingServer(HttpServer):
    """An HTTP server whose application reads every body and answers 200; its clock stands still."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self.loop = loop
        self.timer = Timer(loop)
        self.requests: list[Request] = []

    def handle(self, exchange: HttpExchange) -> None:
        def done(body: bytes | None) -> None:
            if body is None:
                exchange.respond(413, (), b"")
                return
            request = exchange.request
            # As it came: a "?" without a query is part of it.
            target = request.path + ("?" + request.query_string if request.query_string else "")
            self.requests.append((request.method.encode(), target.encode("latin-1"), body))
            exchange.respond(200, (), b"ok")

        exchange.read_body(MAX_BODY, done, Budget(MAX_BODY))

    def date_line(self) -> bytes:
        return b""


def outcome(loop: asyncio.AbstractEventLoop, pieces: Iterable[bytes]) -> Outcome:
    """What the server makes of these reads."""
    server = RecordingServer(loop)
    transport = MemoryTransport(HttpConnection(server))
    for piece in pieces:
        transport.receive(piece)
    ended = transport.ended
    transport.lose()
    server.timer.cancel()
    assert not server.connections
    return Outcome(server.requests, REFUSAL.sub(b"refused", bytes(transport.sent)), ended)


def check(data: bytes) -> None:
    """Hold the bytes of one connection against the invariants."""
    run(check_in_loop(data))


async def check_in_loop(data: bytes) -> None:
    loop = asyncio.get_running_loop()
    whole = outcome(loop, [data])
    for pieces in readings(data):
        assert outcome(loop, pieces) == whole, (outcome(loop, pieces), whole)
    if LIBERTIES.search(data) is None:
        strict = read(data)
        assert whole.requests == strict.requests[: len(whole.requests)], (whole, strict)
    for method, target, body in whole.requests:
        if method != b"CONNECT":
            plain = b"%b %b HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%b"
            again = outcome(loop, [plain % (method, target, len(body), body)])
            assert again.requests == [(method, target, body)], again

"""HTTP requests as the server reads them (engineio_min/http/connection.py).

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

from fuzz.loop import run
from fuzz.reads import readings
from tests.hostile.http_recorder import Outcome, outcome
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


def read_by_server(loop: asyncio.AbstractEventLoop, pieces: Iterable[bytes]) -> Outcome:
    """Return what the server makes of these reads."""
    found = outcome(loop, pieces, MAX_BODY)
    return found._replace(answered=REFUSAL.sub(b"refused", found.answered))


def check(data: bytes) -> None:
    """Hold the bytes of one connection against the invariants."""
    run(check_in_loop(data))


async def check_in_loop(data: bytes) -> None:
    loop = asyncio.get_running_loop()
    whole = read_by_server(loop, [data])
    for pieces in readings(data):
        assert read_by_server(loop, pieces) == whole, (read_by_server(loop, pieces), whole)
    if LIBERTIES.search(data) is None:
        strict = read(data)
        assert whole.requests == strict.requests[: len(whole.requests)], (whole, strict)
    for method, target, body in whole.requests:
        if method != b"CONNECT":
            plain = b"%b %b HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%b"
            again = read_by_server(loop, [plain % (method, target, len(body), body)])
            assert again.requests == [(method, target, body)], again

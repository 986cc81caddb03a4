"""Requests that two readers may understand differently: hand-written pieces and combinations.

A second request stands in, behind or half inside a body, so that a mistake about where a body ends
makes one request of two, or two of one.
"""

from __future__ import annotations

import itertools

SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"

LENGTHS = [
    b"Content-Length: 5",
    b"Content-Length: 0",
    b"Content-Length: 05",
    b"Content-Length: +5",
    b"Content-Length: -0",
    b"Content-Length: 5, 5",
    b"Content-Length: 5\r\nContent-Length: 0",
    b"Content-Length: 5\r\nContent-Length: 5",
    b"Content-Length:\t5",
    b"Content-Length : 5",
    b"Content-Length: 5 5",
    b"Content-Length: 0x5",
    b"Content-Length: 5;",
    b"Content-Length:",
    b"Content-Length: 99999999999999999999",
    b"Content-Length\x00: 5",
    b"Content_Length: 5",
    b" Content-Length: 5",
]
CODINGS = [
    b"Transfer-Encoding: chunked",
    b"Transfer-Encoding: CHUNKED",
    b"Transfer-Encoding:chunked",
    b"Transfer-Encoding:\tchunked\t",
    b"Transfer-Encoding : chunked",
    b"Transfer-Encoding: xchunked",
    b"Transfer-Encoding: chunked, identity",
    b"Transfer-Encoding: identity, chunked",
    b"Transfer-Encoding: gzip, chunked",
    b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
    b"Transfer-Encoding: identity\r\nTransfer-Encoding: chunked",
    b"Transfer-Encoding:\r\n chunked",
    b"Transfer-Encoding: \x0bchunked",
    b"Transfer-Encoding: chunked\x00",
    b"Transfer-Encoding: 'chunked'",
    b"Transfer-Encoding: chunked;q=1",
    b"Transfer-Encoding: ,chunked",
    b"X: y\rTransfer-Encoding: chunked",
    b"X: y\nTransfer-Encoding: chunked",
    b"Transfer_Encoding: chunked",
    b"Transfer-Encoding",
    b"TE: chunked",
]
CHUNKS = [
    b"5\r\n4abcd\r\n0\r\n\r\n",
    b"5;a=b\r\n4abcd\r\n0\r\n\r\n",
    b"5 \r\n4abcd\r\n0\r\n\r\n",
    b" 5\r\n4abcd\r\n0\r\n\r\n",
    b"+5\r\n4abcd\r\n0\r\n\r\n",
    b"0x5\r\n4abcd\r\n0\r\n\r\n",
    b"5\n4abcd\r\n0\r\n\r\n",
    b"5\r4abcd\r\n0\r\n\r\n",
    b"5;a\n4abcd\r\n0\r\n\r\n",
    b"5;a\r4abcd\r\n0\r\n\r\n",
    b"5;\x00\r\n4abcd\r\n0\r\n\r\n",
    b"5\r\n4abcdXX0\r\n\r\n",
    b"5\r\n4abcd\n0\r\n\r\n",
    b"5\r\n4abcd0\r\n\r\n",
    b"5\r\n4abcd\r\n0\r\nContent-Length: 9\r\n\r\n",
    b"5\r\n4abcd\r\n0\r\nX: y\r\n\r\n",
    b"5\r\n4abcd\r\n0\n\n",
    b"5\r\n4abcd\r\n0;x\r\n\r\n",
    b"5\r\n4abcd\r\n00000\r\n\r\n",
    b"0005\r\n4abcd\r\n0\r\n\r\n",
    b"FFFFFFFFFFFFFFFFF\r\n4abcd\r\n0\r\n\r\n",
    b"10000000000000005\r\n4abcd\r\n0\r\n\r\n",
    b"5_\r\n4abcd\r\n0\r\n\r\n",
    b"\r\n4abcd\r\n0\r\n\r\n",
    b"-5\r\n4abcd\r\n0\r\n\r\n",
    b"5\r\n4abcd\r\n",
]
LINES = [
    b"GET / HTTP/1.1",
    b"HEAD / HTTP/1.1",
    b"OPTIONS * HTTP/1.1",
    b"GET  / HTTP/1.1",
    b"GET /\tHTTP/1.1",
    b"GET / HTTP/1.1 ",
    b" GET / HTTP/1.1",
    b"GET / HTTP/1.2",
    b"GET / HTTP/2.0",
    b"GET / HTTP/0.9",
    b"GET / http/1.1",
    b"GET / HTTP/01.1",
    b"GET /",
    b"GET /a b HTTP/1.1",
    b"GET /\x00 HTTP/1.1",
    b"GET /\xe9 HTTP/1.1",
    b"G\x00T / HTTP/1.1",
    b"get / HTTP/1.1",
    b"GET http://a/ HTTP/1.1",
    b"GET //a/ HTTP/1.1",
    b"GET a HTTP/1.1",
    b"GET ? HTTP/1.1",
    b"\r\nGET / HTTP/1.1",
    b"\nGET / HTTP/1.1",
    b"GET / HTTP/1.1\r",
    b"GET /#a HTTP/1.1",
]
FIELDS = [
    b"Host: a",
    b"Host: a\r\nHost: b",
    b"Host: a\r\nHost: a",
    b"Host:",
    b"Host : a",
    b"X: 1",
    b"Host: a b",
    b"Host: a\r\n b",
    b"Host: a\x00",
    b"Host: a\rX: 1",
    b"Host: a\nX: 1",
    b"Host: a\r\n: 1",
    b"Host: a\r\nX",
    b"Host: a\r\nX Y: 1",
    b"Host: a\r\nX\xe9: 1",
    b"Host: a\r\nX: \x7f",
    b"Host: a\r\nX: \xe9",
    b"Host: a\r\nConnection: close",
    b"Host: a\r\nConnection: keep-alive, close",
    b"Host: a\r\nUpgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AA",
    b"Host: a\r\nExpect: 100-continue",
    b"Host: a\r\nExpect: 200",
]


def post(headers: bytes, body: bytes) -> bytes:
    return b"POST / HTTP/1.1\r\nHost: a\r\n" + headers + b"\r\n\r\n" + body


def corpus() -> list[bytes]:
    """All requests, each followed by another one."""
    chunked = CHUNKS[0]
    requests = [post(length, b"4abcd") for length in LENGTHS]
    requests += [post(coding, chunked) for coding in CODINGS]
    requests += [post(b"Transfer-Encoding: chunked", chunks) for chunks in CHUNKS]
    requests += [line + b"\r\nHost: a\r\n\r\n" for line in LINES]
    requests += [b"GET / HTTP/1.1\r\n" + fields + b"\r\n\r\n" for fields in FIELDS]
    # A length and a coding, both ways round: who believes which?
    for length, coding in itertools.product(LENGTHS[:9], CODINGS):
        requests.append(post(length + b"\r\n" + coding, chunked))
        requests.append(post(coding + b"\r\n" + length, b"0\r\n\r\n"))
    requests += [post(b"Content-Length: 0", b""), post(b"X: y", b"")]
    requests += [request.replace(b"HTTP/1.1", b"HTTP/1.0") for request in requests[:30]]
    return list(dict.fromkeys(request + SMUGGLED for request in requests))

"""Requests that two parsers could read differently, and the limits on heads and chunks.

What two parsers could read differently is refused and the connection closed, so that nothing behind
it is ever taken for a request.
"""

from __future__ import annotations

import asyncio

import pytest

from engineio_min import HttpServer, Request, Response
from tests.engineio_min.harness import (
    POLLING,
    Harness,
    serving,
)
from tests.engineio_min.http.requests import get, refused
from tests.engineio_min.wire import connect, encode_request


def post(headers: str, body: bytes = b"") -> bytes:
    """A POST for a session that is not known: answered 400 with code 1 if it can be read at all."""
    return f"POST {POLLING}&sid=x HTTP/1.1\r\nHost: a\r\n{headers}\r\n".encode("latin-1") + body


# --- what is no request, or two


@pytest.mark.parametrize(
    "data",
    [
        # Two lengths, or a length and chunks (H01 to H03).
        post("Content-Length: 2\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n"),
        post("Transfer-Encoding: chunked\r\nContent-Length: 2\r\n", b"0\r\n\r\n"),
        post("Content-Length: 2\r\nContent-Length: 3\r\n", b"4a"),
        post("Content-Length: 2\r\nContent-Length: 2\r\n", b"4a"),
        post("Content-Length: 2, 2\r\n", b"4a"),
        # Lengths that int() would take (H04, H05).
        *[
            post(f"Content-Length: {length}\r\n", b"4a")
            for length in (
                "+2",
                "-1",
                "0x2",
                "0_2",
                "1e1",
                "2 2",
                "",
                "\xb2",
                "2;",
                "18446744073709551616",
            )
        ],
        post("Content-Length: " + "9" * 17 + "\r\n"),
        post("Content-Length: " + "9" * 5_000 + "\r\n"),
        # Spelling of headers (H09, H17, H18).
        post("Transfer-Encoding : chunked\r\n", b"0\r\n\r\n"),
        get("X-A: 1\r\n folded\r\n"),
        get("X-A\r\n"),
        get(": 1\r\n"),
        get("X A: 1\r\n"),
        get("X-A\x01: 1\r\n"),
        get("X-\xe9: 1\r\n"),
        get("X-A: 1\x002\r\n"),
        get("X-A: 1\r2\r\n"),
        get(" X-A: 1\r\n"),
        get("").replace(b"\r\n", b"\n"),
        # Hosts (H19).
        get("", host=""),
        get("", host="Host: a\r\nHost: a\r\n"),
        get("", host="Host: a b\r\n"),
        get("Connection: Upgrade\r\nUpgrade: websocket\r\n", host="Host: a\r\nHost: a\r\n"),
        get("", host="Host: a@b\r\n"),
        get("", host="Host: a/c\r\n"),
        get("", host="Host: a?b\r\n"),
        get("", host="Host: \xe9\r\n"),
        # Request lines (H20, H37).
        get("", line=f"GET {POLLING} http/1.1"),
        get("", line=f"GET {POLLING} HTTP/01.1"),
        get("", line=f"GET {POLLING} HTTX/1.1"),
        get("", line=f"GET {POLLING}"),
        get("", line=f"get {POLLING} HTTP/1.1"),
        get("", line=f"G\xe9T {POLLING} HTTP/1.1"),
        get("", line=f"GET\t{POLLING} HTTP/1.1"),
        get("", line=f"BREW {POLLING} HTTP/1.1"),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 32,
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\0\0\0\0",
    ],
)
async def test_what_cannot_be_read_is_refused(harness: Harness, data: bytes) -> None:
    assert await refused(harness, data) in (400, 505)


async def test_the_host_of_every_request_is_checked(harness: Harness) -> None:
    """Also on a connection whose requests had a valid one so far."""
    wire = await harness.wire()
    target = f"{POLLING}&sid=x"
    assert (await wire.request("GET", target, {"Host": "a"})).json["code"] == 1
    assert (await wire.request("GET", target, {"Host": "a"})).json["code"] == 1
    response = await wire.request("GET", target, {"Host": "a@b"})
    assert (response.status, response.text) == (400, "got no valid Host header")


@pytest.mark.parametrize("version", ["2.0", "1.9", "0.9", "3.0"])
async def test_other_versions(harness: Harness, version: str) -> None:
    status = await refused(harness, get("", line=f"GET {POLLING} HTTP/{version}"))
    assert status in (400, 505)


@pytest.mark.parametrize(
    "coding",
    [
        "xchunked",
        "identity",
        '"chunked"',
        "chunked;a=b",
        "chunked, identity",
        "gzip",
        "gzip, chunked",
        "chunked, chunked",
        "\x0bchunked",
    ],
)
async def test_no_transfer_encoding_but_chunked(harness: Harness, coding: str) -> None:
    data = post(f"Transfer-Encoding: {coding}\r\n", b"2\r\n4a\r\n0\r\n\r\n")
    assert await refused(harness, data) in (400, 501)


async def test_chunked_is_written_once(harness: Harness) -> None:
    data = post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n")
    assert await refused(harness, data) in (400, 501)


async def test_no_chunks_in_http_1_0(harness: Harness) -> None:
    data = post("Transfer-Encoding: chunked\r\n", b"2\r\n4a\r\n0\r\n\r\n")
    assert await refused(harness, data.replace(b"HTTP/1.1", b"HTTP/1.0")) == 501


@pytest.mark.parametrize(("header", "status"), [
    ("Content-Encoding: gzip", 415), ("Content-Encoding: br", 415),
    ("Expect: foo", 417), ("Expect: 100-continue, foo", 417),
])  # fmt: skip
async def test_what_is_not_supported_is_refused(harness: Harness, header: str, status: int) -> None:
    assert await refused(harness, post(f"{header}\r\nContent-Length: 2\r\n", b"4a")) == status


# --- chunks


async def chunked(harness: Harness, body: bytes) -> tuple[int, list[str | bytes]]:
    """Post a chunked body; the status and what was received."""
    poller = await harness.poller()
    await poller.poster.send(
        encode_request("POST", poller.target, {"Transfer-Encoding": "chunked"}) + body
    )
    return (await poller.poster.response()).status, harness.received


@pytest.mark.parametrize(
    "body",
    [
        b"6\r\n4hello\r\n0\r\n\r\n",
        b"1\r\n4\r\n5\r\nhello\r\n0\r\n\r\n",
        b"006\r\n4hello\r\n000\r\n\r\n",
        b"6;name=value\r\n4hello\r\n0\r\n\r\n",
        b'6;name="a b"\r\n4hello\r\n0\r\n\r\n',
    ],
)
async def test_chunks(harness: Harness, body: bytes) -> None:
    assert await chunked(harness, body) == (200, ["hello"])


async def test_chunks_byte_by_byte(harness: Harness) -> None:
    poller = await harness.poller()
    request = encode_request("POST", poller.target, {"Transfer-Encoding": "chunked"})
    for byte in request + b"1\r\n4\r\n5\r\nhello\r\n0\r\n\r\n":
        await poller.poster.send(bytes([byte]))
        await asyncio.sleep(0)
    assert (await poller.poster.response()).text == "ok"
    assert harness.received == ["hello"]


@pytest.mark.parametrize(
    "body",
    [
        b"0x6\r\n4hello\r\n0\r\n\r\n",
        b"+6\r\n4hello\r\n0\r\n\r\n",
        b"-6\r\n4hello\r\n0\r\n\r\n",
        b"6_\r\n4hello\r\n0\r\n\r\n",
        b" 6\r\n4hello\r\n0\r\n\r\n",
        b"6 \r\n4hello\r\n0\r\n\r\n",
        b"\r\n4hello\r\n0\r\n\r\n",
        b"6\n4hello\r\n0\r\n\r\n",
        b"6\r4hello\r\n0\r\n\r\n",
        b"6;a\n=b\r\n4hello\r\n0\r\n\r\n",
        b"6;a\x00\r\n4hello\r\n0\r\n\r\n",
        b"6\r\n4helloXX0\r\n\r\n",
        b"6\r\n4hello\n0\r\n\r\n",
        b"6\r\n4hello0\r\n\r\n",
        b"11111111111111111\r\n4hello\r\n0\r\n\r\n",
        b"ffffffffffffffff1\r\n4hello\r\n0\r\n\r\n",
        b"6\r\n4hello\r\n0\r\nX-Trailer: 1\r\n\r\n",
        b"6\r\n4hello\r\n0\r\nContent-Length: 3\r\n\r\n",
        b"6\r\n4hello\r\n0\r\nHost: b\r\n\r\n",
        b"6\r\n4hello\r\n0\r\n: \r\n\r\n",
    ],
)
async def test_chunks_that_are_not_well_formed(harness: Harness, body: bytes) -> None:
    status, received = await chunked(harness, body)
    assert status == 400
    assert received == []
    assert harness.closed == ["transport error"]


@pytest.mark.parametrize(
    "piece",
    [b"6;" + b"x" * 10_000, b"0" * 10_000, b"6\r\n4hello\r\n0\r\nX-Trailer: " + b"x" * 10_000],
)
async def test_framing_costs_a_bounded_amount(harness: Harness, piece: bytes) -> None:
    """Extensions, leading zeros and trailers are no part of the body's limit."""
    poller = await harness.poller()
    await poller.poster.send(
        encode_request("POST", poller.target, {"Transfer-Encoding": "chunked"})
    )
    filler = b"0" if piece[:1] == b"0" else b"x"
    await poller.poster.send(piece)
    for _ in range(200):
        if poller.poster.reader._buffer:  # type: ignore[attr-defined]
            break
        await poller.poster.send(filler * 1_000)
        await asyncio.sleep(0)
    assert (await poller.poster.response()).status == 400
    assert harness.received == []


async def test_many_small_chunks_are_no_excess(harness: Harness) -> None:
    poller = await harness.poller()
    await poller.poster.send(
        encode_request("POST", poller.target, {"Transfer-Encoding": "chunked"})
    )
    for _ in range(20):
        await poller.poster.send(b"1\r\n4\r\n" * 2_000)
        await asyncio.sleep(0)
    await poller.poster.send(b"0\r\n\r\n")
    assert (await poller.poster.response()).text == "ok"
    assert harness.received == ["4" * 39_999]


# --- limits of the head


async def test_a_long_request_target(harness: Harness) -> None:
    target = POLLING + "&t=" + "x" * (8_192 - len(POLLING) - 3)
    assert (await harness.request("GET", target)).status == 200
    harness.connections.clear()
    assert await refused(harness, encode_request("GET", target + "x")) == 414


async def test_too_many_headers(harness: Harness) -> None:
    headers = {f"X-{number}": "1" for number in range(99)}
    assert (await harness.request("GET", POLLING, headers)).status == 200
    harness.connections.clear()
    assert await refused(harness, encode_request("GET", POLLING, {**headers, "X-A": "1"})) == 431


async def test_repeated_headers_count(harness: Harness) -> None:
    assert await refused(harness, get("A: b\r\n" * 2_000)) == 431


async def test_repeated_headers_are_joined(http: HttpServer) -> None:
    seen: list[str] = []

    def record(request: Request) -> Response:
        seen.append(request.headers["x-a"])
        return Response()

    http.route("/record", record)
    async with serving(http=http) as harness, connect(harness.port) as wire:
        await wire.send(get("X-A: 1\r\nx-a: 2\r\n", line="GET /record HTTP/1.1"))
        assert (await wire.response()).status == 200
    assert seen == ["1, 2"]


async def test_too_many_bytes_of_headers(harness: Harness) -> None:
    assert await refused(harness, get("X-A: " + "x" * 16_400 + "\r\n")) == 431


async def test_too_many_bytes_of_headers_in_many_reads(harness: Harness) -> None:
    async with connect(harness.port) as wire:
        await wire.send(f"GET {POLLING} HTTP/1.1\r\nHost: a\r\n".encode())
        for number in range(40):
            await wire.send(f"X-{number}: {'x' * 500}\r\n".encode())
            await asyncio.sleep(0)
        assert (await wire.response()).status == 431
        assert await wire.ended() == b""

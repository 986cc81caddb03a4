"""http.py over the wire: parsing, smuggling, limits, deadlines, keep-alive, plain routes.

The tables follow one rule: what two parsers could read differently is refused and the connection
closed, so that nothing behind it is ever taken for a request.
"""

from __future__ import annotations

import asyncio
import logging
import re
import socket
import ssl
import sys
from pathlib import Path
from typing import cast

import pytest

import engineio_min.http.server as http_module
from engineio_min import HttpLimits, HttpServer, Request, Response, Server, UsageError
from engineio_min.http.connection import HttpConnection
from tests.engineio_min.harness import (
    POLLING,
    WEBSOCKET,
    Clock,
    Harness,
    assert_refused,
    serving,
)
from tests.engineio_min.wire import HANDSHAKE, Wire, connect, encode_request
from tests.hostile.memory import MemoryTransport
from tests.waiting import until

GET = encode_request("GET", "/hello")

# A key and a certificate for "localhost", signed by itself and known to nobody else.
CERTIFICATE = Path(__file__).parents[1] / "localhost.pem"


def hello(request: Request) -> Response:
    return Response(200, b"hello", [("Content-Type", "text/plain"), ("X-Method", request.method)])


@pytest.fixture
def http() -> HttpServer:
    """A server with one route; serve it with `serving(http=http)`."""
    http = HttpServer()
    http.route("/hello", hello)
    return http


def post(headers: str, body: bytes = b"") -> bytes:
    """A POST for a session that is not known: answered 400 with code 1 if it can be read at all."""
    return f"POST {POLLING}&sid=x HTTP/1.1\r\nHost: a\r\n{headers}\r\n".encode("latin-1") + body


def get(headers: str, *, line: str = f"GET {POLLING} HTTP/1.1", host: str = "Host: a\r\n") -> bytes:
    return f"{line}\r\n{host}{headers}\r\n".encode("latin-1")


async def refused(harness: Harness, data: bytes) -> int:
    """Send what cannot be served; the status of the answer, after which the connection ends."""
    async with connect(harness.port) as wire:
        await wire.send(data)
        response = await wire.response()
        assert response.headers["connection"] == "close"
        assert response.headers["content-type"] == "text/plain; charset=utf-8"
        assert await wire.ended() == b""
    assert harness.connections == []
    return response.status


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


# --- deadlines


async def test_a_connection_that_says_nothing_is_closed(harness: Harness, clock: Clock) -> None:
    wire = await harness.wire()
    await until(lambda: harness.server.http.connections)
    await clock.advance(9)
    assert harness.server.http.connections
    await clock.advance(2)
    assert await wire.ended() == b""


async def test_slow_headers(harness: Harness, clock: Clock) -> None:
    """The time runs from the first byte; more bytes do not prolong it."""
    wire = await harness.wire()
    for byte in b"GET / HTTP/1.1":
        await wire.send(bytes([byte]))
        for _ in range(3):
            await asyncio.sleep(0)
        await clock.advance(0.8)
    assert (await wire.response()).status == 408
    assert await wire.ended() == b""


async def test_a_slow_body_ends_the_session(harness: Harness, clock: Clock) -> None:
    poller = await harness.poller()
    await poller.poster.send(encode_request("POST", poller.target, {"Content-Length": "100"}))
    for _ in range(31):
        await poller.poster.send(b"4")
        for _ in range(3):
            await asyncio.sleep(0)
        await clock.advance(1)
    assert (await poller.poster.response()).status == 408
    assert await poller.poster.ended() == b""
    assert harness.closed == ["transport error"]
    assert harness.received == []


async def test_an_idle_connection_is_kept_for_a_while(harness: Harness, clock: Clock) -> None:
    wire = await harness.wire()
    assert (await wire.request("GET", POLLING)).status == 200
    await clock.advance(70)
    assert (await wire.request("GET", POLLING)).status == 200
    await clock.advance(80)
    assert await wire.ended() == b""


async def test_a_second_request_has_its_own_header_deadline(harness: Harness, clock: Clock) -> None:
    wire = await harness.wire()
    assert (await wire.request("GET", POLLING)).status == 200
    await wire.send(b"GET ")
    for _ in range(5):
        await asyncio.sleep(0)
    await clock.advance(11)
    assert (await wire.response()).status == 408


async def test_a_parked_poll_has_no_http_deadline(clock: Clock) -> None:
    async with serving(ping_interval=1000) as harness:
        poller = await harness.poller()
        await poller.park()
        await clock.advance(900)
        harness.connection.send("late")
        assert (await poller.getter.response()).text == "4late"


async def test_limits_can_be_set(clock: Clock) -> None:
    limits = HttpLimits(header_timeout=1, keep_alive_timeout=2, header_count=3, request_line=50)
    async with serving(http=HttpServer(limits)) as harness:
        assert await refused(harness, get("A: 1\r\nB: 1\r\nC: 1\r\n")) == 431
        assert await refused(harness, encode_request("GET", "/" + "x" * 50)) == 414
        wire = await harness.wire()
        assert (await wire.request("GET", POLLING)).status == 200
        await clock.advance(3)
        assert await wire.ended() == b""
        silent = await harness.wire()
        await until(lambda: harness.server.http.connections)
        await clock.advance(1.5)
        assert await silent.ended() == b""


# --- readers that are slow


async def stalled(http: HttpServer) -> asyncio.Transport:
    """The server's end of the connection, once the peer has taken all it can."""
    await until(lambda: any(one.get_write_buffer_size() for one in http.connections))
    for _ in range(50):
        await asyncio.sleep(0)
    (transport,) = http.connections
    return transport


def large(_request: Request) -> Response:
    return Response(200, b"x" * 8_000_000)


@pytest.mark.parametrize("headers", [{}, {"Connection": "close"}])
async def test_a_peer_that_does_not_read_is_dropped(
    http: HttpServer, clock: Clock, headers: dict[str, str]
) -> None:
    http.route("/large", large)
    async with serving(http=http) as harness:
        wire = await harness.wire(receive_buffer=4_096)
        await wire.send(encode_request("GET", "/large", headers))
        await stalled(http)
        await clock.advance(19)
        assert http.connections
        # What the peer's kernel took at first was progress.
        await clock.advance(2)
        await clock.advance(20)
        await until(lambda: not http.connections)


@pytest.mark.parametrize("headers", [{}, {"Connection": "close"}])
async def test_a_peer_that_reads_slowly_gets_it_all(
    http: HttpServer, clock: Clock, headers: dict[str, str]
) -> None:
    """As long as something is read in each `write_timeout` the answer goes on."""
    http.route("/large", large)
    async with serving(http=http) as harness:
        wire = await harness.wire(receive_buffer=4_096)
        await wire.send(encode_request("GET", "/large", headers))
        transport = await stalled(http)
        response = await wire.response(head=True)
        received = 0
        for _ in range(8):
            before = transport.get_write_buffer_size()
            while received < 7_000_000 and transport.get_write_buffer_size() == before:
                received += len(await wire.reader.read(65_536))
            await clock.advance(19)
        length = int(response.headers["content-length"])
        assert length == 8_000_000
        await wire.reader.readexactly(length - received)
        if headers:
            assert await wire.ended() == b""
        else:
            assert (await wire.request("GET", "/hello")).text == "hello"


async def short_of_room(harness: Harness) -> tuple[Wire, asyncio.Transport]:
    """A connection whose kernel buffers hold little, and the server's end of it."""
    wire = await harness.wire(receive_buffer=4_096)
    await until(lambda: harness.server.http.connections)
    (transport,) = harness.server.http.connections
    sock = transport.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_096)
    return wire, transport


@pytest.mark.parametrize(
    ("begun", "patience"),
    [(b"", 75), (b"GET / HT", 10), (b"POST /engine.io/ HTTP/1.1\r\nHost: a\r\n", 10)],
)
async def test_a_peer_that_stops_reading_near_the_end_is_dropped(
    http: HttpServer, clock: Clock, begun: bytes, patience: int
) -> None:
    """It once read slowly; what it owes now is a request, and that has its own time."""
    http.route("/large", lambda _request: Response(200, b"x" * 300_000))
    async with serving(http=http) as harness:
        wire, transport = await short_of_room(harness)
        await wire.send(encode_request("GET", "/large"))
        await stalled(http)
        # From here on the server reads again.
        while transport.get_write_buffer_size() > 16_384:
            await wire.reader.read(1_024)
            await asyncio.sleep(0)
        assert transport.get_write_buffer_size() > 0
        await wire.send(begun)
        for _ in range(10):
            await asyncio.sleep(0)
        await clock.advance(patience - 1)
        assert http.connections
        await clock.advance(2)
        await until(lambda: not http.connections)


async def test_a_peer_that_leaves_half_without_reading_is_dropped(
    http: HttpServer, clock: Clock
) -> None:
    """An answer that is the last cannot leave either."""
    answer = asyncio.Event()

    async def later(_request: Request) -> Response:
        await answer.wait()
        return Response(200, b"late")

    http.route("/some", lambda _request: Response(200, b"x" * 40_000))
    http.route("/later", later)
    async with serving(http=http) as harness:
        wire, transport = await short_of_room(harness)
        last = encode_request("GET", "/later", {"Connection": "close"})
        await wire.send(encode_request("GET", "/some") + last)
        await stalled(http)
        wire.writer.write_eof()
        await until(transport.is_closing)
        answer.set()
        await until(lambda: not http._tasks)
        await clock.advance(19)
        assert http.connections
        await clock.advance(2)
        await until(lambda: not http.connections)


async def test_a_websocket_that_begins_behind_an_unread_answer(
    http: HttpServer, clock: Clock
) -> None:
    """Its own answer finds no room; what the HTTP connection would do then is not its affair."""
    http.route("/some", lambda _request: Response(200, b"x" * 40_000))
    async with serving(http=http) as harness:
        wire, transport = await short_of_room(harness)
        await wire.send(encode_request("GET", "/some"))
        await stalled(http)
        room = transport.get_write_buffer_limits()[1] - transport.get_write_buffer_size()
        transport.write(b"y" * room)
        await wire.send(encode_request("GET", WEBSOCKET, HANDSHAKE))
        await until(lambda: harness.connections)
        assert not harness.connection.session.waiting
        assert len((await wire.response()).body) == 40_000
        await wire.reader.readexactly(room)
        assert (await wire.response()).status == 101
        assert str(await wire.packet())[:1] == "0"
        await until(lambda: harness.connection.session.waiting)
        await clock.advance(24)
        await wire.send_packet("4a")
        assert await wire.packet() == "4a"


async def test_a_peer_that_does_not_read_is_not_read_either(http: HttpServer) -> None:
    """Requests behind an answer that does not leave wait outside, not as answers in memory."""
    http.route("/large", large)
    async with serving(http=http) as harness:
        wire = await harness.wire(receive_buffer=4_096)
        await wire.send(encode_request("GET", "/large") * 3)
        transport = await stalled(http)
        assert transport.get_write_buffer_size() <= 8_100_000
        for _ in range(3):
            assert len((await wire.response()).body) == 8_000_000


async def test_a_peer_that_ignores_the_end_is_dropped(harness: Harness, clock: Clock) -> None:
    wire = await harness.wire()
    await wire.send(b"nonsense\r\n\r\n")
    assert (await wire.response()).status == 400
    assert await wire.ended() == b""
    await wire.send(b"more")
    await clock.advance(0.5)
    assert harness.server.http.connections
    await clock.advance(1)
    await until(lambda: not harness.server.http.connections)


# --- keep-alive and pipelining


async def test_a_connection_is_kept_for_many_requests(harness: Harness) -> None:
    wire = await harness.wire()
    for _ in range(3):
        response = await wire.request("GET", POLLING)
        assert response.status == 200
        assert "connection" not in response.headers
        sid = response.json if response.body[:1] != b"0" else response.text
        assert sid
    assert len(harness.connections) == 3
    target = f"{POLLING}&sid={harness.connection.sid}"
    assert (await wire.request("POST", target, None, b"4a")).text == "ok"
    assert (await wire.request("GET", target)).text == "4a"
    assert_refused(await wire.request("GET", f"{POLLING}&sid=x"), 1)
    assert (await wire.request("GET", POLLING)).status == 200


@pytest.mark.parametrize(
    "data", [get("Connection: close\r\n"), get("").replace(b"HTTP/1.1", b"HTTP/1.0")]
)
async def test_a_connection_that_ends_after_the_answer(harness: Harness, data: bytes) -> None:
    wire = await harness.wire()
    await wire.send(data + data)
    response = await wire.response()
    assert response.status == 200
    assert response.headers["connection"] == "close"
    assert await wire.ended() == b""
    assert len(harness.connections) == 1


async def test_http_1_0_needs_no_host(harness: Harness) -> None:
    wire = await harness.wire()
    await wire.send(get("", line=f"GET {POLLING} HTTP/1.0", host=""))
    assert (await wire.response()).status == 200


async def test_three_handshakes_at_once(harness: Harness) -> None:
    wire = await harness.wire()
    await wire.send(get("") * 3)
    for number in range(3):
        response = await wire.response()
        assert response.status == 200
        assert harness.connections[number].sid in response.text


async def test_a_connection_has_one_request_answered_in_a_turn(harness: Harness) -> None:
    transport = MemoryTransport(HttpConnection(harness.server.http))
    transport.receive(get("") * 5)
    assert len(harness.connections) == 1
    assert not transport.is_reading()
    for number in range(2, 6):
        await asyncio.sleep(0)
        assert len(harness.connections) == number
    assert transport.is_reading()
    transport.receive(get("") * 18)
    # One is answered, sixteen wait, and one is too many.
    assert transport.ended
    assert len(harness.connections) == 6
    await asyncio.sleep(0)
    assert len(harness.connections) == 6
    transport.lose()


async def test_a_request_behind_a_parked_poll_waits_for_its_turn(harness: Harness) -> None:
    poller = await harness.poller()
    await poller.park()
    await poller.getter.send(
        encode_request("POST", poller.target, None, b"4behind") + encode_request("GET", POLLING)
    )
    for _ in range(20):
        await asyncio.sleep(0)
    assert harness.received == []
    harness.connection.send("now")
    assert (await poller.getter.response()).text == "4now"
    assert (await poller.getter.response()).text == "ok"
    assert harness.received == ["behind"]
    assert (await poller.getter.response()).status == 200


async def test_a_body_behind_a_parked_poll_comes_in_its_turn(
    harness: Harness, clock: Clock
) -> None:
    """What we do not read meanwhile is no delay of the peer's."""
    harness.echo = False
    poller = await harness.poller()
    await poller.park()
    request = encode_request("POST", poller.target, {"Content-Length": "7"})
    await poller.getter.send(request + b"4be")
    for _ in range(20):
        await asyncio.sleep(0)
    session = harness.connection.session
    for _ in range(2):
        await clock.advance(24)
        assert harness.closed == []
        if not session.waiting:
            break
    assert (await poller.getter.response()).text == "2"
    await poller.getter.send(b"hind")
    assert (await poller.getter.response()).text == "ok"
    assert harness.received == ["behind"]


async def test_half_a_body_behind_a_parked_poll_is_counted(harness: Harness) -> None:
    """It has come already when its turn comes, and more may never come."""
    poller = await harness.poller()
    await poller.park()
    request = encode_request("POST", poller.target, {"Content-Length": "7"})
    await poller.getter.send(request + b"4be")
    connections = harness.server.http.connections
    await until(lambda: any(not one.is_reading() for one in connections))
    harness.connection.send("hello")
    assert (await poller.getter.response()).text == "4hello"
    assert harness.server.budget.held == 3
    poller.getter.abort()
    await until(lambda: harness.closed)
    assert harness.server.budget.held == 0


async def test_half_a_body_that_is_too_much_for_all() -> None:
    """Its own connection goes when nobody holds more."""
    async with serving(max_half_received=100_000) as harness:
        poller = await harness.poller()
        transport = MemoryTransport(HttpConnection(harness.server.http))
        request = encode_request("POST", poller.target, {"Content-Length": "200000"})
        transport.receive(request + b"4" * 100_001)
        assert transport.sent.startswith(b"HTTP/1.1 413 ")
        assert harness.server.budget.held == 0
        transport.lose()


async def test_too_many_requests_behind_a_parked_poll(harness: Harness) -> None:
    poller = await harness.poller()
    await poller.park()
    await poller.getter.send(get("") * 17)
    assert await poller.getter.ended() == b""
    assert harness.closed == ["transport error"]
    assert len(harness.connections) == 1


async def test_sixteen_requests_behind_a_parked_poll(harness: Harness) -> None:
    poller = await harness.poller()
    await poller.park()
    await poller.getter.send(get("") * 16)
    for _ in range(20):
        await asyncio.sleep(0)
    harness.connection.send("now")
    for _ in range(17):
        assert (await poller.getter.response()).status == 200
    assert len(harness.connections) == 17


async def test_nonsense_behind_a_parked_poll_ends_both(harness: Harness) -> None:
    poller = await harness.poller()
    await poller.park()
    await poller.getter.send(b"nonsense\r\n\r\n")
    assert await poller.getter.ended() == b""
    assert harness.closed == ["transport error"]


async def test_the_body_of_a_get_is_never_a_request(harness: Harness) -> None:
    wire = await harness.wire()
    inner = get("")
    await wire.send(get(f"Content-Length: {len(inner)}\r\n") + inner + get(""))
    response = await wire.response()
    assert response.status == 200
    assert response.headers["connection"] == "close"
    assert await wire.ended() == b""
    assert len(harness.connections) == 1


async def test_the_body_of_a_parked_get_is_dropped(harness: Harness) -> None:
    poller = await harness.poller()
    await poller.getter.send(encode_request("GET", poller.target, {"Content-Length": "3000000"}))
    await until(lambda: harness.connection.session.waiting)
    exchange = harness.connection.carrier._parked  # type: ignore[attr-defined]
    await poller.getter.send(b"x" * 3_000_000)
    await until(lambda: exchange._connection._body_size == 3_000_000)
    assert len(exchange._body) == 0
    harness.connection.send("a")
    assert (await poller.getter.response()).text == "4a"


async def test_an_early_answer_closes_without_a_reset(harness: Harness) -> None:
    """The peer still sends its body: it must nevertheless get to read the answer."""
    wire = await harness.wire()
    data = b"x" * 2_000_000
    wire.writer.write(encode_request("POST", f"{POLLING}&sid=x", None, data))
    assert_refused(await wire.response(), 1)
    assert await wire.ended() == b""


@pytest.mark.parametrize("place", range(0, 90, 7))
async def test_a_reset_anywhere_in_a_request(
    harness: Harness, place: int, caplog: pytest.LogCaptureFixture
) -> None:
    wire = await harness.wire()
    await wire.send(encode_request("GET", POLLING)[:place])
    await until(lambda: harness.server.http.connections)
    sock: socket.socket = wire.writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    wire.abort()
    await until(lambda: not harness.server.http.connections)
    assert caplog.records == []


async def test_100_continue(harness: Harness) -> None:
    poller = await harness.poller()
    headers = {"Expect": "100-continue", "Content-Length": "6"}
    await poller.poster.send(encode_request("POST", poller.target, headers))
    assert (await poller.poster.response()).status == 100
    await poller.poster.send(b"4hello")
    assert (await poller.poster.response()).text == "ok"


async def test_no_100_for_a_body_that_is_refused(harness: Harness) -> None:
    poller = await harness.poller()
    headers = {"Expect": "100-continue", "Content-Length": "1000001"}
    await poller.poster.send(encode_request("POST", poller.target, headers))
    assert (await poller.poster.response()).status == 413


# --- targets


@pytest.mark.parametrize(
    "target",
    [
        "/",
        "/engine.io",
        "//engine.io/",
        "/engine.io//",
        "/engine.io/x",
        "/engine.io/../",
        "/%2e%2e",
        "/engine.io/%00",
        "/Engine.io/",
        "http://localhost/other/",
        "ftp://localhost/engine.io/",
        "http:///engine.io/",
        "http://user@localhost/engine.io/",
        "/engine.io/..;/",
        "*",
    ],
)
async def test_only_the_exact_path_is_served(harness: Harness, target: str) -> None:
    response = await harness.request("GET", f"{target}?EIO=4&transport=polling")
    assert response.status in (400, 404)
    assert harness.connections == []


async def test_a_target_in_absolute_form(harness: Harness) -> None:
    """A server must accept it, and believe its host instead of the header (RFC 9112, 3.2.2)."""
    wire = await harness.wire()
    origin = {"Host": "other", "Origin": "http://page.example:81"}
    for start in ("http://page.example:81", "HTTPS://PAGE.example:81"):
        response = await wire.request("GET", f"{start}{POLLING}", origin)
        assert response.status == 200
    # From the second on the head is known and not parsed again.
    target = f"http://page.example:81{POLLING}&sid={harness.connection.sid}"
    for text in ("a", "bc"):
        response = await wire.request("POST", target, origin, f"4{text}".encode())
        assert (response.status, response.text) == (200, "ok")
    assert harness.received == ["a", "bc"]
    assert harness.connection.request.headers["host"] == "PAGE.example:81"
    assert harness.connection.request.target == POLLING
    foreign = {"Host": "page.example:81", "Origin": "http://page.example:81"}
    response = await wire.request("GET", f"http://other{POLLING}", foreign)
    assert response.status == 403


async def test_a_target_in_absolute_form_without_a_path(http: HttpServer) -> None:
    http.route("/", lambda request: Response(200, request.target.encode()))
    async with serving(http=http) as harness:
        for target, expected in (("http://a", "/"), ("http://a?b=c", "/?b=c"), ("http://a/", "/")):
            assert (await harness.request("GET", target)).text == expected


async def test_connect_and_h2c(harness: Harness) -> None:
    wire = await harness.wire()
    await wire.send(b"CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert (await wire.response()).status == 405
    headers = {"Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c", "HTTP2-Settings": "AA"}
    response = await harness.request("GET", POLLING, headers)
    assert response.status == 200
    assert response.headers["connection"] == "close"


# --- plain routes


async def test_a_route(http: HttpServer) -> None:
    async with serving(http=http) as harness:
        response = await harness.request("GET", "/hello?a=1")
        assert (response.status, response.reason, response.text) == (200, "OK", "hello")
        assert response.headers["content-type"] == "text/plain"
        date = response.headers["date"]
        assert re.fullmatch(r"[MTWFS][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT", date)


async def test_a_head_request_gets_the_head_of_the_answer(http: HttpServer) -> None:
    async with serving(http=http) as harness:
        wire = await harness.wire()
        response = await wire.request("HEAD", "/hello")
        assert response.headers["content-length"] == "5"
        assert response.headers["x-method"] == "HEAD"
        assert (await wire.request("HEAD", "/none")).status == 404
        assert (await wire.request("HEAD", POLLING)).headers["content-length"] == "43"
        assert (await wire.request("GET", "/hello")).text == "hello"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH"])
async def test_a_route_takes_no_other_method(http: HttpServer, method: str) -> None:
    async with serving(http=http) as harness:
        for path in ("/hello", "/none"):
            response = await harness.request(method, path)
            assert (response.status, response.body) == (405, b"")
            assert response.headers["allow"] == "GET, HEAD"


async def test_no_route_and_a_fallback(http: HttpServer) -> None:
    async with serving(http=http) as harness:
        response = await harness.request("GET", "/none")
        assert (response.status, response.text) == (404, "Not found")
        http.fallback(lambda request: Response(200, request.target.encode()))
        assert (await harness.request("GET", "/none?a")).text == "/none?a"


async def test_statuses_without_a_body(http: HttpServer) -> None:
    http.route("/304", lambda _: Response(304, headers=[("ETag", '"a"')]))
    async with serving(http=http) as harness:
        wire = await harness.wire()
        response = await wire.request("GET", "/304")
        assert response.status == 304
        assert "content-length" not in response.headers
        assert (await wire.request("GET", "/hello")).text == "hello"


async def test_an_asynchronous_route(http: HttpServer) -> None:
    event = asyncio.Event()

    async def later(_request: Request) -> Response:
        await event.wait()
        return Response(200, b"later")

    http.route("/later", later)
    async with serving(http=http) as harness:
        wire = await harness.wire()
        await wire.send(encode_request("GET", "/later") + GET)
        for _ in range(10):
            await asyncio.sleep(0)
        event.set()
        assert (await wire.response()).text == "later"
        assert (await wire.response()).text == "hello"


async def test_a_client_that_leaves_before_an_asynchronous_route_answers(
    http: HttpServer, caplog: pytest.LogCaptureFixture
) -> None:
    event = asyncio.Event()
    started = asyncio.Event()

    async def later(_request: Request) -> Response:
        started.set()
        await event.wait()
        return Response(200, b"later")

    http.route("/later", later)
    async with serving(http=http) as harness:
        wire = await harness.wire()
        await wire.send(encode_request("GET", "/later"))
        await started.wait()
        wire.abort()
        await until(lambda: not http.connections)
        event.set()
        await until(lambda: not http._tasks)
    assert caplog.records == []


async def test_the_server_may_close_while_a_route_is_busy(http: HttpServer) -> None:
    started = asyncio.Event()

    async def never(_request: Request) -> Response:
        started.set()
        await asyncio.Event().wait()
        raise AssertionError

    http.route("/never", never)
    async with serving(http=http) as harness:
        wire = await harness.wire()
        await wire.send(encode_request("GET", "/never"))
        await started.wait()
        await harness.server.stop()
        assert (await wire.response()).status == 503
        assert await wire.ended() == b""


def failing(_request: Request) -> Response:
    raise RuntimeError("a mistake")


async def failing_later(_request: Request) -> Response:
    raise RuntimeError("a mistake")


def injected(_request: Request) -> Response:
    return Response(200, b"", [("X-A", "1\r\nSet-Cookie: a=b")])


async def unknown_status(_request: Request) -> Response:
    return Response(299)


async def nothing(_request: Request) -> Response:
    return cast(Response, None)


@pytest.mark.parametrize("handler", [failing, failing_later, injected, unknown_status, nothing])
async def test_a_route_that_fails_is_answered_and_logged(
    http: HttpServer, handler: http_module.Route, caplog: pytest.LogCaptureFixture
) -> None:
    http.route("/failing", handler)
    async with serving(http=http) as harness:
        wire = await harness.wire()
        response = await wire.request("GET", "/failing")
        assert (response.status, response.body) == (500, b"")
        assert "x-a" not in response.headers
        assert (await wire.request("GET", "/hello")).text == "hello"
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert "/failing" in caplog.records[0].getMessage()


# --- listening


async def test_a_port_needs_a_listener() -> None:
    with pytest.raises(UsageError, match="no port before"):
        _ = HttpServer().port


async def test_closing_a_server_that_never_listened() -> None:
    await HttpServer().close()
    await Server().stop()


async def test_two_servers_cannot_share_a_path() -> None:
    http = HttpServer()
    http.mount(Server())
    http.mount(Server(path="/other"))
    with pytest.raises(UsageError, match=r"second server on the path '/engine\.io/'"):
        http.mount(Server())


async def test_listening_on_a_socket_of_ones_own() -> None:
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    server = Server()
    await server.listen(sock=sock)
    assert server.port == sock.getsockname()[1]
    async with connect(server.port) as wire:
        assert (await wire.request("GET", POLLING)).status == 200
    await server.stop()


async def test_no_packet_waits_for_the_one_before() -> None:
    """Nagle's algorithm is off on each connection, also on those of a socket of one's own."""
    server, http = Server(), HttpServer()
    await server.listen(sock=socket.create_server(("127.0.0.1", 0)), http=http)
    async with connect(server.port) as wire:
        assert (await wire.request("GET", POLLING)).status == 200
        (transport,) = http.connections
        accepted = transport.get_extra_info("socket")
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0
    await server.stop()


async def test_an_http_server_may_listen_twice_and_again_after_closing(http: HttpServer) -> None:
    for _ in range(2):
        await http.listen(port=0)
        await http.listen(port=0)
        for listener in http._listeners:
            port = listener.sockets[0].getsockname()[1]
            async with connect(port) as wire:
                assert (await wire.request("GET", "/hello")).text == "hello"
        await http.close()


async def test_a_unix_socket_has_no_client_address(
    http: HttpServer, tmp_path_factory: pytest.TempPathFactory
) -> None:
    clients: list[str] = []

    def record(request: Request) -> Response:
        clients.append(request.client)
        return Response()

    http.route("/record", record)
    path = str(tmp_path_factory.mktemp("unix") / "socket")
    sock = socket.socket(socket.AF_UNIX)
    sock.bind(path)
    await http.listen(sock=sock)
    reader, writer = await asyncio.open_unix_connection(path)
    wire = Wire(reader, writer)
    assert (await wire.request("GET", "/record")).status == 200
    await wire.close()
    await http.close()
    assert clients == [""]


async def test_tls(http: HttpServer) -> None:
    """Without a half-close, which TLS does not have, the connection ends all the same."""
    secure: list[bool] = []

    def record(request: Request) -> Response:
        secure.append(request.secure)
        return Response(200, b"hello")

    http.route("/record", record)
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_context.load_cert_chain(CERTIFICATE)
    client_context = ssl.create_default_context(cafile=CERTIFICATE)
    await http.listen(port=0, ssl=server_context)
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", http.port, ssl=client_context, server_hostname="localhost"
    )
    wire = Wire(reader, writer)
    assert (await wire.request("GET", "/record")).text == "hello"
    assert (await wire.request("GET", "/record", {"Connection": "close"})).text == "hello"
    assert secure == [True, True]
    await wire.close()
    await http.close()


async def test_an_answer_on_a_connection_that_is_being_closed(http: HttpServer) -> None:
    def close(_request: Request) -> Response:
        for transport in http.connections:
            transport.close()
        return Response()

    http.route("/close", close)
    async with serving(http=http) as harness:
        wire = await harness.wire()
        await wire.send(encode_request("GET", "/close", {"Connection": "close"}))
        assert (await wire.ended())[:12] in (b"", b"HTTP/1.1 200")
        await until(lambda: not http.connections)


async def test_a_peer_that_stays_when_the_server_closes(harness: Harness, clock: Clock) -> None:
    """A peer that takes nothing cannot hold the server up for longer than a second."""
    harness.server.http.route("/large", large)
    wire = await harness.wire(receive_buffer=4_096)
    await wire.send(encode_request("GET", "/large"))
    await stalled(harness.server.http)
    stopping = asyncio.create_task(harness.server.stop())
    for _ in range(60):
        await clock.advance(0.02)
    assert stopping.done()
    await until(lambda: not harness.server.http.connections)


def test_the_descriptor_limit_is_raised_to_what_is_allowed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import resource

    asked: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: asked.append(limits))
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, 20_000))
    http_module.raise_descriptor_limit()
    assert asked == [(20_000, 20_000)]
    monkeypatch.setattr(resource, "getrlimit", lambda _: (20_000, 20_000))
    http_module.raise_descriptor_limit()
    monkeypatch.setattr(sys, "platform", "win32")
    http_module.raise_descriptor_limit()
    assert len(asked) == 1

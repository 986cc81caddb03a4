"""Answers that come piece by piece, as fast as the peer reads (RFC 9112, section 7.1)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator

import pytest

from engineio_min import HttpServer, Request, Response, StreamedResponse
from engineio_min.http.connection import HttpConnection
from tests.engineio_min.harness import serving
from tests.engineio_min.wire import encode_request
from tests.hostile.memory import MemoryTransport
from tests.waiting import until

GET = encode_request("GET", "/hello")
STREAM = encode_request("GET", "/stream")
HEADERS = [("Content-Type", "text/plain")]


class Pieces:
    """What a route sends, and how far it is."""

    def __init__(self, *pieces: bytes, error: Exception | None = None) -> None:
        self.pieces = pieces
        self.error = error
        self.given = 0
        self.ended = False
        self.free = asyncio.Event()
        self.free.set()

    async def stream(self) -> AsyncGenerator[bytes, None]:
        try:
            for piece in self.pieces:
                await self.free.wait()
                self.given += 1
                yield piece
            await self.free.wait()
            if self.error is not None:
                raise self.error
        finally:
            self.ended = True

    def now(self, _request: Request) -> Response:
        return StreamedResponse(self.stream(), 200, HEADERS)

    async def later(self, request: Request) -> Response:
        await asyncio.sleep(0)
        return self.now(request)


async def turns() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


@pytest.mark.parametrize("handler", ["now", "later"])
async def test_pieces_are_chunks_and_the_connection_goes_on(http: HttpServer, handler: str) -> None:
    pieces = Pieces(b"one", b"", b"x" * 17)
    http.route("/stream", getattr(pieces, handler))
    async with serving(http=http):
        transport = MemoryTransport(HttpConnection(http))
        transport.receive(STREAM + GET)
        await turns()
        head, _, rest = bytes(transport.sent).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nDate: ")
        assert head.endswith(b"Transfer-Encoding: chunked")
        chunks = b"3\r\none\r\n11\r\n" + b"x" * 17 + b"\r\n0\r\n\r\n"
        assert rest.startswith(chunks + b"HTTP/1.1 200 OK\r\n")
        assert rest.endswith(b"\r\n\r\nhello")
        assert pieces.ended
        transport.lose()


async def test_a_head_request_gets_no_piece(http: HttpServer) -> None:
    pieces = Pieces(b"one")
    http.route("/stream", pieces.now)
    async with serving(http=http):
        transport = MemoryTransport(HttpConnection(http))
        transport.receive(encode_request("HEAD", "/stream") + GET)
        await turns()
        assert b"Transfer-Encoding: chunked\r\n\r\nHTTP/1.1 200 OK" in transport.sent
        assert pieces.given == 0
        transport.lose()


async def test_a_connection_that_is_to_be_closed_is(http: HttpServer) -> None:
    http.route("/stream", Pieces(b"one").now)
    async with serving(http=http):
        transport = MemoryTransport(HttpConnection(http))
        transport.receive(encode_request("GET", "/stream", {"Connection": "close"}))
        await turns()
        assert b"Connection: close\r\nTransfer-Encoding: chunked\r\n" in transport.sent
        assert transport.sent.endswith(b"0\r\n\r\n")
        assert transport.ended
        transport.lose()


async def test_a_peer_that_does_not_read_gets_no_more(http: HttpServer) -> None:
    pieces = Pieces(b"one", b"two", b"three")
    http.route("/stream", pieces.now)
    async with serving(http=http):
        connection = HttpConnection(http)
        transport = MemoryTransport(connection)
        connection.pause_writing()
        transport.resume_reading()
        connection.resume_writing()
        pieces.free.clear()
        transport.receive(STREAM)
        await turns()
        connection.pause_writing()
        pieces.free.set()
        await turns()
        assert pieces.given == 1
        connection.resume_writing()
        await turns()
        assert transport.sent.endswith(b"5\r\nthree\r\n0\r\n\r\n")
        transport.lose()


async def asked(http: HttpServer, pieces: Pieces) -> tuple[HttpConnection, MemoryTransport]:
    """Return a connection that has asked for the pieces, none of which is free after the first."""
    connection = HttpConnection(http)
    transport = MemoryTransport(connection)
    pieces.free.clear()
    transport.receive(STREAM)
    await turns()
    return connection, transport


@pytest.mark.parametrize("waits", [True, False])
async def test_a_peer_that_is_gone_ends_the_pieces(http: HttpServer, waits: bool) -> None:
    pieces = Pieces(b"one", b"two", b"three")
    http.route("/stream", pieces.now)
    async with serving(http=http):
        connection, transport = await asked(http, pieces)
        if waits:
            connection.pause_writing()
            pieces.free.set()
            await turns()
        transport.lose()
        pieces.free.set()
        await turns()
        assert (pieces.given, pieces.ended) == (1, True)


@pytest.mark.parametrize(
    ("left", "waits"),
    [
        ((b"one", b"two"), True),
        ((b"one", b"two"), False),
        ((b"one",), True),
        ((b"one",), False),
        ((), False),
    ],
)
async def test_a_refusal_ends_the_pieces(
    http: HttpServer, caplog: pytest.LogCaptureFixture, left: tuple[bytes, ...], waits: bool
) -> None:
    """A peer that does not read sends nonsense: nobody waits for it any more."""
    pieces = Pieces(*left)
    http.route("/stream", pieces.later)
    async with serving(http=http):
        connection, transport = await asked(http, pieces)
        if waits:
            connection.pause_writing()
            transport.resume_reading()
            pieces.free.set()
            await turns()
        transport.receive(b"nonsense\r\n\r\n")
        pieces.free.set()
        await turns()
        assert transport.ended
        assert (pieces.given, pieces.ended) == (min(1, len(left)), True)
        assert b"400" not in transport.sent
        assert caplog.records == []
        transport.lose()


async def test_a_peer_that_is_gone_before_the_first_piece(http: HttpServer) -> None:
    pieces = Pieces(b"one")
    http.route("/stream", pieces.later)
    async with serving(http=http):
        transport = MemoryTransport(HttpConnection(http))
        transport.receive(STREAM)
        transport.lose()
        await turns()
        assert pieces.given == 0


async def test_pieces_that_fail_cut_the_connection(
    http: HttpServer, caplog: pytest.LogCaptureFixture
) -> None:
    pieces = Pieces(b"one", error=LookupError("gone"))
    http.route("/stream", pieces.later)
    async with serving(http=http):
        transport = MemoryTransport(HttpConnection(http))
        with caplog.at_level(logging.ERROR, "engineio_min.http"):
            transport.receive(STREAM)
            await turns()
        assert transport.sent.endswith(b"3\r\none\r\n")
        assert transport.ended
        assert [one.getMessage() for one in caplog.records] == ["the answer to '/stream' was cut"]
        transport.lose()


async def test_the_end_of_the_server_cuts_it(http: HttpServer) -> None:
    pieces = Pieces(b"one", b"two")
    http.route("/stream", pieces.later)
    async with serving(http=http) as harness:
        wire = await harness.wire()
        pieces.free.clear()
        await wire.send(STREAM)
        await until(lambda: bool(http.connections))
        await turns()
    await until(lambda: pieces.ended or pieces.given == 0)
    assert pieces.given == 0

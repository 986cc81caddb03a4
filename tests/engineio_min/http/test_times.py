"""How long a connection may take: for heads, for bodies, for reading its answers."""

from __future__ import annotations

import asyncio

import pytest

from engineio_min import HttpLimits, HttpServer, Response
from tests.engineio_min.harness import (
    POLLING,
    WEBSOCKET,
    Clock,
    Harness,
    serving,
)
from tests.engineio_min.http.requests import get, large, refused, short_of_room, stalled
from tests.engineio_min.wire import HANDSHAKE, encode_request
from tests.waiting import until

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
        many = get("A: 1\r\nB: 1\r\nC: 1\r\n")
        assert await refused(harness, many) == 431
        assert await refused(harness, many[:-2] + b"D: 1\r\nE: 1") == 431
        assert await refused(harness, encode_request("GET", "/" + "x" * 50)) == 414
        wire = await harness.wire()
        assert (await wire.request("GET", POLLING)).status == 200
        await clock.advance(3)
        assert await wire.ended() == b""
        silent = await harness.wire()
        await until(lambda: harness.server.http.connections)
        await clock.advance(1.5)
        assert await silent.ended() == b""


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

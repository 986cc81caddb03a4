"""`connection.py` over the wire: keep-alive, requests in their turn, bodies, targets."""

from __future__ import annotations

import asyncio
import socket

import pytest

from engineio_min import HttpServer, Response
from engineio_min.http.connection import HttpConnection
from tests.engineio_min.harness import (
    POLLING,
    WEBSOCKET,
    Clock,
    Harness,
    assert_refused,
    serving,
)
from tests.engineio_min.http.requests import get
from tests.engineio_min.wire import HANDSHAKE, encode_request
from tests.frames import packet_frame
from tests.hostile.memory import MemoryTransport
from tests.waiting import until

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
    transport.lose()


async def test_however_many_requests_come_at_once_each_is_answered_in_order(
    harness: Harness,
) -> None:
    target = (await harness.poller()).target
    harness.echo = False
    connection = HttpConnection(harness.server.http)
    transport = MemoryTransport(connection)
    count = 20_000 // len(get(""))
    # A body that is longer than what is parsed at once, one in chunks, and an end within a head.
    post = encode_request("POST", target, None, b"4" + b"x" * 30_000)
    head = get("Transfer-Encoding: chunked\r\n", line=f"POST {target} HTTP/1.1")
    chunked = head + b"1\r\n4\r\n" + b"5\r\nhello\r\n" * 4_000 + b"0\r\n\r\n"
    data = get("") * count + post + chunked + get("") * count
    transport.receive(data[:-7])
    # It was on its way when reading paused.
    connection.data_received(data[-7:-3])
    most = 0
    for number in range(2, 2 * count):
        most = max(most, len(connection._queue))
        assert len(harness.connections) <= number
        assert not transport.is_reading()
        await asyncio.sleep(0)
    await until(transport.is_reading)
    transport.receive(data[-3:])
    await until(lambda: len(harness.connections) == 1 + 2 * count)
    assert most <= 16 + 8_192 // len(get(""))
    assert harness.received == ["x" * 30_000, "hello" * 4_000]
    bodies = [answer.partition(b"\r\n\r\n")[2] for answer in transport.sent.split(b"HTTP/1.1 ")[1:]]
    assert bodies[count : count + 2] == [b"ok", b"ok"]
    sids = [connection.sid.encode() for connection in harness.connections[1:]]
    greetings = bodies[:count] + bodies[count + 2 :]
    assert all(sid in body for sid, body in zip(sids, greetings, strict=True))
    transport.lose()


async def test_a_websocket_behind_many_requests(harness: Harness) -> None:
    wire = await harness.wire()
    count = 20_000 // len(get(""))
    handshake = encode_request("GET", WEBSOCKET, HANDSHAKE)
    await wire.send(get("") * count + handshake + packet_frame("4a") * 2_000)
    for _ in range(count):
        assert (await wire.response()).status == 200
    assert (await wire.response()).status == 101
    assert str(await wire.packet())[:2] == "0{"
    for _ in range(2_000):
        assert await wire.packet() == "4a"


async def test_nonsense_behind_many_requests_is_refused_in_its_turn(harness: Harness) -> None:
    wire = await harness.wire()
    count = 20_000 // len(get(""))
    await wire.send(get("") * count + b"nonsense\r\n\r\n")
    statuses = [(await wire.response()).status for _ in range(count - 8_192 // len(get("")) - 16)]
    assert set(statuses) == {200}
    assert b"HTTP/1.1 200 OK" in await wire.ended()


async def test_requests_that_wait_for_a_peer_that_reads_nothing(harness: Harness) -> None:
    """What is held is not taken while the answers are not."""
    connection = HttpConnection(harness.server.http)
    transport = MemoryTransport(connection)
    poller = await harness.poller()
    parked = encode_request("GET", poller.target)
    count = 20_000 // len(get(""))
    transport.receive(parked + get("") * count)
    connection.pause_writing()
    connection.resume_writing()
    for _ in range(3):
        await asyncio.sleep(0)
    # The parked poll is the one whose turn it is.
    assert (len(harness.connections), transport.is_reading()) == (1, False)
    connection.pause_writing()
    harness.connection.send("now")
    for _ in range(3):
        await asyncio.sleep(0)
    assert len(harness.connections) == 1
    connection.resume_writing()
    await until(lambda: len(harness.connections) == 1 + count)
    await until(transport.is_reading)
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


async def test_chunks_behind_a_parked_poll_are_put_together(harness: Harness) -> None:
    harness.echo = False
    poller = await harness.poller()
    await poller.park()
    request = encode_request("POST", poller.target, {"Transfer-Encoding": "chunked"})
    await poller.getter.send(request + b"3\r\n4be\r\n4\r\nhind\r\n0\r\n\r\n")
    await asyncio.sleep(0)
    harness.connection.send("now")
    assert (await poller.getter.response()).text == "4now"
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
    assert harness.server.account.held == 3
    poller.getter.abort()
    await until(lambda: harness.closed)
    assert harness.server.account.held == 0


async def test_half_a_body_that_is_too_much_for_all() -> None:
    """Its own connection goes when nobody holds more."""
    async with serving(max_held=100_000) as harness:
        poller = await harness.poller()
        transport = MemoryTransport(HttpConnection(harness.server.http))
        request = encode_request("POST", poller.target, {"Content-Length": "200000"})
        transport.receive(request + b"4" * 100_001)
        assert transport.sent.startswith(b"HTTP/1.1 413 ")
        assert harness.server.account.held == 0
        transport.lose()


@pytest.mark.parametrize("count", [16, 300])
async def test_many_requests_behind_a_parked_poll(harness: Harness, count: int) -> None:
    poller = await harness.poller()
    await poller.park()
    await poller.getter.send(get("") * count)
    for _ in range(20):
        await asyncio.sleep(0)
    assert len(harness.connections) == 1
    harness.connection.send("now")
    for _ in range(1 + count):
        assert (await poller.getter.response()).status == 200
    assert len(harness.connections) == 1 + count


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
    await until(lambda: exchange._connection._reader._body_size == 3_000_000)
    assert exchange.body is None
    harness.connection.send("a")
    assert (await poller.getter.response()).text == "4a"


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


async def test_a_connection_that_was_let_go_reads_nothing_more(harness: Harness) -> None:
    """TLS may still have bytes for it that were read before."""
    connection = HttpConnection(harness.server.http)
    transport = MemoryTransport(connection)
    connection._let_go()
    connection.data_received(encode_request("GET", POLLING))
    assert bytes(transport.sent) == b""
    assert not harness.server.sessions
    transport.lose()
    assert not harness.server.http.connections

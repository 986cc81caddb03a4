"""The HTTP client against servers that answer well, badly, too much, or not at all."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from engineio_min import ConnectionFailed
from engineio_min.client.address import parse_url
from engineio_min.client.http import HttpClient
from tests.engineio_min.harness import Clock
from tests.engineio_min.scripted import Peer, Script, Scripted, scripted, silence

CERTIFICATE = Path(__file__).parents[1] / "localhost.pem"


@asynccontextmanager
async def talking(
    *scripts: Script, max_body: int = 1000, headers: dict[str, str] | None = None
) -> AsyncIterator[tuple[HttpClient, Scripted]]:
    """A client and its scripted server."""
    async with scripted(*scripts) as server:
        client = HttpClient(
            parse_url(server.url), ssl=None, headers=headers or {}, max_body=max_body
        )
        try:
            yield client, server
        finally:
            client.close()
        assert client.connections == set() or all(
            connection.transport.is_closing() for connection in client.connections
        )


async def failure(client: HttpClient) -> str:
    """How a GET fails."""
    with pytest.raises(ConnectionFailed) as caught:
        await client.request("GET", "/")
    return str(caught.value)


def writes(data: bytes) -> Script:
    """A server that answers one request with these bytes and then only listens."""

    async def script(peer: Peer) -> None:
        await peer.request()
        peer.write(data)
        await silence(peer)

    return script


async def test_a_request_and_its_answer() -> None:
    async def script(peer: Peer) -> None:
        request = await peer.request()
        assert (request.method, request.target) == ("POST", "/path?a=b")
        assert request.headers == {
            "host": peer_host,
            "x-one": "1",
            "content-type": "text/plain;charset=UTF-8",
            "content-length": "5",
        }
        assert request.body == b"4h\xc3\xa9y"
        peer.answer("ok", "X-A: 1", "x-a: 2", status="418 Tea")
        await silence(peer)

    async with talking(script, headers={"X-One": "1"}) as (client, server):
        peer_host = server.url.removeprefix("http://")
        response = await client.request("POST", "/path?a=b", "4héy".encode())
        assert response.status == 418
        assert response.body == b"ok"
        assert response.headers == {"x-a": "1, 2", "content-length": "2"}


async def test_a_host_header_of_the_application_stands_alone() -> None:
    async def script(peer: Peer) -> None:
        assert (await peer.request()).headers["host"] == "virtual.example"
        peer.answer("ok")

    async with talking(script, headers={"host": "virtual.example"}) as (client, _):
        assert (await client.request("GET", "/")).body == b"ok"


async def test_one_connection_serves_many_requests() -> None:
    async def script(peer: Peer) -> None:
        for number in range(3):
            await peer.request()
            peer.answer(str(number))
        await silence(peer)

    async with talking(script) as (client, server):
        for number in range(3):
            assert (await client.request("GET", "/")).body == str(number).encode()
        assert len(server.peers) == 1


@pytest.mark.parametrize(
    ("header", "seconds", "connections"),
    [
        ("X: y", 3.5, 1),
        ("X: y", 4.5, 2),
        ("Keep-Alive: timeout=2, max=9", 0.5, 1),
        ("Keep-Alive: max=9, timeout=2", 1.5, 2),
        ("Keep-Alive: timeout=60", 3.5, 1),
        ("Keep-Alive: timeout=60", 4.5, 2),
        ("Keep-Alive: timeout=soon", 3.5, 1),
        ("Connection: close", 0.0, 2),
    ],
)
async def test_a_connection_that_the_server_may_just_be_closing_is_not_used(
    header: str, seconds: float, connections: int, clock: Clock
) -> None:
    async def script(peer: Peer) -> None:
        for _ in range(2):
            await peer.request()
            peer.answer("ok", header)
        await silence(peer)

    async with talking(script) as (client, server):
        await client.request("GET", "/")
        await clock.advance(seconds)
        assert (await client.request("GET", "/")).body == b"ok"
        assert len(server.peers) == connections


async def test_a_request_is_never_sent_twice() -> None:
    async def closes_when_asked_again(peer: Peer) -> None:
        await peer.request()
        peer.answer("ok")
        await peer.request()

    async with talking(closes_when_asked_again, silence) as (client, server):
        await client.request("GET", "/")
        assert await failure(client) == "the connection was lost: closed by the server"
        assert len(server.peers) == 1


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\nlink: x\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabcde",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabcde",
    ],
)
async def test_forms_of_an_answer_in_pieces_of_one_byte(data: bytes) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        for byte in data:
            peer.write(bytes((byte,)))
            await asyncio.sleep(0)
        await silence(peer)

    async with talking(script) as (client, _):
        response = await client.request("GET", "/")
        assert (response.status, response.body) == (200, b"abcde")
        assert "link" not in response.headers


async def test_an_answer_that_ends_with_the_connection() -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        peer.write(b"HTTP/1.1 200 OK\r\n\r\nabcde")

    async with talking(script) as (client, _):
        assert (await client.request("GET", "/")).body == b"abcde"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"SSH-2.0-OpenSSH_9\r\n\r\n", "got a malformed HTTP answer"),
        (b"\x00" * 100, "got a malformed HTTP answer"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", "malformed"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "malformed"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "malformed"),
        (b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 101 + b"\r\n", "got more than 100 HTTP headers"),
        (b"HTTP/1.1 200 OK\r\na: " + b"b" * 16_384 + b"\r\n\r\n", "got more than 100 HTTP headers"),
        (b"HTTP/1.1 200 OK\r\na: " + b"b" * 20_000, "got more than 16384 bytes of HTTP headers"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\n\x1f",
            "got a compressed HTTP answer",
        ),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n" + b"a" * 1001,
            "got an HTTP answer of more than 1000 bytes",
        ),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            + b"1;"
            + b"x" * 20_000
            + b"\r\na\r\n",
            "got more HTTP framing than body",
        ),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 1000, "got more than 16384 bytes of HTTP headers"),
    ],
)
async def test_an_answer_that_cannot_be_is_refused(data: bytes, message: str) -> None:
    async def in_two_pieces(peer: Peer) -> None:
        await peer.request()
        peer.write(data[:60])
        await asyncio.sleep(0.001)
        peer.write(data[60:])
        await silence(peer)

    async with talking(in_two_pieces) as (client, server):
        assert message in await failure(client)
        await server.gone()


async def test_endless_headers_are_refused_however_slowly_they_come() -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        peer.write(b"HTTP/1.1 200 OK\r\n")
        for number in range(100_000):
            peer.write(b"Set-Cookie: a=b\r\n" if number % 2 else b"x: y\r\n")
            await asyncio.sleep(0)
            if peer.writer.is_closing():
                return

    async with talking(script) as (client, _):
        assert "HTTP headers" in await failure(client)


async def test_a_connection_that_ends_too_early() -> None:
    async def at_once(peer: Peer) -> None:
        await peer.request()

    async def in_the_body(peer: Peer) -> None:
        await peer.request()
        peer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc")

    async with talking(at_once, in_the_body) as (client, _):
        assert await failure(client) == "the connection was lost: closed by the server"
        assert await failure(client) == "the connection was lost: closed by the server"


async def test_a_connection_that_is_reset() -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        peer.writer.transport.abort()

    async with talking(script) as (client, _):
        assert (await failure(client)).startswith("the connection was lost: ")


async def test_nobody_listens() -> None:
    async with scripted(silence) as server:
        address = parse_url(server.url)
    client = HttpClient(address, ssl=None, headers={}, max_body=1)
    assert (await failure(client)).startswith(f"could not connect to localhost port {address.port}")


async def test_what_was_not_asked_for_ends_the_connection() -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        peer.answer("ok")
        await asyncio.sleep(0.001)
        peer.answer("more")
        await silence(peer)

    async with talking(script) as (client, server):
        await client.request("GET", "/")
        await server.gone()
        await client.request("GET", "/")
        assert len(server.peers) == 2


@pytest.mark.parametrize(
    "more", [b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nb", b"HTTP/1.1 200 OK\r\nContent-", b"H"]
)
async def test_more_than_one_answer_is_not_taken_for_the_next(more: bytes) -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n"
    async with talking(writes(answer + b"a" + more), writes(answer + b"c")) as (client, server):
        assert (await client.request("GET", "/")).body == b"a"
        assert (await client.request("GET", "/")).body == b"c"
        await server.gone(0)


async def test_cancelling_a_request_closes_its_connection() -> None:
    async with talking(silence) as (client, server):
        task = asyncio.create_task(client.request("GET", "/"))
        await server.peer()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await server.gone()


async def test_closing_fails_what_is_under_way() -> None:
    async with talking(silence) as (client, server):
        task = asyncio.create_task(client.request("GET", "/"))
        await server.peer()
        client.close()
        with pytest.raises(ConnectionFailed, match="the connection was lost"):
            await task


async def test_a_connection_that_is_lost_before_the_request() -> None:
    async with talking(silence) as (client, _):
        connection = await client._connect()
        connection.abort()
        with pytest.raises(ConnectionFailed, match="the server closed the connection"):
            await connection.exchange(b"GET / HTTP/1.1\r\n\r\n")


@pytest.mark.parametrize("pieces", [1, 2])
async def test_an_answer_to_nothing_leaves_no_cookie(pieces: int) -> None:
    """It ends the connection, whether it comes in the read of the answer before it or later."""
    asked = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    unasked = b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nContent-Length: 2\r\n\r\nno"

    async def script(peer: Peer) -> None:
        await peer.request()
        peer.write(asked + unasked if pieces == 1 else asked)
        if pieces == 2:
            await peer.writer.drain()
            await asyncio.sleep(0)
            peer.write(unasked)
        await silence(peer)

    async with talking(script) as (client, server):
        assert (await client.request("GET", "/")).body == b"ok"
        await server.gone()
        assert client.cookies.header(0.0) == ""


async def test_cookies_are_sent_back() -> None:
    async def script(peer: Peer) -> None:
        assert "cookie" not in (await peer.request()).headers
        peer.answer("ok", "Set-Cookie: a=1; Path=/", "Set-Cookie: b=2; HttpOnly")
        assert (await peer.request()).headers["cookie"] == "a=1; b=2"
        peer.answer("ok")
        await silence(peer)

    async with talking(script) as (client, _):
        await client.request("GET", "/")
        await client.request("GET", "/")


def server_certificate() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    return context


async def answers_ok(peer: Peer) -> None:
    await peer.request()
    peer.answer("ok")


async def test_a_certificate_is_verified_unless_told_otherwise() -> None:
    async with scripted(answers_ok, certificate=server_certificate()) as server:
        address = parse_url(server.url)
        strict = HttpClient(address, ssl=None, headers={}, max_body=10)
        assert "certificate verify failed" in await failure(strict)
        trusting = HttpClient(
            address,
            ssl=ssl.create_default_context(cafile=str(CERTIFICATE)),
            headers={},
            max_body=10,
        )
        assert (await trusting.request("GET", "/")).body == b"ok"


async def test_a_certificate_for_another_name_is_refused() -> None:
    async with scripted(answers_ok, certificate=server_certificate()) as server:
        client = HttpClient(
            parse_url(server.url.replace("localhost", "127.0.0.2")),
            ssl=ssl.create_default_context(cafile=str(CERTIFICATE)),
            headers={},
            max_body=10,
        )
        text = await failure(client)
        assert "certificate" in text or "Connect call failed" in text
